//! Requests that cannot be read, that are too large, or that lead nowhere.
use std::collections::BTreeMap;

use serde_json::json;

use super::client::{Answer, Wire, request};
use super::server::Running;

const JSON: (&str, &str) = ("content-type", "application/json");

/// Fails unless the answer is that problem, in the form of RFC 9457.
pub(crate) fn assert_problem(answer: &Answer, status: u16, code: &str) {
    let kind = answer.header("content-type");
    assert_eq!(kind, Some("application/problem+json"), "{answer}");
    let problem = answer.json();
    assert_eq!(
        (answer.status, &problem["code"]),
        (status, &json!(code)),
        "{answer}"
    );
    assert_eq!(problem["status"], status);
    assert_eq!(problem["type"], format!("urn:discordctl:problem:{code}"));
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|detail| !detail.is_empty())
    );
    let later = matches!(status, 429 | 503);
    assert_eq!(answer.header("retry-after").is_some(), later, "{answer}");
}

#[tokio::test]
async fn bodies_that_are_not_the_json_that_is_wanted() {
    let server = Running::start().await;
    let bad = [
        "",
        "{",
        "[]",
        "null",
        "\"x\"",
        "{}",
        "{\"nickname\":1}",
        "{\"nickname\":\"a\"} x",
    ];
    for body in bad {
        let answer = server
            .ask("POST", "/api/connect", &[JSON], Some(body))
            .await;
        assert_problem(&answer, 400, "bad_json");
    }
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let answer = server
        .ask("POST", "/api/connect", &[JSON], Some(&deep))
        .await;
    assert_problem(&answer, 400, "bad_json");
    let mut wire = Wire::open(server.http).await;
    let head =
        "POST /api/connect HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    wire.send(format!("{head}content-length: 16\r\n\r\n")).await;
    wire.send(b"{\"nickname\":\"\xff\"}").await;
    assert_problem(&wire.answer().await, 400, "bad_json");
}

#[tokio::test]
async fn bodies_of_another_type() {
    let server = Running::start().await;
    let body = Some("{\"nickname\":\"a\"}");
    let types: [&[(&str, &str)]; 4] = [
        &[],
        &[("content-type", "text/plain")],
        &[("content-type", "application/x-www-form-urlencoded")],
        &[("content-type", "application/jsonx")],
    ];
    for headers in types {
        for path in ["connect", "command", "message", "disconnect"] {
            let answer = server
                .ask("POST", &format!("/api/{path}"), headers, body)
                .await;
            assert_problem(&answer, 415, "unsupported_media_type");
        }
    }
    let kind = [("content-type", "Application/JSON; charset=utf-8")];
    assert_eq!(
        server.ask("POST", "/api/connect", &kind, body).await.status,
        200
    );
}

#[tokio::test]
async fn parameters_and_headers_that_cannot_be_read() {
    let server = Running::start().await;
    server.get("/api/history/general").await;
    let bad = [
        "/api/history/general?limit=x",
        "/api/history/general?limit=-1",
        "/api/history/general?limit=",
        "/api/history/general?before=1.5",
        "/api/history/general?before=99999999999999999999",
        "/api/history/general?limit=1&limit=2",
        "/api/messages/general?history=ten",
        "/api/messages/general?after=1&after=2",
    ];
    for target in bad {
        assert_problem(&server.get(target).await, 400, "bad_parameter");
    }
    for (target, header) in [
        ("/api/messages/general", "last-event-id"),
        ("/metrics", "accept"),
        ("/", "if-none-match"),
    ] {
        let mut wire = Wire::open(server.http).await;
        wire.send(format!(
            "GET {target} HTTP/1.1\r\nhost: localhost\r\n{header}: "
        ))
        .await;
        wire.send(b"\xff\xfe\r\n\r\n").await;
        assert_problem(&wire.answer().await, 400, "bad_header");
    }
}

#[tokio::test]
async fn places_that_do_not_exist() {
    let server = Running::start().await;
    let alice = server.connect("alice").await;
    let paths = [
        "/api",
        "/api/nothing",
        "/api/history",
        "/api/messages/",
        "/web/none.js",
        "/web/../Cargo.toml",
        "/web/%2e%2e%2fCargo.toml",
        "//",
        "/etc/passwd",
        "/API/rooms",
    ];
    for path in paths {
        assert_problem(&server.get(path).await, 404, "not_found");
    }
    for path in ["/api/history/den", "/api/messages/den"] {
        assert_problem(&server.get(path).await, 404, "no_such_room");
    }
    assert_problem(&server.say(&alice, "den", "x").await, 404, "no_such_room");
    assert_problem(
        &server.command(&alice, "/join den").await,
        404,
        "no_such_room",
    );
}

#[tokio::test]
async fn every_route_names_the_method_that_it_takes() {
    let server = Running::start().await;
    let mut taken: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (path, method) in super::hosts::places() {
        let of_path = taken.entry(path).or_default();
        of_path.push(method);
        if method == "GET" {
            of_path.push("HEAD");
        }
    }
    for (path, mut all) in taken {
        all.push("OPTIONS");
        for method in ["DELETE", "PUT", "PATCH", "GET", "POST"] {
            if all.contains(&method) {
                continue;
            }
            let answer = server.ask(method, &path, &[], None).await;
            assert_problem(&answer, 405, "method_not_allowed");
            let told = answer.header("allow").map(str::to_owned);
            assert_eq!(told, Some(all.join(", ")), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn too_much_at_once() {
    let server = Running::with(&[("limits.body_bytes", "32KiB")]).await;
    let alice = server.connect("alice").await;
    let answer = server.say(&alice, "general", &"é".repeat(4_001)).await;
    assert_problem(&answer, 413, "content_too_long");
    let answer = server.say(&alice, "general", &"x".repeat(40_000)).await;
    assert_problem(&answer, 413, "body_too_large");

    // A chunked body declares no length: it is counted as it comes.
    let chunked = [JSON, ("transfer-encoding", "chunked")];
    let mut wire = Wire::open(server.http).await;
    wire.send(request("POST", "/api/message", &chunked, None))
        .await;
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    for _ in 0..9 {
        wire.send(&chunk).await;
    }
    assert_problem(&wire.answer().await, 413, "body_too_large");

    for n in 0..100 {
        assert_eq!(
            server
                .command(&alice, &format!("/create r{n}"))
                .await
                .status,
            200
        );
    }
    assert_problem(
        &server.command(&alice, "/create more").await,
        409,
        "too_many_rooms",
    );
}
