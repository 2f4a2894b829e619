//! What no proper client sends.
use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::client::{Wire, request};
use super::errors::assert_problem;
use super::server::Running;

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = Running::start().await;
    let mut wire = Wire::open(server.http).await;
    let targets = [
        "/livez",
        "/api/nothing",
        "/api/rooms",
        "/api/history/general",
        "/health",
    ];
    let all: String = targets
        .iter()
        .map(|target| request("GET", target, &[], None))
        .collect();
    wire.send(all).await;
    for status in [200, 404, 200, 200, 200] {
        assert_eq!(wire.answer().await.status, status);
    }
}

#[tokio::test]
async fn a_target_without_a_path_is_nothing_here() {
    let server = Running::start().await;
    let mut wire = Wire::open(server.http).await;
    wire.send(request("CONNECT", "localhost:1", &[], None))
        .await;
    assert_problem(&wire.answer().await, 404, "not_found");
    let mut wire = Wire::open(server.http).await;
    wire.send(request("CONNECT", "other:1", &[], None)).await;
    assert_problem(&wire.answer().await, 421, "misdirected");
}

/// Waits as long as the server does: ten seconds, a constant.
#[tokio::test]
async fn headers_that_do_not_come_to_an_end_are_given_up() {
    let server = Running::start().await;
    let mut wire = Wire::open(server.http).await;
    wire.send("GET /livez HTTP/1.1\r\nhost: local").await;
    let mut silent = Wire::open(server.http).await;
    let (answer, nothing) = tokio::join!(wire.rest(), silent.rest());
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
    assert_eq!(nothing, b"");
}

#[tokio::test]
async fn half_requests_bother_no_other() {
    let server = Running::start().await;
    let whole = request(
        "POST",
        "/api/connect",
        &[("content-type", "application/json")],
        Some("{\"nickname\":\"alice\"}"),
    );
    for length in 0..whole.len() {
        let mut wire = Wire::open(server.http).await;
        wire.send(&whole[..length]).await;
        wire.half_close().await;
        assert!(
            !wire.rest().await.starts_with(b"HTTP/1.1 200"),
            "{length} bytes"
        );
    }
    // No session began by half a request.
    server.connect("alice").await;
}

#[tokio::test]
async fn chunked_bodies_are_read_to_their_end() {
    let server = Running::start().await;
    let headers = [
        ("content-type", "application/json"),
        ("transfer-encoding", "chunked"),
    ];
    let mut wire = Wire::open(server.http).await;
    wire.send(request("POST", "/api/connect", &headers, None))
        .await;
    for part in ["{\"nick", "name\":\"al", "ice\"}"] {
        wire.send(format!("{:x}\r\n{part}\r\n", part.len())).await;
    }
    wire.send("0\r\n\r\n").await;
    assert_eq!(wire.answer().await.status, 200);

    let mut wire = Wire::open(server.http).await;
    wire.send(request("POST", "/api/connect", &headers, None))
        .await;
    wire.send("zz\r\n").await;
    assert_problem(&wire.answer().await, 400, "bad_body");
}

#[tokio::test]
async fn requests_that_are_not_http_are_refused() {
    let server = Running::start().await;
    let long = format!(
        "GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n",
        "a".repeat(100_000)
    );
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(500));
    let bad = [
        "\r\n\r\nhello\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET  /  HTTP/1.1\r\n\r\n",
        "POST /api/connect HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
        "POST /api/connect HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx",
        "\u{16}\u{3}\u{1}",
        &long,
        &many,
    ];
    for text in bad {
        let mut wire = Wire::open(server.http).await;
        wire.send(text).await;
        wire.half_close().await;
        let answer = wire.rest().await;
        let refused = answer.is_empty() || answer.starts_with(b"HTTP/1.1 4");
        assert!(refused, "{}", String::from_utf8_lossy(&answer));
    }
    assert_eq!(server.get("/livez").await.status, 200);
}

/// Panics of the server's own code, in whatever task.
static PANICS: AtomicUsize = AtomicUsize::new(0);

fn count_panics() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let own = info
            .location()
            .is_some_and(|at| !at.file().starts_with("tests/"));
        PANICS.fetch_add(usize::from(own), Ordering::Relaxed);
        before(info);
    }));
}

/// Marsaglia's xorshift: the same garbage in every run.
struct Garbage(u64);

impl Garbage {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = self.below(2_000);
        (0..length).map(|_| self.next() as u8).collect()
    }

    /// A request that is nearly right.
    fn request(&mut self) -> Vec<u8> {
        let targets = [
            "/api/connect",
            "/api/message",
            "/api/messages/general?after=1&history=2",
            "/api/ws",
            "/api/history/general?limit=5&before=9",
            "/web/app.js",
            "/metrics",
        ];
        let headers = [
            ("content-type", "application/json"),
            ("last-event-id", "7"),
            ("upgrade", "websocket"),
            ("connection", "upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let method = ["GET", "POST"][self.below(2)];
        let target = targets[self.below(targets.len())];
        let body =
            Some("{\"nickname\":\"a\",\"session_id\":\"b\",\"room\":\"c\",\"content\":\"d\"}");
        let mut bytes = request(method, target, &headers, body).into_bytes();
        for _ in 0..self.below(6) {
            let at = self.below(bytes.len());
            bytes[at] = self.next() as u8;
        }
        // One that was let in as a WebSocket says something too.
        bytes.extend(self.bytes());
        bytes
    }
}

#[tokio::test]
async fn a_thousand_pieces_of_garbage_leave_the_server_as_it_was() {
    count_panics();
    let server = Running::start().await;
    let mut garbage = Garbage(0x9e37_79b9_7f4a_7c15);
    for round in 0..1_000 {
        let bytes = match round % 2 {
            0 => garbage.bytes(),
            _ => garbage.request(),
        };
        let mut wire = Wire::open(server.http).await;
        wire.send(&bytes).await;
        wire.half_close().await;
    }
    assert_eq!(server.get("/health").await.json()["status"], "healthy");
    let alice = server.connect("alice").await;
    assert_eq!(server.said(&alice, "general", "still here").await, 1);
    assert_eq!(
        PANICS.load(Ordering::Relaxed),
        0,
        "a task of the server panicked"
    );
}
