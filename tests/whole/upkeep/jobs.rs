//! Jobs over real instances: once for all of them, one at a time, in processes of their own.
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::support::db::Db;
use crate::support::eventually;
use crate::upkeep::leases::open;
use crate::upkeep::log::{empty, now, old};
use crate::upkeep::program::Program;

/// A transaction of somebody's that has a room's row.
pub(crate) struct RoomHeld(PgConnection);

pub(crate) async fn hold_room(db: &Db, room: i64) -> RoomHeld {
    let mut connection = PgConnection::connect(&db.url).await.expect("a connection");
    let hold = format!("BEGIN; SELECT FROM rooms WHERE id = {room} FOR UPDATE");
    let held = sqlx::raw_sql(AssertSqlSafe(hold))
        .execute(&mut connection)
        .await;
    held.expect("held");
    RoomHeld(connection)
}

impl RoomHeld {
    pub(crate) async fn release(mut self) {
        sqlx::raw_sql("ROLLBACK")
            .execute(&mut self.0)
            .await
            .expect("let go");
        self.0.close().await.expect("closed");
    }
}

/// A job that ran an hour ago, and whose time has come often since.
async fn missed(db: &Db, job: &str) {
    db.sql(&format!(
        "INSERT INTO job_runs (job, instance, finished_at, result)
         VALUES ('{job}', 'earlier', CURRENT_TIMESTAMP, 'ok')"
    ))
    .await;
    db.age("job_runs", "started_at", Duration::from_secs(3_600))
        .await;
}

const HOURLY_AND_OFF: [(&str, &str); 2] = [
    ("DISCORDCTL_RETENTION_SCHEDULE", "0 * * * *"),
    ("DISCORDCTL_ARCHIVE_SCHEDULE", "off"),
];

async fn count(db: &Db, of: &str) -> i64 {
    db.number(&format!("SELECT count(*) FROM job_runs WHERE {of}"))
        .await
}

pub(crate) async fn missed_runs_are_made_up_for_by_one_over_all_instances(db: Db) {
    old(&db, 2, 100, now()).await;
    missed(&db, "cleanup").await;
    missed(&db, "archive").await;
    let program = Program::on(&db);
    let _one = program.serve("one", &HOURLY_AND_OFF).await;
    let _two = program.serve("two", &HOURLY_AND_OFF).await;
    eventually("the missed run", async || {
        count(&db, "due_at IS NOT NULL AND result = 'ok'").await > 0
    })
    .await;
    assert_eq!(db.number("SELECT count(*) FROM messages").await, 20);
    let third = program.serve("three", &HOURLY_AND_OFF).await;
    // It has looked when it has asked for the runs there were.
    let program = Program::on(&db);
    let listed = program.run_with(&["jobs", "list"], &HOURLY_AND_OFF).await;
    drop(third);
    assert_eq!(
        count(&db, "due_at IS NOT NULL").await,
        1,
        "one run, however many were missed"
    );
    assert_eq!(
        count(&db, "job = 'archive'").await,
        1,
        "what is off does not run"
    );
    let jobs = &listed.json()["jobs"];
    assert_eq!(listed.json()["schema"], "discordctl.jobs/1");
    assert_eq!(
        (jobs[0]["job"].as_str(), jobs[0]["next"].as_str()),
        (Some("archive"), None)
    );
    assert_eq!(jobs[0]["schedule"], "off");
    assert_eq!(
        (jobs[1]["job"].as_str(), jobs[1]["result"].as_str()),
        (Some("cleanup"), Some("ok"))
    );
    let detail = jobs[1]["detail"].as_str().unwrap_or_default();
    assert_eq!(
        detail,
        "archived 180 and deleted 180 of 180 messages in 2 rooms"
    );
    assert!(
        jobs[1]["next"].is_string() && jobs[1]["duration_ms"].is_i64(),
        "{jobs}"
    );
}

pub(crate) async fn a_job_that_never_ran_waits_for_its_time(db: Db) {
    old(&db, 1, 100, now()).await;
    let program = Program::on(&db);
    let yearly = [
        ("DISCORDCTL_RETENTION_SCHEDULE", "0 0 1 1 *"),
        HOURLY_AND_OFF[1],
    ];
    let running = program.serve("one", &yearly).await;
    eventually("it lives", async || {
        db.number("SELECT count(*) FROM instances").await == 1
    })
    .await;
    drop(running);
    assert_eq!(count(&db, "1 = 1").await, 0);
}

pub(crate) async fn a_job_does_not_run_beside_itself(db: Db) {
    empty(&db).await;
    let (program, upkeep) = (Program::on(&db), open(&db).await);
    let life = Duration::from_secs(30);
    let taken = upkeep.take_lease("job:cleanup", "another run", life).await;
    assert_eq!(taken.expect("an answer"), None, "free");
    let skipped = program.run(&["jobs", "run", "cleanup"]).await;
    assert_eq!(
        (skipped.code, skipped.json()["result"].as_str()),
        (Some(0), Some("skipped"))
    );
    let other = program.run(&["jobs", "run", "archive"]).await;
    assert_eq!(
        (other.code, other.json()["result"].as_str()),
        (Some(0), Some("ok")),
        "{other:?}"
    );
    upkeep
        .release_lease("job:cleanup", "another run")
        .await
        .expect("released");
    let done = program.run(&["jobs", "run", "cleanup"]).await;
    assert_eq!(
        (done.code, done.json()["result"].as_str()),
        (Some(0), Some("ok")),
        "{done:?}"
    );
    let unknown = program.run(&["jobs", "run", "sweep"]).await;
    assert_eq!(unknown.code, Some(64));
    assert!(
        unknown.stderr.contains("there are archive and cleanup"),
        "{unknown:?}"
    );
}

pub(crate) async fn a_killed_run_is_lost_and_the_next_does_its_work(db: Db) {
    old(&db, 1, 100, now()).await;
    let program = Program::on(&db);
    let fault = [("DISCORDCTL_TEST_FAULT", "cleanup:archived")];
    let killed = program.run_with(&["jobs", "run", "cleanup"], &fault).await;
    assert_eq!(killed.code, None);
    db.age("leases", "until", Duration::from_secs(60)).await;
    db.age("job_runs", "started_at", Duration::from_secs(61))
        .await;
    let listed = program.run(&["jobs", "list"]).await;
    assert_eq!(listed.json()["jobs"][1]["result"], "lost", "{listed:?}");
    let done = program.run(&["jobs", "run", "cleanup"]).await;
    assert_eq!(done.json()["result"], "ok", "{done:?}");
    assert_eq!(db.number("SELECT count(*) FROM messages").await, 10);
}

pub(crate) async fn a_run_that_fails_says_why(db: Db) {
    old(&db, 1, 100, now()).await;
    missed(&db, "cleanup").await;
    let program = Program::on(&db);
    std::fs::write(program.path("file"), "no folder").expect("written");
    let broken = [
        HOURLY_AND_OFF[0],
        HOURLY_AND_OFF[1],
        ("DISCORDCTL_ARCHIVE_URL", "file:file/archive"),
    ];
    let _one = program.serve("one", &broken).await;
    eventually("the failed run", async || {
        count(&db, "result = 'failed'").await > 0
    })
    .await;
    assert_eq!(
        db.number("SELECT count(*) FROM messages").await,
        100,
        "nothing is deleted"
    );
    let listed = program.run_with(&["jobs", "list"], &broken).await;
    let report = listed.json();
    let detail = report["jobs"][1]["detail"].as_str().unwrap_or_default();
    assert!(!detail.is_empty(), "{listed:?}");
}
