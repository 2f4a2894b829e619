//! The same message sent again is the same message.
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::server::Running;

async fn post(server: &Running, session: &str, content: &str, nonce: &str) -> Value {
    let body = json!({
        "session_id": session, "room": "general", "content": content, "nonce": nonce,
    });
    let answer = server.post("/api/message", &body).await;
    assert_eq!(answer.status, 200, "{answer}");
    answer.json()
}

async fn stored(server: &Running) -> Vec<String> {
    let page = server.get("/api/history/general").await.json();
    let messages = page["messages"].as_array().expect("messages").iter();
    messages
        .map(|m| m["content"].as_str().expect("content").to_owned())
        .collect()
}

#[tokio::test]
async fn a_repeated_nonce_gets_the_first_answer_and_stores_nothing() {
    let server = Running::start().await;
    let alice = server.connect("alice").await;
    let first = post(&server, &alice, "once", "n-1").await;
    let other = post(&server, &alice, "other", "n-2").await;
    assert_ne!(first, other);
    for content in ["once", "changed meanwhile"] {
        assert_eq!(post(&server, &alice, content, "n-1").await, first);
    }
    assert_eq!(stored(&server).await, ["once", "other"]);
    let server = server.restart().await;
    assert_eq!(post(&server, &alice, "once", "n-1").await, first);
    assert_eq!(stored(&server).await, ["once", "other"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_at_once_are_one_message() {
    let server = Running::start().await;
    let alice = server.connect("alice").await;
    // The room is known, so that all twenty meet in the committer.
    post(&server, &alice, "first", "other").await;
    let answers = join_all((0..20).map(|_| post(&server, &alice, "once", "n"))).await;
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
    assert_eq!(stored(&server).await, ["first", "once"]);
}

#[tokio::test]
async fn a_nonce_is_its_sessions_own() {
    let server = Running::start().await;
    let (alice, bob) = (server.connect("alice").await, server.connect("bob").await);
    let one = post(&server, &alice, "alice's", "n").await;
    let two = post(&server, &bob, "bob's", "n").await;
    assert_eq!((&one["seq"], &two["seq"]), (&json!(1), &json!(2)));
    assert_eq!(stored(&server).await, ["alice's", "bob's"]);
}

#[tokio::test]
async fn without_a_nonce_saying_it_twice_is_saying_it_twice() {
    let server = Running::start().await;
    let alice = server.connect("alice").await;
    for nonce in [json!(null), json!(null)] {
        let body = json!({
            "session_id": alice, "room": "general", "content": "again", "nonce": nonce,
        });
        assert_eq!(server.post("/api/message", &body).await.status, 200);
    }
    assert_eq!(stored(&server).await, ["again", "again"]);
}
