//! Under which names the server answers, and `HEAD` on everything that it answers.
use discordctl::transport::http::Route;

use super::client::Wire;
use super::server::Running;

const EVIL: &str = "evil.example:3001";

/// What follows a request that would become a WebSocket.
pub(crate) const UPGRADE: &str = "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n\
    sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==";

/// A request without a body, for that host.
fn asked(method: &str, target: &str, host: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\n\r\n")
}

/// What a server says to `request`, by its status; the connection is closed then.
async fn status(server: &Running, request: &str) -> u16 {
    let mut wire = Wire::open(server.http).await;
    wire.send(request).await;
    wire.head().await.status
}

/// A path that each route takes, and its method.
pub(crate) fn places() -> impl Iterator<Item = (String, &'static str)> {
    Route::all().map(|route| {
        let method = match route.method().as_str() {
            "POST" => "POST",
            "PUT" => "PUT",
            "PATCH" => "PATCH",
            "DELETE" => "DELETE",
            _ => "GET",
        };
        let path = route.path().replace("{room}", "general");
        let path = path.replace("{id}", "0").replace("{nickname}", "alice");
        (path.replace("{file}", "app.js"), method)
    })
}

#[tokio::test]
async fn a_page_that_calls_us_by_its_own_name_gets_nothing() {
    let server = Running::start().await;
    for (path, method) in places() {
        for (host, wanted) in [
            (format!("host: {EVIL}\r\n"), 421),
            (String::new(), 400),
            ("host: localhost\r\nhost: localhost\r\n".to_owned(), 400),
            (format!("host: localhost@{EVIL}\r\n"), 400),
        ] {
            let asked = format!(
                "{method} {path} HTTP/1.1\r\n{host}{UPGRADE}\r\norigin: http://{EVIL}\r\n\r\n"
            );
            let told = status(&server, &asked).await;
            assert_eq!(told, wanted, "{method} {path} {host}");
        }
    }
    let absolute = asked("GET", &format!("http://{EVIL}/health"), "localhost");
    assert_eq!(status(&server, &absolute).await, 421);
    let body = r#"{"nickname":"mallory"}"#;
    let posted = format!(
        "POST /api/connect HTTP/1.1\r\nhost: {EVIL}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = server.raw(posted).await;
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (421, &"misdirected".into())
    );
    let detail = answer.text();
    assert!(
        detail.contains("'evil.example'") && detail.contains("http.hosts"),
        "{detail}"
    );
    let users = server.get("/api/users").await;
    assert!(!users.text().contains("mallory"), "{users}");
}

#[tokio::test]
async fn names_that_are_set_are_answered() {
    let settings = [
        ("http.hosts", "chat.example, metrics"),
        ("http.public_url", "https://public.example/chat"),
    ];
    let server = Running::with(&settings).await;
    for host in [
        "Chat.Example:3001",
        "metrics",
        "public.example",
        "localhost",
        "[::1]:80",
    ] {
        let asked = asked("GET", "/health", host);
        assert_eq!(status(&server, &asked).await, 200, "{host}");
    }
    let evil = asked("GET", "/health", EVIL);
    assert_eq!(status(&server, &evil).await, 421);
    // As an old probe asks, which no browser does.
    let mut wire = Wire::open(server.http).await;
    wire.send("GET /livez HTTP/1.0\r\n\r\n").await;
    assert!(wire.rest().await.starts_with(b"HTTP/1.0 200"));
}

#[tokio::test]
async fn elsewhere_any_name_does_unless_some_are_set() {
    let open = Running::with(&[("bind", "0.0.0.0")]).await;
    let listed = Running::with(&[("bind", "0.0.0.0"), ("http.hosts", "chat.example")]).await;
    let evil = asked("GET", "/health", EVIL);
    assert_eq!(status(&open, &evil).await, 200);
    assert_eq!(status(&listed, &evil).await, 421);
    let known = asked("GET", "/health", "chat.example");
    assert_eq!(status(&listed, &known).await, 200);
    let none = "GET /health HTTP/1.1\r\n\r\n";
    assert_eq!(status(&open, none).await, 400);
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let server = Running::start().await;
    let readable: Vec<String> = places()
        .filter(|(_, method)| *method == "GET")
        .map(|(path, _)| path)
        .collect();
    for (path, _) in places() {
        let mut wire = Wire::open(server.http).await;
        wire.send(format!(
            "HEAD {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        ))
        .await;
        let head = wire.head().await;
        assert_eq!(wire.rest().await, b"", "{path} has a body");
        if !readable.contains(&path) {
            assert_eq!(head.status, 405, "{path}");
            continue;
        }
        let mut wire = Wire::open(server.http).await;
        wire.send(asked("GET", &path, "localhost")).await;
        let get = wire.head().await;
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(
            head.header("content-type"),
            get.header("content-type"),
            "{path}"
        );
        let (of_head, of_get) = (head.header("content-length"), get.header("content-length"));
        let changes = ["/health", "/readyz", "/livez", "/metrics"].contains(&path.as_str());
        assert!(
            of_head == of_get || changes && of_head.is_some(),
            "{path}: {of_head:?}"
        );
    }
    // Nothing goes on after a HEAD, and the next request on the connection is answered.
    let mut wire = Wire::open(server.http).await;
    let upgrade = format!("HEAD /api/ws HTTP/1.1\r\nhost: localhost\r\n{UPGRADE}\r\n\r\n");
    wire.send(upgrade).await;
    assert_eq!(wire.head().await.status, 426);
    wire.send(asked("GET", "/livez", "localhost")).await;
    assert_eq!(wire.answer().await.status, 200);
}

#[tokio::test]
async fn options_tells_what_is_allowed() {
    let server = Running::start().await;
    for (target, allowed) in [
        ("/api/users", "GET, HEAD, OPTIONS"),
        ("/api/rooms", "GET, HEAD, POST, OPTIONS"),
        ("/api/message", "POST, OPTIONS"),
        ("*", "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE"),
    ] {
        let answer = server.raw(asked("OPTIONS", target, "localhost")).await;
        let told = (answer.status, answer.header("allow"));
        assert_eq!(told, (204, Some(allowed)), "{target}");
    }
}

/// A name that was taken before it was reserved is still there.
#[tokio::test]
async fn rooms_with_old_names_are_reached_by_encoding_them() {
    let server = Running::start().await;
    server.get("/api/history/general").await;
    let old = "INSERT INTO rooms (name) VALUES ('system'), ('..'), ('.'), ('a b')";
    let server = server.restart_after(old).await;
    for (path, name) in [
        ("system", "system"),
        ("%2E%2E", ".."),
        ("%2e", "."),
        ("a%20b", "a b"),
    ] {
        let target = format!("/api/history/{path}");
        let answer = server.raw(asked("GET", &target, "localhost")).await;
        assert_eq!(
            (answer.status, &answer.json()["room"]),
            (200, &name.into()),
            "{path}"
        );
    }
    let alice = server.connect("alice").await;
    for (command, status) in [
        ("/join system", 200),
        ("/join ..", 200),
        ("/create SYSTEM", 400),
        ("/create .", 400),
        ("/nick System", 400),
        ("/nick headcount", 400),
        ("/nick ..", 400),
    ] {
        let answer = server.command(&alice, command).await;
        assert_eq!(answer.status, status, "{command}: {answer}");
    }
}
