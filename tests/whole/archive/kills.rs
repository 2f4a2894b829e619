//! Killed at every step, and at any time: run again, it ends in the same state.
use std::time::Duration;

use crate::archive::operator::Operator;
use crate::support::db::Db;

/// The state that counts.
type State = (Vec<String>, Vec<String>, Vec<(String, u64, i64, i64)>);

async fn state(operator: &Operator) -> State {
    (
        operator.dump().await,
        operator.stands().await,
        operator.documents().await,
    )
}

pub(crate) async fn an_archive_killed_anywhere_ends_in_the_same_state(db: Db) {
    let operator = Operator::new(db).await;
    operator.fill(&["general", "other"], 1_500).await;
    let all = operator.dump().await;
    operator.run("archive").await.well();
    let expected = state(&operator).await;
    for point in [
        "archive:written",
        "archive:written:2",
        "archive:read-back",
        "archive:entered",
        "archive:entered:2",
        "archive:marked",
        "archive:deleted",
        "archive:deleted:2",
    ] {
        operator.run("replay archive").await.well();
        assert!(operator.dump().await == all, "before {point}");
        std::fs::remove_dir_all(operator.path("archive")).unwrap();
        operator.db.sql("DELETE FROM room_archive").await;

        operator.killed("archive", point).await;
        operator.run("archive").await.well();
        assert!(state(&operator).await == expected, "killed at {point}");
        let verified = operator.run("archive verify").await.well();
        assert_eq!(verified["unlisted"], 0, "{point}: {verified}");
    }
}

pub(crate) async fn a_replay_killed_anywhere_ends_in_the_same_state(db: Db) {
    let operator = Operator::new(db).await;
    operator.fill(&["general", "other"], 1_500).await;
    let all = operator.dump().await;
    operator.run("archive").await.well();
    let stands = operator.stands().await;
    for point in [
        "replay:verified",
        "replay:claimed",
        "replay:claimed:2",
        "replay:restored",
        "replay:restored:3",
        "replay:refreshed",
    ] {
        operator.killed("replay archive", point).await;
        operator.run("replay archive").await.well();
        assert!(operator.dump().await == all, "killed at {point}");
        assert_eq!(operator.stands().await, stands, "killed at {point}");
        operator.run("archive").await.well();
        assert_eq!(operator.dump().await.len(), 20);
    }
}

pub(crate) async fn killed_at_any_time_nothing_is_lost(db: Db) {
    let operator = Operator::new(db).await;
    operator.fill(&["general"], 3_000).await;
    let all = operator.dump().await;
    let mut killed = 0;
    for line in ["archive", "replay archive", "archive"] {
        let mut tries = 0u32;
        loop {
            tries += 1;
            let mut child = operator.command(line).spawn().unwrap();
            // Later each time, so that in the end it gets to its end.
            let after =
                Duration::from_millis(u64::from(tries * tries) * 7 % 400 + 20 * u64::from(tries));
            tokio::time::sleep(after).await;
            let done = child.try_wait().unwrap();
            child.kill().unwrap();
            killed += u32::from(child.wait().unwrap().code().is_none());
            if let Some(status) = done {
                assert!(status.success(), "{line}: {status}");
                break;
            }
            operator.forget_lease().await;
            // Whatever is not in the database is in the archive.
            if tries.is_multiple_of(4) {
                operator.run("archive verify").await;
            }
        }
        println!("{line} was tried {tries} times");
    }
    assert!(killed > 0, "none was killed before its end");
    assert_eq!(operator.dump().await.len(), 10);
    operator.run("replay archive").await.well();
    assert!(operator.dump().await == all, "every row as it was");
}
