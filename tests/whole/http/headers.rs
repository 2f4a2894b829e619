//! What every answer says beside its body.
use serde_json::json;

use super::server::Running;

#[tokio::test]
async fn no_answer_is_sniffed_or_named_elsewhere() {
    let server = Running::start().await;
    let targets = [
        "/",
        "/web/app.js",
        "/api/rooms",
        "/api/nothing",
        "/api/connect",
        "/livez",
        "/metrics",
        "/api/openapi.json",
        "/api/history/headcount",
    ];
    for target in targets {
        let answer = server.get(target).await;
        assert_eq!(
            answer.header("x-content-type-options"),
            Some("nosniff"),
            "{target}"
        );
        assert_eq!(
            answer.header("referrer-policy"),
            Some("no-referrer"),
            "{target}"
        );
    }
}

#[tokio::test]
async fn what_is_true_for_now_only_is_not_stored() {
    let server = Running::start().await;
    let connected = server
        .post("/api/connect", &json!({ "nickname": "alice" }))
        .await;
    assert_eq!(connected.header("cache-control"), Some("no-store"));
    let targets = [
        "/api/rooms",
        "/api/users",
        "/api/history/general",
        "/api/nothing",
        "/health",
        "/livez",
        "/readyz",
        "/metrics",
    ];
    for target in targets {
        let answer = server.get(target).await;
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{target}");
    }
}

#[tokio::test]
async fn the_web_client_may_load_nothing_from_elsewhere() {
    let server = Running::start().await;
    for target in ["/", "/web/app.js", "/favicon.ico"] {
        let answer = server.get(target).await;
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(
            policy.starts_with("default-src 'none'"),
            "{target}: {policy}"
        );
        assert!(
            policy.contains("frame-ancestors 'none'"),
            "{target}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{target}: {policy}");
    }
}

#[tokio::test]
async fn files_have_their_types_and_are_sent_once() {
    let server = Running::start().await;
    let types = [
        ("/", "text/html; charset=utf-8"),
        ("/web/app.js", "text/javascript; charset=utf-8"),
        ("/web/style.css", "text/css; charset=utf-8"),
        ("/favicon.ico", "image/svg+xml"),
    ];
    for (target, kind) in types {
        let first = server.get(target).await;
        assert_eq!(
            (first.status, first.header("content-type")),
            (200, Some(kind))
        );
        assert!(!first.body.is_empty());
        let tag = first.header("etag").expect("an ETag").to_owned();
        let again = server
            .ask("GET", target, &[("if-none-match", &tag)], None)
            .await;
        assert_eq!((again.status, again.body.len()), (304, 0));
        assert_eq!(again.header("etag"), Some(tag.as_str()));
    }
}
