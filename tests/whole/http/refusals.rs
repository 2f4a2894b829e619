//! What is refused though it can be read: strangers, names, contents, too much, a database away.
use serde_json::{Value, json};
use sqlx::Connection;

use super::errors::assert_problem;
use super::server::Running;

const STRANGER: &str = "0123456789abcdef0123456789abcdef";

#[tokio::test]
async fn sessions_that_do_not_exist() {
    let server = Running::start().await;
    for session in [STRANGER, "", "short", "../../etc/passwd", "zz"] {
        let bodies = [
            (
                "command",
                json!({ "session_id": session, "command": "/help" }),
            ),
            (
                "message",
                json!({ "session_id": session, "room": "general", "content": "x" }),
            ),
            ("disconnect", json!({ "session_id": session })),
        ];
        for (path, body) in bodies {
            let answer = server.post(&format!("/api/{path}"), &body).await;
            assert_problem(&answer, 401, "unknown_session");
        }
        let stream = format!("/api/messages/general?session_id={session}");
        assert_problem(&server.get(&stream).await, 401, "unknown_session");
    }
    assert_eq!(
        server.get("/api/history/general").await.json()["messages"],
        json!([])
    );
}

#[tokio::test]
async fn names_that_are_taken_and_rooms_one_is_not_in() {
    let server = Running::start().await;
    let alice = server.connect("alice").await;
    let bob = server.connect("bob").await;
    for name in ["alice", "ALICE"] {
        let answer = server
            .post("/api/connect", &json!({ "nickname": name }))
            .await;
        assert_problem(&answer, 409, "nickname_taken");
        let answer = server.command(&bob, &format!("/nick {name}")).await;
        assert_problem(&answer, 409, "nickname_taken");
    }
    // One's own name in another case is one's own.
    assert_eq!(server.command(&alice, "/nick Alice").await.status, 200);
    assert_eq!(server.command(&alice, "/create den").await.status, 200);
    for name in ["den", "DEN"] {
        let answer = server.command(&bob, &format!("/create {name}")).await;
        assert_problem(&answer, 409, "room_exists");
    }
    for command in ["/leave", "/leave den", "/history"] {
        assert_problem(&server.command(&bob, command).await, 409, "not_in_room");
    }
}

#[tokio::test]
async fn names_contents_commands_and_nonces_that_are_none() {
    let server = Running::start().await;
    let alice = server.connect("alice").await;
    for name in [
        "",
        " ",
        "a b",
        "ä",
        "a/b",
        "<b>",
        "\u{1b}[2J",
        &"x".repeat(33),
    ] {
        let answer = server
            .post("/api/connect", &json!({ "nickname": name }))
            .await;
        assert_problem(&answer, 400, "bad_name");
    }
    let long = "x".repeat(65);
    for room in ["headcount", "HeadCount", "a%20b", "%C3%A4", long.as_str()] {
        for path in ["history", "messages"] {
            assert_problem(
                &server.get(&format!("/api/{path}/{room}")).await,
                400,
                "bad_name",
            );
        }
        let answer = server.command(&alice, &format!("/create {room}")).await;
        assert_problem(&answer, 400, "bad_name");
        assert_problem(&server.say(&alice, room, "x").await, 400, "bad_name");
    }
    for content in [
        "",
        "\u{1b}[31mred",
        "nul\0",
        "bell\u{7}",
        "lone\rreturn",
        "\u{9b}c1",
    ] {
        assert_problem(
            &server.say(&alice, "general", content).await,
            400,
            "bad_content",
        );
    }
    for command in [
        "",
        "hello",
        "//hello",
        "/",
        "/nope",
        "/join",
        "/join a b",
        "/history x",
    ] {
        assert_problem(&server.command(&alice, command).await, 400, "bad_command");
    }
    for nonce in ["", &"n".repeat(129), "nul\0"] {
        let body = json!({
            "session_id": alice, "room": "general", "content": "x", "nonce": nonce,
        });
        assert_problem(&server.post("/api/message", &body).await, 400, "bad_nonce");
    }
    assert_eq!(
        server.get("/api/history/general").await.json()["messages"],
        json!([])
    );
}

#[tokio::test]
async fn too_many_messages_from_one_session() {
    let settings = [("limits.messages_per_minute", "1"), ("limits.burst", "3")];
    let server = Running::with(&settings).await;
    let (alice, bob) = (server.connect("alice").await, server.connect("bob").await);
    for n in 1..=3 {
        assert_eq!(server.said(&alice, "general", "x").await, n);
    }
    let answer = server.say(&alice, "general", "x").await;
    assert_problem(&answer, 429, "rate_limited");
    let after = answer
        .header("retry-after")
        .and_then(|after| after.parse().ok());
    assert!(
        after.is_some_and(|after: u32| (1..=60).contains(&after)),
        "{answer}"
    );
    assert_eq!(server.said(&bob, "general", "bob's own").await, 4);
}

/// Another process holds the database's write lock.
#[tokio::test]
async fn a_database_that_takes_nothing() {
    let server = Running::with(&[("db_pool.acquire_timeout", "100ms")]).await;
    let alice = server.connect("alice").await;
    server.said(&alice, "general", "before").await;
    let mut other = server.connection().await;
    let lock = other.begin_with("BEGIN IMMEDIATE").await.expect("a lock");
    let answer = server.say(&alice, "general", "lost").await;
    assert_problem(&answer, 503, "database_unavailable");
    assert_eq!(server.get("/api/history/general").await.status, 200);
    lock.rollback().await.expect("the lock is let go");
    assert_eq!(server.said(&alice, "general", "after").await, 2);
    let page: Value = server.get("/api/history/general").await.json();
    assert_eq!(page["messages"][1]["content"], "after");
}
