//! WebSocket frames against their description. What they do is tested with the other transports.
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::client::soon;
use super::document::Document;
use super::errors::assert_problem;
use super::server::Running;

struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    async fn open(server: &Running) -> Self {
        let stream = TcpStream::connect(server.http).await.expect("a connection");
        let address = format!("ws://{}/api/ws", server.http);
        let opening = tokio_tungstenite::client_async(address, stream);
        Self(soon("a WebSocket", opening).await.expect("an upgrade").0)
    }

    async fn send(&mut self, frame: &Value) {
        let message = Message::text(frame.to_string());
        self.0.send(message).await.expect("a frame is sent");
    }

    /// The next frame, which must be one that is described.
    async fn next(&mut self) -> Value {
        let schema = json!({ "$ref": "#/components/schemas/ServerFrame" });
        loop {
            let frame = soon("a frame", self.0.next()).await.expect("a frame");
            let Message::Text(text) = frame.expect("a whole frame") else {
                continue;
            };
            let frame: Value = serde_json::from_str(&text).expect("JSON");
            let faults = Document::read().schemas(true).faults(&schema, &frame);
            assert!(faults.is_empty(), "{faults:#?} in {frame}");
            return frame;
        }
    }

    /// The next frame of that type.
    async fn until(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.next().await;
            if frame["type"] == kind {
                return frame;
            }
        }
    }
}

#[tokio::test]
async fn every_frame_is_as_described() {
    let server = Running::start().await;
    let mut socket = Socket::open(&server).await;
    socket
        .send(&json!({ "type": "message", "room": "general", "content": "x" }))
        .await;
    assert_eq!(socket.until("error").await["code"], "not_connected");
    socket
        .send(&json!({ "type": "connect", "nickname": "alice" }))
        .await;
    let session = socket.until("connected").await["session_id"].clone();
    socket
        .send(&json!({ "type": "command", "command": "/join general", "ref": 1 }))
        .await;
    assert_eq!(socket.until("reply").await["data"]["room"], "general");
    let said = json!({ "type": "message", "room": "general", "content": "hi", "ref": [2] });
    socket.send(&said).await;
    // The message and its acknowledgement may come in either order.
    let mut kinds = [socket.next().await, socket.next().await].map(|f| f["type"].to_string());
    kinds.sort();
    assert_eq!(kinds, ["\"message\"", "\"reply\""]);
    let bob = server.connect("bob").await;
    server.command(&bob, "/join general").await;
    assert_eq!(socket.until("system").await["text"], "bob joined general");
    socket.send(&json!("no frame")).await;
    assert_eq!(socket.until("error").await["code"], "bad_frame");

    let mut again = Socket::open(&server).await;
    let rooms = json!({ "general": 41 });
    again
        .send(&json!({ "type": "connect", "session_id": session, "rooms": rooms }))
        .await;
    assert_eq!(again.until("connected").await["nickname"], "alice");
    assert_eq!(again.until("gap").await["to"], 41);
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
