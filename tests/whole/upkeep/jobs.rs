//! Jobs over real instances: once for all of them, one at a time, in processes of their own.
use std::time::Duration;

use serde_json::json;
use sqlx::PgConnection;

use crate::support::db::{Db, connect};
use crate::support::postgres::run;
use crate::support::{Shell, eventually};
use crate::upkeep::leases::{given, open};
use crate::upkeep::log::{empty, now, old};

/// A transaction that has a room's row.
pub(crate) struct RoomHeld(PgConnection);

pub(crate) async fn hold_room(db: &Db, room: i64) -> RoomHeld {
    let mut connection = connect(&db.url).await;
    let hold = format!("BEGIN; SELECT FROM rooms WHERE id = {room} FOR UPDATE");
    run(&mut connection, &hold).await;
    RoomHeld(connection)
}

impl RoomHeld {
    pub(crate) async fn release(mut self) {
        run(&mut self.0, "ROLLBACK").await;
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
    let shell = Shell::on(&db);
    let _one = shell.serve("one", &HOURLY_AND_OFF).await;
    let _two = shell.serve("two", &HOURLY_AND_OFF).await;
    eventually("the missed run", async || {
        count(&db, "due_at IS NOT NULL AND result = 'ok'").await > 0
    })
    .await;
    assert_eq!(db.number("SELECT count(*) FROM messages").await, 20);
    let third = shell.serve("three", &HOURLY_AND_OFF).await;
    // It has looked when it has asked for the runs there were.
    let listed = shell.run_with("jobs list", &HOURLY_AND_OFF).await.well();
    drop(third);
    let due = count(&db, "due_at IS NOT NULL").await;
    assert_eq!(due, 1, "one run, however many were missed");
    let archive = count(&db, "job = 'archive'").await;
    assert_eq!(archive, 1, "what is off does not run");
    assert_eq!(listed["schema"], "discordctl.jobs/1");
    let (archive, cleanup) = (&listed["jobs"][0], &listed["jobs"][1]);
    let told = [&archive["job"], &archive["schedule"], &archive["next"]];
    assert_eq!(told, [&json!("archive"), &json!("off"), &json!(null)]);
    let told = [&cleanup["job"], &cleanup["result"], &cleanup["detail"]];
    let detail = "archived 180 and deleted 180 of 180 entries in 2 rooms";
    assert_eq!(told, ["cleanup", "ok", detail]);
    assert!(
        cleanup["next"].is_string() && cleanup["duration_ms"].is_i64(),
        "{cleanup}"
    );
}

pub(crate) async fn a_job_that_never_ran_waits_for_its_time(db: Db) {
    old(&db, 1, 100, now()).await;
    let shell = Shell::on(&db);
    let yearly = [
        ("DISCORDCTL_RETENTION_SCHEDULE", "0 0 1 1 *"),
        HOURLY_AND_OFF[1],
    ];
    let running = shell.serve("one", &yearly).await;
    eventually("it lives", async || {
        db.number("SELECT count(*) FROM instances").await == 1
    })
    .await;
    drop(running);
    assert_eq!(count(&db, "1 = 1").await, 0);
}

pub(crate) async fn a_job_does_not_run_beside_itself(db: Db) {
    empty(&db).await;
    let (shell, upkeep) = (Shell::on(&db), open(&db).await);
    given(&upkeep, "job:cleanup", "another run").await;
    let skipped = shell.run("jobs run cleanup").await.well();
    assert_eq!(skipped["result"], "skipped");
    let other = shell.run("jobs run archive").await.well();
    assert_eq!(other["result"], "ok", "{other}");
    let released = upkeep.release_lease("job:cleanup", "another run").await;
    released.unwrap();
    let done = shell.run("jobs run cleanup").await.well();
    assert_eq!(done["result"], "ok", "{done}");
    let unknown = shell.run("jobs run sweep").await.exits(64);
    unknown.says("there are archive, cleanup and backup");
}

pub(crate) async fn a_killed_run_is_lost_and_the_next_does_its_work(db: Db) {
    old(&db, 1, 100, now()).await;
    let shell = Shell::on(&db);
    shell.killed("jobs run cleanup", "cleanup:archived").await;
    db.age("leases", "until", Duration::from_secs(60)).await;
    db.age("job_runs", "started_at", Duration::from_secs(61))
        .await;
    let listed = shell.run("jobs list").await.json();
    assert_eq!(listed["jobs"][1]["result"], "lost", "{listed}");
    let done = shell.run("jobs run cleanup").await.json();
    assert_eq!(done["result"], "ok", "{done}");
    assert_eq!(db.number("SELECT count(*) FROM messages").await, 10);
}

pub(crate) async fn a_run_that_fails_says_why(db: Db) {
    old(&db, 1, 100, now()).await;
    missed(&db, "cleanup").await;
    let shell = Shell::on(&db);
    std::fs::write(shell.path("file"), "no folder").expect("written");
    let broken = [
        HOURLY_AND_OFF[0],
        HOURLY_AND_OFF[1],
        ("DISCORDCTL_ARCHIVE_URL", "file:file/archive"),
    ];
    let _one = shell.serve("one", &broken).await;
    eventually("the failed run", async || {
        count(&db, "result = 'failed'").await > 0
    })
    .await;
    let left = db.number("SELECT count(*) FROM messages").await;
    assert_eq!(left, 100, "nothing is deleted");
    let report = shell.run_with("jobs list", &broken).await.json();
    let detail = report["jobs"][1]["detail"].as_str().unwrap_or_default();
    assert!(!detail.is_empty(), "{report}");
}
