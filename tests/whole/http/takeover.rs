//! What becomes of a connection that a stream or a WebSocket goes on with.
use super::client::{Wire, request};
use super::events::Events;
use super::server::Running;
use crate::support::eventually;

const GENERAL: &str = "/api/messages/general";
/// The longest message there is, so that few fill the sockets: 16 KB.
const LONG: (&str, usize) = ("𝄞", 4_000);

#[tokio::test]
async fn an_old_client_is_given_the_same_without_chunks() {
    let server = Running::start().await;
    let alice = server.connect("alice").await;
    server.said(&alice, "general", "hello").await;
    let mut wire = Wire::open(server.http).await;
    wire.send(format!("GET {GENERAL} HTTP/1.0\r\n\r\n")).await;
    let (_, said) = tokio::join!(server.stop(), wire.rest());
    let said = String::from_utf8(said).expect("UTF-8");
    let (head, body) = said.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("HTTP/1.0 200 OK\r\n"), "{head}");
    assert!(!head.contains("transfer-encoding"), "{head}");
    let begin = ": connected\n\nevent: message\nid: 1\ndata: {";
    assert!(body.starts_with(begin), "{body}");
    let events: Vec<&str> = body.split("\n\n").collect();
    assert!(events[2].starts_with("event: restart\nretry: "), "{body}");
    assert_eq!((events.len(), events[3]), (4, ""), "{body}");
}

#[tokio::test]
async fn what_was_asked_before_a_stream_is_answered_before_it() {
    let server = Running::start().await;
    let mut wire = Wire::open(server.http).await;
    let requests = request("GET", "/api/rooms", &[], None).repeat(3);
    wire.send(requests + &request("GET", GENERAL, &[], None))
        .await;
    for _ in 0..3 {
        assert_eq!(wire.answer().await.status, 200);
    }
    let head = wire.head().await;
    assert_eq!(head.header("connection"), Some("close"));
    assert_eq!(wire.chunk().await.as_deref(), Some(&b": connected\n\n"[..]));
}

#[tokio::test]
async fn what_is_said_to_a_stream_is_passed_over_up_to_a_bound() {
    let server = Running::start().await;
    let alice = server.connect("alice").await;
    let mut reader = Events::open(&server, GENERAL).await;
    reader.say(request("GET", "/livez", &[], None)).await;
    server.said(&alice, "general", "hello").await;
    assert_eq!(reader.message().await.id, Some(1));
    reader.say("x".repeat(1 << 20)).await;
    assert_eq!(
        reader.block().await,
        None,
        "a client that floods a stream is cut off"
    );
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut_off() {
    let server = Running::with(&[("limits.write_timeout", "300ms")]).await;
    let alice = server.connect("alice").await;
    let _sleeper = Events::open(&server, GENERAL).await;
    let text = LONG.0.repeat(LONG.1);
    let metrics = async || server.get("/metrics").await.json();
    while metrics().await["connections"]["sse"] != 0 {
        server.said(&alice, "general", &text).await;
    }
    assert_eq!(metrics().await["connections_stalled"], 1);
}

#[tokio::test]
async fn a_client_that_dozes_off_reads_on_where_it_was() {
    let server = Running::start().await;
    let alice = server.connect("alice").await;
    let mut dozer = Events::open(&server, GENERAL).await;
    let text = LONG.0.repeat(LONG.1);
    let waiting = async || server.get("/metrics").await.json()["readers_behind"] != 0;
    let mut count = 0;
    // Until the sockets are full and what it is to be given next is no longer in memory.
    while count % 50 != 0 || count == 0 || (count < 1_000 && !waiting().await) {
        count += 1;
        assert_eq!(server.said(&alice, "general", &text).await, count);
    }
    let all: Vec<i64> = (1..=count).collect();
    assert_eq!(dozer.seqs(all.len()).await, all);
}

#[tokio::test]
async fn a_websocket_is_a_connection_like_any() {
    let server = Running::with(&[("limits.connections", "1")]).await;
    let headers = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let mut socket = Wire::open(server.http).await;
    let mut upgrade = request("GET", "/api/ws", &headers, None).into_bytes();
    // What comes with the request is not lost: a ping, masked with zeros.
    upgrade.extend(b"\x89\x80\0\0\0\0");
    socket.send(upgrade).await;
    assert_eq!(socket.head().await.status, 101);
    assert_eq!(socket.bytes(2).await, b"\x8a\0", "a pong");
    let rooms = request("GET", "/api/rooms", &[], None);
    let status = async || server.raw(&rooms).await.status;
    assert_eq!(status().await, 503);
    drop(socket);
    eventually("its place is free", async || status().await == 200).await;
}
