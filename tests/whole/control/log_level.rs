//! The log of a running instance, louder for a while.
use crate::control::operator::serve;
use crate::support::eventually;

#[tokio::test(flavor = "multi_thread")]
async fn a_level_holds_for_a_while_and_goes_back_by_itself() {
    let (server, operator) = serve().await;
    let set = operator.run("log-level debug --for 1h").await.well();
    let set = &set["instances"][0];
    assert_eq!(
        (&set["was"], &set["then"]),
        (&"info".into(), &"info".into())
    );
    assert!(set["until"].is_string(), "{set}");
    let again = operator.run("log-level trace --for 50ms").await.well();
    assert_eq!(again["instances"][0]["was"], "debug");
    // Each look sets it once more, and so must find that the one before has ended.
    eventually("it goes back", || async {
        tokio::time::sleep(std::time::Duration::from_millis(60)).await;
        let look = operator.run("log-level trace --for 50ms").await.well();
        look["instances"][0]["was"] == "info"
    })
    .await;
    operator.run("log-level warn").await.well();
    let last = operator.run("log-level error --for 1h").await.well();
    assert_eq!(last["instances"][0]["then"], "warn", "what holds is usual");
    operator.run("log-level loud").await.exits(64);
    operator.run("log-level debug --for 2d").await.exits(64);
    assert_eq!(server.terminate().await, Some(0));
}
