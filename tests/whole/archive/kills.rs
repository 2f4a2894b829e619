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
        operator.documents(),
    )
}

pub(crate) async fn an_archive_killed_anywhere_ends_in_the_same_state(db: Db) {
    let operator = Operator::new(db).await;
    operator.fill(&["general", "other"], 1_500).await;
    let all = operator.dump().await;
    operator.run(&["archive"]).well();
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
        operator.run(&["replay", "archive"]).well();
        assert!(operator.dump().await == all, "before {point}");
        std::fs::remove_dir_all(operator.folder.path().join("archive")).unwrap();
        operator.db.sql("DELETE FROM room_archive").await;

        let killed = operator.killed(&["archive"], point);
        assert_eq!(
            killed.code, None,
            "{point}: {}{}",
            killed.stdout, killed.stderr
        );
        operator.forget_lease().await;
        operator.run(&["archive"]).well();
        assert!(state(&operator).await == expected, "killed at {point}");
        let verified = operator.run(&["archive", "verify"]).well();
        assert_eq!(verified["unlisted"], 0, "{point}: {verified}");
    }
}

pub(crate) async fn a_replay_killed_anywhere_ends_in_the_same_state(db: Db) {
    let operator = Operator::new(db).await;
    operator.fill(&["general", "other"], 1_500).await;
    let all = operator.dump().await;
    operator.run(&["archive"]).well();
    let stands = operator.stands().await;
    for point in [
        "replay:verified",
        "replay:claimed",
        "replay:claimed:2",
        "replay:restored",
        "replay:restored:3",
        "replay:refreshed",
    ] {
        let killed = operator.killed(&["replay", "archive"], point);
        assert_eq!(
            killed.code, None,
            "{point}: {}{}",
            killed.stdout, killed.stderr
        );
        operator.forget_lease().await;
        operator.run(&["replay", "archive"]).well();
        assert!(operator.dump().await == all, "killed at {point}");
        assert_eq!(operator.stands().await, stands, "killed at {point}");
        operator.run(&["archive"]).well();
        assert_eq!(operator.dump().await.len(), 20);
    }
}

pub(crate) async fn killed_at_any_time_nothing_is_lost(db: Db) {
    let operator = Operator::new(db).await;
    operator.fill(&["general"], 3_000).await;
    let all = operator.dump().await;
    let mut killed = 0;
    for args in [&["archive"][..], &["replay", "archive"], &["archive"]] {
        let mut tries = 0u32;
        loop {
            tries += 1;
            let mut child = operator.command(args).spawn().unwrap();
            // Later each time, so that in the end it gets to its end.
            let after =
                Duration::from_millis(u64::from(tries * tries) * 7 % 400 + 20 * u64::from(tries));
            let kill = tokio::time::sleep(after);
            kill.await;
            let done = child.try_wait().unwrap();
            child.kill().unwrap();
            killed += u32::from(child.wait().unwrap().code().is_none());
            if let Some(status) = done {
                assert!(status.success(), "{args:?}: {status}");
                break;
            }
            operator.forget_lease().await;
            // Whatever is not in the database is in the archive.
            if tries.is_multiple_of(4) {
                operator.run(&["archive", "verify"]);
            }
        }
        println!("{args:?} was tried {tries} times");
    }
    assert!(killed > 0, "none was killed before its end");
    assert_eq!(operator.dump().await.len(), 10);
    operator.run(&["replay", "archive"]).well();
    assert!(operator.dump().await == all, "every row as it was");
}
