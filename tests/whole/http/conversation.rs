//! Everything going well.
use serde_json::json;

use super::server::Running;

#[tokio::test]
async fn two_people_meet_talk_and_go() {
    let server = Running::start().await;
    let connected = server
        .post("/api/connect", &json!({ "nickname": "Alice" }))
        .await
        .json();
    assert_eq!(connected["nickname"], "Alice");
    assert!(connected["user_id"].is_i64());
    let alice = connected["session_id"].as_str().expect("a session id");
    let bob = server.connect("bob").await;
    let made = server.command(alice, "/create Den").await.json();
    assert_eq!(made["message"], "Alice joined Den");
    assert_eq!(made["data"], json!({ "room": "Den", "last_seq": 0 }));
    assert_eq!(server.command(&bob, "/join den").await.status, 200);

    let first = server.say(alice, "Den", "hello").await.json();
    assert_eq!(
        (&first["success"], &first["seq"]),
        (&json!(true), &json!(1))
    );
    assert!(first["message_id"].is_i64());
    assert_eq!(server.said(&bob, "DEN", "hello\nyou").await, 2);

    let page = server.get("/api/history/den").await.json();
    assert_eq!(
        (&page["room"], &page["has_more"]),
        (&json!("Den"), &json!(false))
    );
    let said: Vec<_> = page["messages"]
        .as_array()
        .expect("messages")
        .iter()
        .map(|m| (m["user"].as_str(), m["content"].as_str(), m["seq"].as_i64()))
        .collect();
    let wanted = [
        (Some("Alice"), Some("hello"), Some(1)),
        (Some("bob"), Some("hello\nyou"), Some(2)),
    ];
    assert_eq!(said, wanted);
    assert_eq!(page["messages"][0]["id"], first["message_id"]);

    let rooms = server.get("/api/rooms").await.json();
    let den = json!({
        "name": "Den", "kind": "public", "topic": null, "members": 2, "online": 2, "last_seq": 2,
        "last_number": 2,
    });
    assert!(
        rooms["rooms"]
            .as_array()
            .is_some_and(|rooms| rooms.contains(&den)),
        "{rooms}"
    );
    let users = server.get("/api/users").await.json();
    let here = |name: &str| json!({ "nickname": name, "rooms": ["Den"], "transport": "http", "instance": "instance-0" });
    assert_eq!(users, json!({ "users": [here("Alice"), here("bob")] }));

    let gone = server
        .post("/api/disconnect", &json!({ "session_id": alice }))
        .await;
    assert_eq!(gone.json(), json!({ "success": true }));
    assert_eq!(server.command(alice, "/help").await.status, 401);
    assert_eq!(
        server.get("/api/users").await.json(),
        json!({ "users": [here("bob")] })
    );
    // The nickname is free at once, and what was said keeps its author.
    server.connect("alice").await;
}

#[tokio::test]
async fn history_goes_back_page_by_page() {
    let server = Running::start().await;
    let alice = server.connect("alice").await;
    for n in 1..=12 {
        server.said(&alice, "general", &format!("line {n}")).await;
    }
    let seqs = async |query: &str| {
        let page = server
            .get(&format!("/api/history/general{query}"))
            .await
            .json();
        let messages = page["messages"].as_array().expect("messages").iter();
        let seqs: Vec<_> = messages.filter_map(|m| m["seq"].as_i64()).collect();
        (seqs, page["has_more"] == true)
    };
    assert_eq!(seqs("?limit=5").await, ((8..=12).collect(), true));
    assert_eq!(seqs("?before=8&limit=5").await, ((3..=7).collect(), true));
    assert_eq!(seqs("?before=3&limit=5").await, (vec![1, 2], false));
    assert_eq!(seqs("?before=1").await, (vec![], false));
    assert_eq!(seqs("").await, ((1..=12).collect(), false));
    // Out of bounds is brought to the nearest bound.
    assert_eq!(seqs("?limit=0").await, (vec![12], true));
    assert_eq!(seqs("?limit=100000").await.0.len(), 12);
}

#[tokio::test]
async fn commands_do_over_http_what_they_do_elsewhere() {
    let server = Running::start().await;
    let alice = server.connect("alice").await;
    let said = async |command: &str| {
        let answer = server.command(&alice, command).await.json();
        answer["message"].as_str().expect("a message").to_owned()
    };
    assert!(said("/help").await.contains("/join <room>"));
    assert_eq!(said("/join general").await, "alice joined general");
    server
        .said(&alice, "general", "//not a command, but said as it is")
        .await;
    assert_eq!(said("/history 1").await, "general: 1 message, 1 to 1");
    assert_eq!(said("/nick Alicia").await, "you are now Alicia");
    assert!(said("/list").await.contains("Alicia in general (http, "));
    assert!(said("/rooms").await.contains("general: 1 member, 1 online"));
    assert_eq!(said("/leave").await, "you left general");
    assert_eq!(said("/quit").await, "goodbye");
    assert_eq!(server.command(&alice, "/help").await.status, 401);
}

#[tokio::test]
async fn any_script_can_be_said_and_comes_back_unchanged() {
    let server = Running::start().await;
    let alice = server.connect("alice").await;
    let texts = [
        "<script>alert(1)</script>",
        "日本語 🎉 \u{202e}x",
        "tab\there",
        "a\u{2028}b",
    ];
    for text in texts {
        server.said(&alice, "general", text).await;
    }
    server.said(&alice, "general", &"é".repeat(4_000)).await;
    let page = server.get("/api/history/general").await.json();
    for (n, text) in texts.iter().enumerate() {
        assert_eq!(page["messages"][n]["content"], *text);
    }
    assert_eq!(page["messages"][4]["content"], "é".repeat(4_000));
}
