//! Out of the balancers' hands, and back.
use crate::control::operator::serve;
use crate::support::client::{Lines, Person, get};

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_instance_is_not_ready_and_serves_on() {
    let (server, operator) = serve().await;
    let mut nc = Lines::enter(server.tcp, "nc").await;

    let drained = operator.run("drain").await.well();
    assert_eq!(drained["instances"][0]["was_draining"], false);
    assert_eq!(drained["instances"][0]["connections"], 1);
    let (status, ready) = get(server.http, "/readyz").await;
    assert_eq!((status, &ready["reason"]), (503, &"draining".into()));
    let (status, health) = get(server.http, "/health").await;
    assert_eq!((status, &health["status"]), (503, &"draining".into()));
    nc.say("general", "still here").await.expect("served on");
    let mut late = Lines::connect(server.tcp).await;
    late.command("/join general").await.expect("let in");
    let again = operator.run("drain").await.well();
    assert_eq!(again["instances"][0]["was_draining"], true);

    operator.run("undrain").await.well();
    let (status, _) = get(server.http, "/readyz").await;
    assert_eq!(status, 200);
    assert_eq!(server.terminate().await, Some(0));
}
