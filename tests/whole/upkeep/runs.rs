//! Runs of jobs as the database has them.
use std::time::Duration;

use chrono::DateTime;
use discordctl::model::RoomId;
use discordctl::store::upkeep::{Look, TableSize};

use crate::support::db::Db;
use crate::upkeep::leases::{open, two};
use crate::upkeep::log::{empty, now, old, say};

pub(crate) async fn a_due_time_is_claimed_once(db: Db) {
    let (one, two) = two(&db).await;
    let due = DateTime::from_timestamp(1_800_000_000, 0).expect("a time");
    for (upkeep, instance, is_first) in [
        (&one, "one", true),
        (&two, "two", false),
        (&one, "one", false),
    ] {
        let run = upkeep.claim_run("cleanup", due, instance).await.unwrap();
        assert_eq!(run.is_some(), is_first, "{instance}");
    }
    for (job, due) in [
        ("archive", due),
        ("cleanup", due + chrono::Duration::minutes(5)),
    ] {
        let other = two.claim_run(job, due, "two").await.expect("an answer");
        assert!(other.is_some(), "{job} at {due} is another run");
    }
    let last = one.last_runs().await.expect("an answer");
    let jobs: Vec<_> = last.iter().map(|run| (&*run.job, run.due_at)).collect();
    let later = due + chrono::Duration::minutes(5);
    assert_eq!(jobs, [("archive", Some(due)), ("cleanup", Some(later))]);
}

pub(crate) async fn a_run_ends_once(db: Db) {
    let (one, _) = two(&db).await;
    let run = one.begin_run("cleanup", "one").await.expect("begun");
    one.end_run(run, "ok", "deleted 3").await.expect("ended");
    let late = one.end_run(run, "failed", "its process was late").await;
    late.expect("no change");
    let last = one.last_runs().await.expect("an answer").remove(0);
    assert_eq!(
        (last.result.as_deref(), last.detail.as_deref(), last.due_at),
        (Some("ok"), Some("deleted 3"), None)
    );
    assert!(last.finished_at.expect("it ended") >= last.started_at);
}

pub(crate) async fn a_run_whose_process_was_killed_is_lost(db: Db) {
    let (one, _) = two(&db).await;
    one.begin_run("cleanup", "killed").await.expect("begun");
    one.begin_run("archive", "at work").await.expect("begun");
    let lease = one.take_lease("job:archive", "at work", Duration::from_secs(30));
    assert_eq!(lease.await.expect("an answer"), None, "free");
    one.tidy_runs().await.expect("tidied");
    db.age("job_runs", "started_at", Duration::from_secs(61))
        .await;
    let results = async || {
        let runs = one.last_runs().await.expect("an answer");
        runs.into_iter().map(|run| run.result).collect::<Vec<_>>()
    };
    assert_eq!(results().await, [None, None], "they have just begun");
    one.tidy_runs().await.expect("tidied");
    assert_eq!(results().await, [None, Some("lost".into())]);
}

/// As a clock that was ten years ahead for a while leaves them.
pub(crate) async fn runs_of_a_time_to_come_do_not_stay_the_last(db: Db) {
    let (one, _) = two(&db).await;
    for (job, ended) in [("cleanup", true), ("archive", false)] {
        let run = one.begin_run(job, "ahead").await.expect("begun");
        if ended {
            one.end_run(run, "ok", "").await.expect("ended");
        }
    }
    let years = Duration::from_secs(3_650 * 86_400);
    db.hasten("job_runs", "started_at", years).await;
    one.tidy_runs().await.expect("tidied");
    let last = one.last_runs().await.expect("an answer");
    let results: Vec<_> = last.iter().map(|run| run.result.as_deref()).collect();
    assert_eq!(results, [Some("lost"), Some("ok")], "none is under way");
    let now = one.now().await.expect("a time");
    assert!(last.iter().all(|run| run.started_at > now));
    one.begin_run("cleanup", "right").await.expect("begun");
    one.tidy_runs().await.expect("tidied");
    let last = one.last_runs().await.expect("an answer");
    let instances: Vec<_> = last.iter().map(|run| &*run.instance).collect();
    assert_eq!(instances, ["ahead", "right"]);
    let all = db.number("SELECT count(*) FROM job_runs").await;
    assert_eq!(all, 2, "what is not the last any more is forgotten");
}

pub(crate) async fn old_runs_are_forgotten_but_for_the_last(db: Db) {
    let (one, _) = two(&db).await;
    for job in ["cleanup", "cleanup", "archive"] {
        let run = one.begin_run(job, "one").await.expect("begun");
        one.end_run(run, "ok", "").await.expect("ended");
    }
    db.age("job_runs", "started_at", Duration::from_secs(8 * 86_400))
        .await;
    one.tidy_runs().await.expect("tidied");
    assert_eq!(db.number("SELECT count(*) FROM job_runs").await, 2);
    let run = one.begin_run("cleanup", "one").await.expect("begun");
    one.end_run(run, "ok", "").await.expect("ended");
    one.tidy_runs().await.expect("tidied");
    let cleanups = "SELECT count(*) FROM job_runs WHERE job = 'cleanup'";
    assert_eq!(db.number(cleanups).await, 1);
}

pub(crate) async fn sizes_are_seen_and_remembered(db: Db) {
    let now = chrono::DateTime::from_timestamp(1_800_000_000, 0).expect("a time");
    old(&db, 2, 700, now).await;
    let upkeep = open(&db).await;
    let tables = upkeep.tables().await.expect("an answer");
    let messages = tables.iter().find(|table| table.name == "messages");
    let messages: &TableSize = messages.expect("it is there");
    assert_eq!((messages.rows, messages.exact), (1_400, true));
    assert!(messages.bytes > messages.index_bytes && messages.index_bytes > 0);
    let size = upkeep.size().await.expect("an answer");
    assert!(size.bytes > messages.bytes);
    assert_eq!(upkeep.looks().await.expect("an answer"), []);
    upkeep.note(&tables).await.expect("noted");
    let looks = upkeep.looks().await.expect("an answer");
    assert_eq!(looks.len(), tables.len());
    let seen = looks.iter().find(|look| look.name == "messages");
    let seen: &Look = seen.expect("there");
    assert_eq!((seen.rows, seen.bytes), (1_400, messages.bytes));
    db.age("table_sizes", "seen_at", Duration::from_secs(8 * 86_400))
        .await;
    upkeep.note(&[]).await.expect("noted");
    assert_eq!(upkeep.looks().await.expect("an answer"), []);
}

pub(crate) async fn what_to_trim_is_found_at_once(db: Db) {
    let now = now();
    empty(&db).await;
    say(&db, 1, &[50, 40, 30, 20], now).await;
    say(&db, 2, &[50, 40], now).await;
    say(&db, 3, &[], now).await;
    let upkeep = open(&db).await;
    let rooms = async |keep, age| {
        let before = now - chrono::Duration::seconds(age);
        let rooms = upkeep.crowded(keep, before).await.expect("an answer");
        let mut rooms: Vec<i64> = rooms.into_iter().map(RoomId::get).collect();
        rooms.sort_unstable();
        rooms
    };
    assert_eq!(rooms(0, 45).await, [1, 2]);
    assert_eq!(rooms(2, 45).await, [1]);
    assert_eq!(rooms(4, 45).await, [0; 0]);
    assert_eq!(rooms(0, 55).await, [0; 0], "all are younger");
    assert_eq!(upkeep.waiting().await.expect("an answer"), 0);
}
