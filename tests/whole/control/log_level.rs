//! The log of a running instance, louder for a while.
use crate::control::operator::serve;
use crate::support::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn a_level_holds_for_a_while_and_goes_back_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (server, operator) = serve(folder.path(), "one").await;
    let set = operator.ask(&["log-level", "debug", "--for", "1h"]).await;
    let set = &set["instances"][0];
    assert_eq!(
        (&set["was"], &set["then"]),
        (&"info".into(), &"info".into())
    );
    assert!(set["until"].is_string(), "{set}");
    let again = operator.ask(&["log-level", "trace", "--for", "50ms"]).await;
    assert_eq!(again["instances"][0]["was"], "debug");
    // Each look sets it once more, and so must find that the one before has ended.
    eventually("it goes back", || async {
        tokio::time::sleep(std::time::Duration::from_millis(60)).await;
        let look = operator.ask(&["log-level", "trace", "--for", "50ms"]).await;
        look["instances"][0]["was"] == "info"
    })
    .await;
    operator.ask(&["log-level", "warn"]).await;
    let last = operator.ask(&["log-level", "error", "--for", "1h"]).await;
    assert_eq!(last["instances"][0]["then"], "warn", "what holds is usual");
    assert_eq!(operator.fail(&["log-level", "loud"]).await.0, Some(64));
    assert_eq!(
        operator
            .fail(&["log-level", "debug", "--for", "2d"])
            .await
            .0,
        Some(64)
    );
    assert_eq!(server.terminate().await, Some(0));
}
