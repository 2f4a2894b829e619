//! Reading a room live.
use serde_json::json;

use super::events::Events;
use super::server::Running;

/// A room with that many messages.
async fn room_of(server: &Running, count: i64) -> String {
    let alice = server.connect("alice").await;
    for n in 1..=count {
        assert_eq!(
            server.said(&alice, "general", &format!("line {n}")).await,
            n
        );
    }
    alice
}

#[tokio::test]
async fn a_message_is_the_event_of_the_contract() {
    let server = Running::start().await;
    let alice = server.connect("alice").await;
    let mut reader = Events::open(&server, "/api/messages/general").await;
    let content = "a \"quote\"\nand <b>\u{2028}é";
    let said = server.say(&alice, "general", content).await.json();
    let block = reader.block().await.expect("an event");
    let page = server.get("/api/history/general").await.json();
    let time = page["messages"][0]["created_at"].as_str().expect("a time");
    let (id, text) = (
        &said["message_id"],
        serde_json::to_string(content).expect("JSON"),
    );
    assert_eq!(
        block,
        format!(
            "event: message\nid: 1\ndata: {{\"id\":{id},\"seq\":1,\"room\":\"general\",\
             \"user\":\"alice\",\"content\":{text},\"created_at\":\"{time}\",\"number\":1}}\n\n"
        )
    );
}

#[tokio::test]
async fn a_stream_is_never_stored_or_buffered() {
    let server = Running::start().await;
    let reader = Events::open(&server, "/api/messages/general").await;
    let header = |name| reader.head().header(name);
    assert_eq!(
        header("content-type"),
        Some("text/event-stream; charset=utf-8")
    );
    assert_eq!(header("cache-control"), Some("no-store"));
    assert_eq!(header("x-accel-buffering"), Some("no"));
    assert_eq!(header("x-content-type-options"), Some("nosniff"));
}

#[tokio::test]
async fn the_last_messages_come_first_and_live_ones_follow() {
    let server = Running::start().await;
    let alice = room_of(&server, 15).await;
    let mut usual = Events::open(&server, "/api/messages/general").await;
    let mut three = Events::open(&server, "/api/messages/general?history=3").await;
    let mut none = Events::open(&server, "/api/messages/GENERAL?history=0").await;
    let mut all = Events::open(&server, "/api/messages/general?history=1000").await;
    server.said(&alice, "general", "live").await;
    assert_eq!(usual.seqs(11).await, (6..=16).collect::<Vec<_>>());
    assert_eq!(three.seqs(4).await, [13, 14, 15, 16]);
    let live = none.message().await;
    assert_eq!((live.id, &live.data["room"]), (Some(16), &json!("general")));
    assert_eq!(all.seqs(16).await, (1..=16).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_position_is_where_a_stream_goes_on() {
    let server = Running::start().await;
    let alice = room_of(&server, 15).await;
    let mut after = Events::open(&server, "/api/messages/general?after=12&history=1").await;
    let mut start = Events::open(&server, "/api/messages/general?after=0").await;
    let mut resumed = Events::resume(&server, "general", "13").await;
    // A browser that reconnects repeats the query it began with.
    let last = [("last-event-id", "14")];
    let target = "/api/messages/general?after=2";
    let mut browser = Events::with(&server, target, &last).await;
    let mut newest = Events::resume(&server, "general", "15").await;
    server.said(&alice, "general", "live").await;
    assert_eq!(after.seqs(4).await, [13, 14, 15, 16]);
    assert_eq!(start.seqs(16).await, (1..=16).collect::<Vec<_>>());
    assert_eq!(resumed.seqs(3).await, [14, 15, 16]);
    assert_eq!(browser.seqs(2).await, [15, 16]);
    assert_eq!(newest.seqs(1).await, [16]);
}

#[tokio::test]
async fn joins_leaves_and_new_names_are_told() {
    let server = Running::start().await;
    let alice = server.connect("alice").await;
    let mut reader = Events::open(&server, "/api/messages/general").await;
    for command in ["/join general", "/nick alicia", "/leave"] {
        assert_eq!(server.command(&alice, command).await.status, 200);
    }
    for text in [
        "alice joined general",
        "alice is now alicia",
        "alicia left general",
    ] {
        let event = reader.next().await.expect("a notice");
        assert_eq!((event.kind.as_str(), event.id), ("system", None));
        assert_eq!(event.data, json!({ "room": "general", "text": text }));
    }
}

#[tokio::test]
async fn a_stream_of_a_session_reads_the_same() {
    let server = Running::start().await;
    let alice = server.connect("alice").await;
    let target = format!("/api/messages/general?session_id={alice}");
    let mut hers = Events::open(&server, &target).await;
    let mut anyones = Events::open(&server, "/api/messages/general").await;
    server.said(&alice, "general", "hello").await;
    assert_eq!(hers.message().await, anyones.message().await);
}

#[tokio::test]
async fn a_stream_is_counted_while_it_is_open() {
    let server = Running::start().await;
    let open = async || server.get("/metrics").await.json()["connections"]["sse"].clone();
    assert_eq!(open().await, 0);
    let reader = Events::open(&server, "/api/messages/general").await;
    assert_eq!(open().await, 1);
    drop(reader);
    let closed = async || open().await == 0;
    crate::support::eventually("the stream's end is noticed", closed).await;
}
