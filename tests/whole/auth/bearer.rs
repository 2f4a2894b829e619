//! Tokens of the provider with requests: the identity that they give, and the refusal of those that are not
//! right.
use std::net::SocketAddr;

use discordctl::client::{self, Answer};
use discordctl::config::Config;
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Value, json};

use super::clock;
use crate::support::client::{Lines, Socket};
use crate::support::provider::Provider;
use crate::support::server::{self, Local};
use crate::support::{DEADLINE, http as plain};

/// A server that takes that provider's tokens.
async fn server(provider: &Provider, adjust: impl FnOnce(&mut Config)) -> Local {
    let believe = |config: &mut Config| {
        let jwt = &mut config.auth.jwt;
        jwt.issuer = Some(provider.issuer.clone());
        jwt.jwks_url = Some(format!("{}/jwks", provider.issuer));
        jwt.audience = vec!["chat".into()];
        jwt.claims.roles = Some("roles".into());
        jwt.provision = true;
        adjust(config);
    };
    server::start(believe).await
}

async fn ask(at: SocketAddr, bearer: &str, path: &str, body: Value) -> Answer {
    let request = Request::post(path)
        .header(AUTHORIZATION, format!("Bearer {bearer}"))
        .header(CONTENT_TYPE, "application/json");
    let answer = client::send(at, request, body.to_string(), DEADLINE).await;
    answer.expect("an answer")
}

async fn join(at: SocketAddr, bearer: &str) -> Answer {
    let join = json!({ "command": "/join general" });
    ask(at, bearer, "/api/command", join).await
}

fn code(answer: &Answer) -> (u16, String) {
    let code = answer.json()["code"].as_str().unwrap_or("none").to_owned();
    (answer.status, code)
}

#[tokio::test]
async fn a_program_is_one_person_by_each_of_its_tokens() {
    let Some(provider) = Provider::start().await else {
        return;
    };
    let server = server(&provider, |_| {}).await;
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        let token = provider.token("chat", algorithm).await;
        let joined = join(server.http, &token).await;
        assert_eq!(joined.status, 200, "{}", joined.body);
        let said = json!({ "room": "general", "content": format!("by {algorithm}") });
        let said = ask(server.http, &token, "/api/message", said).await;
        assert_eq!(said.status, 200, "{}", said.body);
    }
    let page = plain::request(server.http, "GET", "/api/history/general", None).await;
    let page = page.expect("a page").body;
    let messages = page["messages"].as_array().expect("messages");
    let by_robot = |message: &&Value| message["user"] == "robot";
    assert_eq!(messages.iter().filter(by_robot).count(), 3, "{page}");

    let token = provider.token("chat", "ES256").await;
    let mut socket = Socket::greet(server.http, json!({ "token": token })).await;
    socket
        .send(json!({ "type": "command", "command": "/whoami" }))
        .await;
    let mut me = socket.next().await;
    while me["type"] != "reply" {
        // What was said in the room that it is in.
        me = socket.next().await;
    }
    assert_eq!(me["data"]["nickname"], "robot", "{me}");
    assert_eq!(me["data"]["role"], "moderator", "{me}");

    // A session's secret is shown the same way.
    let guest = plain::connect(server.http, "guest").await;
    assert_eq!(join(server.http, &guest).await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_token_that_is_not_right_is_told_little() {
    let Some(provider) = Provider::start().await else {
        return;
    };
    let server = server(&provider, |_| {}).await;
    let now = clock().utc().timestamp();
    let claims = |audience: &str, exp: i64| {
        let (iss, name) = (&provider.issuer, "eve");
        json!({ "iss": iss, "aud": audience, "sub": "1", "exp": exp, "preferred_username": name })
    };
    let header = json!({ "alg": "RS256" });
    let other = provider.sign(header.clone(), claims("other", now + 300));
    let late = provider.sign(header.clone(), claims("chat", now - 300));
    let strange = json!({ "alg": "RS256", "kid": "unknown" });
    let strange = provider.sign(strange, claims("chat", now + 300));
    for (token, expected) in [
        (other.await, "bad_token"),
        (strange.await, "bad_token"),
        ("x".to_owned(), "bad_token"),
        (late.await, "expired_token"),
    ] {
        let answer = join(server.http, &token).await;
        assert_eq!(code(&answer), (401, expected.to_owned()), "{token}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        if expected == "bad_token" {
            assert_eq!(answer.json()["detail"], "this token is not taken here");
        }
    }
    let nothing = json!({ "command": "/join general" });
    let answer = plain::post(server.http, "/api/command", nothing).await;
    assert_eq!(answer.expect("an answer").code(), "not_connected");
    server.stop().await;
}

/// Clocks may differ by a minute, so that a token is taken for so much longer.
#[tokio::test]
async fn what_a_token_opened_ends_with_it() {
    let Some(provider) = Provider::start().await else {
        return;
    };
    let server = server(&provider, |_| {}).await;
    let claims = |exp: i64| {
        let iss = &provider.issuer;
        json!({ "iss": iss, "aud": "chat", "sub": "7", "exp": exp, "preferred_username": "eve" })
    };
    let now = clock().utc().timestamp();
    let short = provider
        .sign(json!({ "alg": "ES256" }), claims(now - 56))
        .await;
    let long = provider
        .sign(json!({ "alg": "ES256" }), claims(now + 300))
        .await;
    let mut ends = Socket::greet(server.http, json!({ "token": short })).await;
    let mut stays = Socket::greet(server.http, json!({ "token": long })).await;
    assert_eq!(ends.session, "", "a token is shown each time");
    assert_eq!(ends.next().await["code"], "expired_token");
    assert_eq!(ends.closed().await, Some(1008));
    let answer = join(server.http, &short).await;
    assert_eq!(code(&answer), (401, "expired_token".into()));
    stays
        .send(json!({ "type": "command", "command": "/whoami" }))
        .await;
    assert_eq!(stays.next().await["data"]["nickname"], "eve");
    server.stop().await;
}

#[tokio::test]
async fn no_token_opens_an_account_that_it_did_not_make() {
    let Some(provider) = Provider::start().await else {
        return;
    };
    let open = server(&provider, |_| {}).await;
    let mut robot = Lines::connect(open.tcp).await;
    robot.answer("/nick robot").await;
    robot.write("/register four unrelated words\n").await;
    robot.line_with("you are logged in as robot").await;
    let token = provider.token("chat", "RS256").await;
    let answer = join(open.http, &token).await;
    assert_eq!(code(&answer), (409, "nickname_registered".into()));
    open.stop().await;

    let closed = server(&provider, |config| config.auth.jwt.provision = false).await;
    let answer = join(closed.http, &token).await;
    assert_eq!(code(&answer), (403, "no_account".into()));
    closed.stop().await;

    let deaf = server::start(|_| {}).await;
    let answer = join(deaf.http, &token).await;
    assert_eq!(code(&answer), (401, "bad_token".into()));
    deaf.stop().await;
}

#[tokio::test]
async fn a_provider_that_is_down_stops_only_a_server_without_its_keys() {
    let Some(provider) = Provider::start().await else {
        return;
    };
    let known = server(&provider, |_| {}).await;
    let new = server(&provider, |_| {}).await;
    let token = provider.token("chat", "ES256").await;
    assert_eq!(join(known.http, &token).await.status, 200);
    provider.kill();
    assert_eq!(join(known.http, &token).await.status, 200);
    let answer = join(new.http, &token).await;
    assert_eq!(code(&answer), (503, "login_unavailable".into()));
    assert!(answer.header("retry-after").is_some());
    known.stop().await;
    new.stop().await;
}
