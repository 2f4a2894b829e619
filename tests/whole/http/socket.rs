//! WebSocket frames against their description. What they do is tested with the other transports.
use serde_json::{Value, json};

use super::client::Wire;
use super::document::Document;
use super::errors::assert_problem;
use super::events::Events;
use super::hosts::UPGRADE;
use super::server::Running;
use crate::store::presence::{Node, key};
use crate::support::DEADLINE;
use crate::support::client::Socket;

/// The next frame of that type. Each that comes must be one that is described.
async fn until(socket: &mut Socket, kind: &str) -> Value {
    let schema = json!({ "$ref": "#/components/schemas/ServerFrame" });
    loop {
        let frame = socket.next().await;
        let faults = Document::read().schemas(true).faults(&schema, &frame);
        assert!(faults.is_empty(), "{faults:#?} in {frame}");
        if kind.is_empty() || frame["type"] == kind {
            return frame;
        }
    }
}

#[tokio::test]
async fn every_frame_is_as_described() {
    let server = Running::start().await;
    let mut socket = Socket::open(server.http).await;
    let said = json!({ "type": "message", "room": "general", "content": "hi", "ref": [2] });
    socket.send(said.clone()).await;
    let error = until(&mut socket, "error").await;
    assert_eq!(error["code"], "not_connected");
    let connect = json!({ "type": "connect", "nickname": "alice" });
    socket.send(connect).await;
    let session = until(&mut socket, "connected").await["session_id"].clone();
    let join = json!({ "type": "command", "command": "/join general", "ref": 1 });
    socket.send(join).await;
    let reply = until(&mut socket, "reply").await;
    assert_eq!(reply["data"]["room"], "general");
    socket.send(said).await;
    // The message and its acknowledgement may come in either order.
    let mut kinds = Vec::new();
    for _ in 0..2 {
        kinds.push(until(&mut socket, "").await["type"].to_string());
    }
    kinds.sort();
    assert_eq!(kinds, ["\"message\"", "\"reply\""]);
    let bob = server.connect("bob").await;
    server.command(&bob, "/join general").await;
    let notice = until(&mut socket, "system").await;
    assert_eq!(notice["text"], "bob joined general");
    socket.send(json!("no frame")).await;
    let error = until(&mut socket, "error").await;
    assert_eq!(error["code"], "bad_frame");

    let mut again = Socket::open(server.http).await;
    let rooms = json!({ "general": 41 });
    let connect = json!({ "type": "connect", "session_id": session, "rooms": rooms });
    again.send(connect).await;
    let connected = until(&mut again, "connected").await;
    assert_eq!(connected["nickname"], "alice");
    assert_eq!(until(&mut again, "reset").await["last_seq"], 1);
}

/// A nickname that another session has by now, since the server was away, is lost: each connection
/// of the one that had it is told.
#[tokio::test]
async fn a_lost_nickname_is_told_on_every_connection() {
    let server = Running::start().await;
    let mut socket = Socket::connect(server.http, "alice").await;
    let target = format!("/api/messages/general?session_id={}", socket.session);
    let mut reader = Events::open(&server, &target).await;
    // The server is taken off the books, as when it was frozen for too long.
    let store = server.store().await;
    for instance in store.lively(DEADLINE).await.expect("an answer") {
        store.retire(instance).await.expect("retired");
    }
    let other = Node::over(store, "other").await;
    other.claim(&key(), "alice").await.expect("free by now");
    let told = until(&mut socket, "system").await;
    let text = told["text"].as_str().expect("a text");
    let begins = "the nickname 'alice' was taken while this server was away: you are guest-";
    assert!(text.starts_with(begins), "{text}");
    assert_eq!(told.get("room"), None);
    let block = reader.block().await.expect("an event");
    let data = json!({ "text": text });
    assert_eq!(block, format!("event: system\ndata: {data}\n\n"));
}

/// A frame's bytes; `mask` is four zeros, so that the payload is as it is.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = match payload.len() {
        short @ 0..126 => vec![0x80 | short as u8],
        long @ 126..65_536 => [&[0xfe][..], &(long as u16).to_be_bytes()].concat(),
        huge => [&[0xff][..], &(huge as u64).to_be_bytes()].concat(),
    };
    [&[first][..], &length, &[0; 4], payload].concat()
}

/// What RFC 6455 forbids, and the code that says so (section 7.4.1).
#[tokio::test]
async fn what_breaks_the_protocol_is_closed_with_its_code() {
    let server = Running::start().await;
    let f = frame;
    let mut unmasked = f(0x81, b"{}");
    unmasked[1] &= 0x7f;
    let sized = |length: u64| [&[0x81, 0xff][..], &length.to_be_bytes(), &[0; 4]].concat();
    let violations: Vec<(&str, u16, Vec<u8>)> = vec![
        ("unmasked", 1002, unmasked),
        ("a reserved bit", 1002, f(0xc1, b"{}")),
        ("another reserved bit", 1002, f(0xa1, b"{}")),
        ("the last reserved bit", 1002, f(0x91, b"{}")),
        ("a reserved bit of a ping", 1002, f(0xc9, b"")),
        ("a reserved data frame", 1002, f(0x83, b"")),
        ("the last reserved data frame", 1002, f(0x87, b"")),
        ("a reserved control frame", 1002, f(0x8b, b"")),
        ("the last reserved control frame", 1002, f(0x8f, b"")),
        ("a ping in parts", 1002, f(0x09, b"")),
        ("a pong in parts", 1002, f(0x0a, b"")),
        ("a close in parts", 1002, f(0x08, b"")),
        ("a ping too long", 1002, f(0x89, &[0; 126])),
        ("a pong too long", 1002, f(0x8a, &[0; 126])),
        ("a close too long", 1002, f(0x88, &[3; 126])),
        ("nothing to go on with", 1002, f(0x80, b"x")),
        ("nothing to begin to go on with", 1002, f(0x00, b"x")),
        (
            "a text within a text",
            1002,
            [f(0x01, b"a"), f(0x81, b"b")].concat(),
        ),
        (
            "a binary within a text",
            1002,
            [f(0x01, b"a"), f(0x82, b"b")].concat(),
        ),
        ("half a close code", 1002, f(0x88, &[3])),
        ("a close code of nothing", 1002, f(0x88, &[0, 0])),
        (
            "a close code below all",
            1002,
            f(0x88, &999u16.to_be_bytes()),
        ),
        (
            "a code that is never sent",
            1002,
            f(0x88, &1005u16.to_be_bytes()),
        ),
        (
            "another that is never sent",
            1002,
            f(0x88, &1006u16.to_be_bytes()),
        ),
        (
            "the last that is never sent",
            1002,
            f(0x88, &1015u16.to_be_bytes()),
        ),
        ("a reserved code", 1002, f(0x88, &1004u16.to_be_bytes())),
        (
            "a close code beyond all",
            1002,
            f(0x88, &5000u16.to_be_bytes()),
        ),
        ("bytes", 1003, f(0x82, b"{}")),
        ("a text that is none", 1007, f(0x81, b"\xff\xfe")),
        ("half a character", 1007, f(0x81, b"\xe2\x82")),
        ("a surrogate", 1007, f(0x81, b"\xed\xa0\x80")),
        ("an overlong character", 1007, f(0x81, b"\xc0\xaf")),
        (
            "no text in parts",
            1007,
            [f(0x01, b"\xff"), f(0x80, b"\xfe")].concat(),
        ),
        (
            "a close whose reason is no text",
            1007,
            f(0x88, b"\x03\xe8\xff"),
        ),
        ("a text too big", 1009, f(0x81, &vec![b'x'; 70_000])),
        ("a binary too big", 1009, f(0x82, &vec![b'x'; 70_000])),
        (
            "parts too big",
            1009,
            [f(0x01, &[b'x'; 60_000]), f(0x80, &[b'x'; 60_000])].concat(),
        ),
        ("a length beyond memory", 1009, sized(1 << 40)),
        ("a length beyond all", 1009, sized(u64::MAX >> 1)),
    ];
    for (what, code, bytes) in violations {
        for piece in [bytes.len(), 1 + bytes.len() / 3] {
            let mut wire = Wire::open(server.http).await;
            let upgrade = format!("GET /api/ws HTTP/1.1\r\nhost: localhost\r\n{UPGRADE}\r\n\r\n");
            wire.send(upgrade).await;
            assert_eq!(wire.head().await.status, 101);
            for piece in bytes.chunks(piece) {
                wire.send(piece).await;
            }
            // What comes behind it changes nothing.
            wire.send(frame(
                0x81,
                b"{\"type\":\"connect\",\"nickname\":\"mallory\"}",
            ))
            .await;
            let answer = wire.rest().await;
            let closed = answer.starts_with(&[0x88]) && answer.len() >= 4;
            assert!(closed, "{what}: {answer:?}");
            let told = u16::from_be_bytes([answer[2], answer[3]]);
            assert_eq!(
                told,
                code,
                "{what}: {:?}",
                String::from_utf8_lossy(&answer[4..])
            );
        }
    }
    let users = server.get("/api/users").await;
    assert!(!users.text().contains("mallory"), "{users}");
}

#[tokio::test]
async fn without_an_upgrade_it_is_said_what_to_upgrade_to() {
    let server = Running::start().await;
    let lacking: [&[(&str, &str)]; 3] = [
        &[],
        &[("connection", "upgrade"), ("upgrade", "h2c")],
        &[
            ("connection", "keep-alive"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ],
    ];
    for headers in lacking {
        let answer = server.ask("GET", "/api/ws", headers, None).await;
        assert_problem(&answer, 426, "upgrade_required");
        assert_eq!(answer.header("upgrade"), Some("websocket"));
        assert_eq!(answer.header("sec-websocket-version"), Some("13"));
    }
}
