//! Restarts, sessions that end, and the last words of a stop.
use serde_json::json;

use super::client::{Wire, request};
use super::errors::assert_problem;
use super::events::Events;
use super::server::Running;
use crate::support::in_time;

#[tokio::test]
async fn sessions_rooms_and_messages_survive_a_restart() {
    let server = Running::start().await;
    let alice = server.connect("alice").await;
    server.command(&alice, "/create den").await;
    server.said(&alice, "den", "before").await;
    let server = server.restart().await;
    let rooms = server.command(&alice, "/list").await;
    assert!(rooms.text().contains("alice in den"), "{rooms}");
    assert_eq!(server.said(&alice, "den", "after").await, 2);
    let mut reader = Events::resume(&server, "den", "0").await;
    let (first, second) = (reader.message().await, reader.message().await);
    assert_eq!(
        (&first.data["content"], &second.data["content"]),
        (&"before".into(), &"after".into())
    );
    assert_eq!(first.data["user"], "alice");
}

#[tokio::test]
async fn an_unused_session_expires_and_its_name_is_free() {
    let server = Running::with(&[("session_ttl", "1h")]).await;
    let (alice, bob) = (server.connect("alice").await, server.connect("bob").await);
    let server = server.restart_after(
        // As if alice had not been here for two hours, and bob not for half of one.
        "UPDATE sessions SET last_used_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now',
           iif(nickname = 'alice', '-2 hours', '-30 minutes'))",
    );
    let server = server.await;
    assert_problem(
        &server.command(&alice, "/help").await,
        401,
        "unknown_session",
    );
    assert_eq!(server.command(&bob, "/help").await.status, 200);
    server.connect("alice").await;
}

#[tokio::test]
async fn a_stop_tells_everything_committed_then_that_it_stops() {
    let server = Running::start().await;
    let alice = server.connect("alice").await;
    let mut reader = Events::open(&server, "/api/messages/general").await;
    for n in 1..=40 {
        assert_eq!(server.said(&alice, "general", "x").await, n);
    }
    server.stop().await;
    assert_eq!(reader.seqs(40).await, (1..=40).collect::<Vec<_>>());
    let farewell = reader.next().await.expect("a farewell");
    assert_eq!(farewell.kind, "restart");
    let retry = farewell.retry.expect("when to come back");
    assert_eq!(farewell.data["retry_ms"], retry);
    assert_eq!(
        reader.next().await,
        None,
        "nothing comes after the farewell"
    );
}

#[tokio::test]
async fn readers_are_told_to_come_back_at_different_times() {
    let server = Running::start().await;
    let mut readers = Vec::new();
    for _ in 0..10 {
        readers.push(Events::open(&server, "/api/messages/general").await);
    }
    server.stop().await;
    let mut times = Vec::new();
    for reader in &mut readers {
        times.push(reader.next().await.expect("a farewell").retry);
    }
    times.dedup();
    assert!(times.len() > 1, "{times:?}");
}

#[tokio::test]
async fn a_stop_answers_what_was_asked_and_closes_idle_connections() {
    let server = Running::start().await;
    let mut idle = Wire::open(server.http).await;
    idle.send(request("GET", "/livez", &[], None)).await;
    assert_eq!(idle.answer().await.status, 200);
    let mut asking = Wire::open(server.http).await;
    asking.send(request("GET", "/api/rooms", &[], None)).await;
    let (_, answer) = tokio::join!(in_time("the stop", server.stop()), asking.answer());
    assert_eq!(answer.status, 200);
    assert_eq!(idle.rest().await, b"");
    assert_eq!(asking.rest().await, b"");
}

/// A session that was not used for a while has no claim on its nickname: the one that has it now is not
/// disturbed, and the session can be called otherwise, and end.
#[tokio::test]
async fn a_session_whose_name_was_taken_can_still_leave_or_be_called_otherwise() {
    let server = Running::start().await;
    let (ann, bea) = (server.connect("ann").await, server.connect("bea").await);
    server.command(&ann, "/join general").await;
    // No session is online after a restart, and every session is known.
    let server = server.restart().await;
    let other = server.connect("ann").await;
    server.connect("bea").await;
    for command in ["/help", "/rooms", "/list"] {
        assert_eq!(server.command(&ann, command).await.status, 200, "{command}");
    }
    assert_eq!(server.command(&ann, "/join general").await.status, 409);
    assert_eq!(server.say(&ann, "general", "hi").await.status, 409);
    assert_eq!(server.command(&ann, "/nick ann").await.status, 409);
    assert_eq!(server.command(&ann, "/nick anna").await.status, 200);
    assert_eq!(server.say(&ann, "general", "hi").await.status, 200);
    assert_eq!(server.command(&ann, "/quit").await.status, 200);
    let body = json!({ "session_id": bea });
    assert_eq!(server.post("/api/disconnect", &body).await.status, 200);
    assert_eq!(server.post("/api/disconnect", &body).await.status, 401);
    assert_eq!(server.say(&other, "general", "still ann").await.status, 200);
}
