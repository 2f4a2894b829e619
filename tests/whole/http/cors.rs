//! Other sites' pages: kept out unless the operator lets them in.
use super::client::Answer;
use super::server::Running;

const FRIEND: &str = "https://friend.example";
const STRANGER: &str = "https://stranger.example";
const BODY: Option<&str> = Some("{\"nickname\":\"alice\"}");

async fn preflight(server: &Running, origin: &str) -> Answer {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "content-type"),
    ];
    server.ask("OPTIONS", "/api/connect", &headers, None).await
}

async fn connect(server: &Running, origin: &str) -> Answer {
    let headers = [("origin", origin), ("content-type", "application/json")];
    server.ask("POST", "/api/connect", &headers, BODY).await
}

fn allowed(answer: &Answer) -> Option<&str> {
    answer.header("access-control-allow-origin")
}

#[tokio::test]
async fn no_other_site_is_let_in_by_default() {
    let server = Running::start().await;
    let asked = preflight(&server, FRIEND).await;
    assert_eq!((asked.status, allowed(&asked)), (204, None));
    let read = server
        .ask("GET", "/api/rooms", &[("origin", FRIEND)], None)
        .await;
    assert_eq!((read.status, allowed(&read)), (200, None));
}

#[tokio::test]
async fn a_named_site_is_let_in_and_others_are_not() {
    let server = Running::with(&[("cors.origins", FRIEND)]).await;
    let asked = preflight(&server, FRIEND).await;
    assert_eq!((asked.status, allowed(&asked)), (204, Some(FRIEND)));
    assert_eq!(
        asked.header("access-control-allow-methods"),
        Some("GET, POST, PUT, PATCH, DELETE")
    );
    let sent = asked.header("access-control-allow-headers");
    assert_eq!(sent, Some("authorization, content-type, last-event-id"));
    let done = connect(&server, FRIEND).await;
    assert_eq!((done.status, allowed(&done)), (200, Some(FRIEND)));
    assert_eq!(done.header("vary"), Some("origin"));
    // A refusal can be read too, and says when to come back.
    let refused = connect(&server, FRIEND).await;
    assert_eq!((refused.status, allowed(&refused)), (409, Some(FRIEND)));
    assert_eq!(
        refused.header("access-control-expose-headers"),
        Some("retry-after")
    );

    let asked = preflight(&server, STRANGER).await;
    assert_eq!((asked.status, allowed(&asked)), (204, None));
    let read = server
        .ask("GET", "/api/rooms", &[("origin", STRANGER)], None)
        .await;
    assert_eq!(
        (allowed(&read), read.header("vary")),
        (None, Some("origin"))
    );
}

/// A browser names the origin also where a page posts to its own server.
#[tokio::test]
async fn the_web_client_goes_on_where_another_site_is_let_in() {
    let server = Running::with(&[("cors.origins", FRIEND)]).await;
    let own = format!("http://{}", server.http);
    assert_eq!(connect(&server, &own).await.status, 200);
}

#[tokio::test]
async fn a_star_lets_in_every_site() {
    let server = Running::with(&[("cors.origins", "*")]).await;
    let asked = preflight(&server, STRANGER).await;
    assert_eq!((asked.status, allowed(&asked)), (204, Some("*")));
    let done = connect(&server, STRANGER).await;
    assert_eq!((done.status, allowed(&done)), (200, Some("*")));
    let plain = server
        .ask("OPTIONS", "/api/connect", &[("origin", STRANGER)], None)
        .await;
    assert_eq!(plain.status, 204);
}
