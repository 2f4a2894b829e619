//! Accounts over HTTP: made, logged in to, and known by a header or a cookie.
use std::net::SocketAddr;

use discordctl::client::{self, Answer};
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, ORIGIN, SET_COOKIE};
use serde_json::{Value, json};

use super::{PASSWORD, serve};
use crate::support::DEADLINE;
use crate::support::db::Db;
use crate::support::http as plain;

/// A request with these headers; without a body where that is null.
pub(super) async fn ask(
    at: SocketAddr,
    (method, path): (&str, &str),
    headers: &[(http::HeaderName, &str)],
    body: Value,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    let request = request.header(CONTENT_TYPE, "application/json");
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let answer = client::send(at, request, body, DEADLINE).await;
    answer.expect("an answer")
}

async fn registered(at: SocketAddr, nickname: &str) -> String {
    let new = json!({ "nickname": nickname, "password": PASSWORD });
    let made = plain::post(at, "/api/register", new)
        .await
        .expect("an answer");
    assert_eq!(
        (made.status, &made.body["nickname"]),
        (200, &json!(nickname))
    );
    made.body["session_id"]
        .as_str()
        .expect("a session")
        .to_owned()
}

pub(crate) async fn an_account_is_made_and_used_by_requests(db: Db) {
    let server = serve(&db, |_| {}).await;
    let at = server.http;
    let first = format!("Bearer {}", registered(at, "alice").await);
    let login = |password: &str| json!({ "nickname": "ALICE", "password": password });
    let wrong = plain::post(at, "/api/login", login("something else")).await;
    assert_eq!(wrong.expect("an answer").code(), "wrong_credentials");
    let again = plain::post(at, "/api/login", login(PASSWORD))
        .await
        .expect("an answer");
    assert_eq!(again.status, 200, "{again:?}");
    let second = format!(
        "Bearer {}",
        again.body["session_id"].as_str().expect("a session")
    );

    let me = ask(
        at,
        ("GET", "/api/me"),
        &[(AUTHORIZATION, &second)],
        Value::Null,
    )
    .await
    .json();
    assert_eq!(
        (&me["nickname"], &me["guest"]),
        (&json!("alice"), &json!(false))
    );
    let list = ask(
        at,
        ("GET", "/api/sessions"),
        &[(AUTHORIZATION, &second)],
        Value::Null,
    )
    .await;
    let list = list.json();
    let sessions = list["sessions"].as_array().expect("sessions");
    assert_eq!(sessions.len(), 2, "{list}");
    let other = sessions.iter().find(|session| session["current"] == false);
    let other = other.expect("the other")["id"].as_str().expect("an id");
    let path = format!("/api/sessions/{other}");
    let ended = ask(
        at,
        ("DELETE", &path),
        &[(AUTHORIZATION, &second)],
        Value::Null,
    )
    .await;
    assert_eq!(ended.status, 200, "{}", ended.body);
    crate::support::eventually("the other session is over", || async {
        let shown = [(AUTHORIZATION, first.as_str())];
        let me = ask(at, ("GET", "/api/me"), &shown, Value::Null).await;
        me.json()["code"] == "unknown_session"
    })
    .await;

    let change = json!({ "old": PASSWORD, "new": "four other unrelated words" });
    let changed = ask(
        at,
        ("POST", "/api/password"),
        &[(AUTHORIZATION, &second)],
        change,
    )
    .await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let old = plain::post(at, "/api/login", login(PASSWORD)).await;
    assert_eq!(old.expect("an answer").code(), "wrong_credentials");
    server.stop().await;
}

pub(crate) async fn a_browser_is_known_by_a_cookie_and_only_to_its_own_pages(db: Db) {
    let server = serve(&db, |_| {}).await;
    let at = server.http;
    registered(at, "alice").await;
    let login = json!({ "nickname": "alice", "password": PASSWORD, "cookie": true });
    let answer = ask(at, ("POST", "/api/login"), &[], login).await;
    let set = answer
        .header(SET_COOKIE.as_str())
        .expect("a cookie")
        .to_owned();
    assert!(set.contains("; HttpOnly; SameSite=Strict"), "{set}");
    assert!(
        !set.contains("Secure"),
        "over plain HTTP it would never come back: {set}"
    );
    let cookie = set.split(';').next().expect("a pair");

    let me = ask(at, ("GET", "/api/me"), &[(COOKIE, cookie)], Value::Null).await;
    assert_eq!(me.json()["nickname"], "alice", "{}", me.body);
    let join = json!({ "command": "/join general" });
    let foreign = [(COOKIE, cookie), (ORIGIN, "https://evil.example")];
    let refused = ask(at, ("POST", "/api/command"), &foreign, join.clone()).await;
    assert_eq!(
        refused.json()["code"],
        "origin_forbidden",
        "{}",
        refused.body
    );
    let own = [(COOKIE, cookie), (ORIGIN, "http://localhost")];
    let joined = ask(at, ("POST", "/api/command"), &own, join.clone()).await;
    assert_eq!(joined.status, 200, "{}", joined.body);

    let bye = ask(at, ("POST", "/api/disconnect"), &own, json!({})).await;
    let forgotten = bye.header(SET_COOKIE.as_str()).expect("a cookie");
    assert!(forgotten.contains("Max-Age=0"), "{forgotten}");
    // What a browser still sends of a session that is over is as good as nothing.
    let rooms = ask(at, ("GET", "/api/rooms"), &[(COOKIE, cookie)], Value::Null).await;
    assert_eq!(rooms.status, 200, "{}", rooms.body);
    let after = ask(at, ("POST", "/api/command"), &own, join).await;
    assert_eq!(after.json()["code"], "not_connected", "{}", after.body);
    server.stop().await;
}
