//! Out of the balancers' hands, and back.
use crate::control::operator::serve;
use crate::support::client::{Lines, Person, request};

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_instance_is_not_ready_and_serves_on() {
    let folder = tempfile::tempdir().unwrap();
    let (server, operator) = serve(folder.path(), "one").await;
    let mut nc = Lines::connect(server.tcp).await;
    nc.command("/join general").await.expect("joined");

    let drained = operator.ask(&["drain"]).await;
    assert_eq!(drained["instances"][0]["was_draining"], false);
    assert_eq!(drained["instances"][0]["connections"], 1);
    let (status, ready) = request(server.http, "GET", "/readyz", None).await;
    assert_eq!((status, &ready["reason"]), (503, &"draining".into()));
    let (status, health) = request(server.http, "GET", "/health", None).await;
    assert_eq!((status, &health["status"]), (503, &"draining".into()));
    nc.say("general", "still here").await.expect("served on");
    let mut late = Lines::connect(server.tcp).await;
    late.command("/join general").await.expect("let in");
    let again = operator.ask(&["drain"]).await;
    assert_eq!(again["instances"][0]["was_draining"], true);

    operator.ask(&["undrain"]).await;
    let (status, _) = request(server.http, "GET", "/readyz", None).await;
    assert_eq!(status, 200);
    assert_eq!(server.terminate().await, Some(0));
}
