//! A browser signs in through the server: there, back, and what may go wrong between.
use discordctl::client::{self, Answer};
use discordctl::config::Config;
use futures_util::{SinkExt, StreamExt};
use http::Request;
use http::header::{ACCEPT, COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::support::client::Lines;
use crate::support::provider::{Agent, Provider};
use crate::support::server::{self, Local};
use crate::support::{DEADLINE, in_time};

/// A server at which people sign in with that provider.
async fn serve(provider: &Provider, adjust: impl FnOnce(&mut Config)) -> Local {
    let believe = |config: &mut Config| {
        provider.signs_in(config);
        adjust(config);
    };
    server::start(believe).await
}

fn at(server: &Local, path: &str) -> String {
    format!("http://{}{path}", server.http)
}

/// Follows a browser from the button to where it comes back.
async fn goes(server: &Local, agent: &mut Agent) -> Result<String, Answer> {
    let back = at(server, "/auth/callback?");
    let login = at(server, "/auth/login");
    agent.follow(&login, |url| url.starts_with(&back)).await
}

fn told(answer: &Answer) -> (u16, String) {
    let code = answer.json()["code"].as_str().unwrap_or("none").to_owned();
    (answer.status, code)
}

#[tokio::test]
async fn a_person_signs_in_and_is_known_by_a_cookie() {
    let Some(provider) = Provider::start().await else {
        return;
    };
    provider.is_used_by("bob").await;
    let server = serve(&provider, |_| {}).await;
    let ways = client::get(server.http, "/api/login", "*/*", DEADLINE).await;
    assert_eq!(ways.expect("an answer").json()["sign_in"], "/auth/login");
    let mut agent = Agent::default();
    let back = goes(&server, &mut agent).await.expect("it comes back");
    let answer = agent.get(&back).await;
    assert_eq!(
        (answer.status, answer.header(LOCATION.as_str())),
        (303, Some("/#signed-in"))
    );
    let cookies = answer.headers.get_all(SET_COOKIE).iter();
    let cookies: Vec<&str> = cookies
        .map(|cookie| cookie.to_str().expect("text"))
        .collect();
    let session = cookies
        .iter()
        .find(|cookie| cookie.starts_with("discordctl-session="));
    let session = session.expect("a session's cookie");
    assert!(session.contains("; HttpOnly; SameSite=Strict"), "{session}");
    let gone = cookies
        .iter()
        .find(|cookie| cookie.starts_with("discordctl-sign-in=;"));
    assert!(
        gone.is_some_and(|cookie| cookie.contains("Max-Age=0")),
        "{cookies:?}"
    );
    let me = agent.get(&at(&server, "/api/me")).await.json();
    assert_eq!(
        (&me["nickname"], &me["role"]),
        (&json!("bob"), &json!("member"))
    );

    // A WebSocket of the same site's page comes with the cookie, too.
    let kept = session.split(';').next().expect("a pair").to_owned();
    let request = format!("ws://{}/api/ws", server.http).into_client_request();
    let mut request = request.expect("a request");
    let cookie = kept.parse().expect("a header");
    request.headers_mut().insert(COOKIE, cookie);
    let stream = TcpStream::connect(server.http).await.expect("it listens");
    let upgraded = tokio_tungstenite::client_async(request, stream).await;
    let (mut socket, _) = upgraded.expect("the handshake");
    let connect = Message::text(json!({ "type": "connect" }).to_string());
    socket.send(connect).await.expect("sent");
    let connected = in_time("an answer", socket.next()).await.expect("a frame");
    let connected = connected.expect("readable").into_text().expect("text");
    assert!(connected.contains("\"nickname\":\"bob\""), "{connected}");

    // What was used once is of no use: neither the cookie nor the code.
    let again = agent.get(&back).await;
    assert_eq!(told(&again), (401, "login_expired".into()));
    // The same person has the same account, also in another browser.
    let mut other = Agent::default();
    let back = goes(&server, &mut other).await.expect("it comes back");
    assert_eq!(other.get(&back).await.status, 303);
    let again = other.get(&at(&server, "/api/me")).await.json();
    assert_eq!(again["user_id"], me["user_id"]);
    server.stop().await;
}

#[tokio::test]
async fn what_goes_wrong_is_told_and_leaks_nothing() {
    let Some(provider) = Provider::start().await else {
        return;
    };
    provider.is_used_by("bob").await;
    let server = serve(&provider, |_| {}).await;
    let (mut mine, mut another) = (Agent::default(), Agent::default());
    let back = goes(&server, &mut mine).await.expect("it comes back");
    goes(&server, &mut another).await.expect("it comes back");
    let stolen = another.get(&back).await;
    assert_eq!(told(&stolen), (401, "login_expired".into()));
    let begun = at(&server, "/auth/callback?code=x&state=wrong");
    assert_eq!(told(&mine.get(&begun).await), (401, "login_expired".into()));

    provider.is_used_by("").await;
    let mut denied = Agent::default();
    let back = goes(&server, &mut denied).await.expect("it comes back");
    let answer = denied.get(&back).await;
    assert_eq!(told(&answer), (403, "login_denied".into()));
    assert!(!answer.body.contains("access_denied") && !answer.body.contains(&provider.issuer));

    // A replayed code, with the cookie put back.
    provider.is_used_by("bob").await;
    let mut replays = Agent::default();
    let back = goes(&server, &mut replays).await.expect("it comes back");
    let kept = replays.cookies(&back);
    assert_eq!(replays.get(&back).await.status, 303);
    let (path, secret) = (
        back.split_once("/auth")
            .map(|(_, rest)| format!("/auth{rest}"))
            .expect("a path"),
        format!("discordctl-sign-in={}", kept["discordctl-sign-in"]),
    );
    let request = Request::get(&path)
        .header(HOST, server.http.to_string())
        .header(ACCEPT, "text/html")
        .header(COOKIE, secret);
    let page = client::send(server.http, request, String::new(), DEADLINE).await;
    let page = page.expect("an answer");
    assert_eq!(page.status, 403);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(
        page.body.contains("begin again") && page.body.contains("login_denied"),
        "{}",
        page.body
    );

    // A name that is another account's opens nothing.
    let mut carol = Lines::connect(server.tcp).await;
    carol.answer("/nick carol").await;
    carol.write("/register four unrelated words\n").await;
    carol.line_with("you are logged in as carol").await;
    provider.is_used_by("carol").await;
    let mut other = Agent::default();
    let back = goes(&server, &mut other).await.expect("it comes back");
    assert_eq!(
        told(&other.get(&back).await),
        (409, "nickname_registered".into())
    );

    let mut late = Agent::default();
    let back = goes(&server, &mut late).await.expect("it comes back");
    let fresh = serve(&provider, |_| {}).await;
    provider.kill();
    assert_eq!(
        told(&late.get(&back).await),
        (503, "login_unavailable".into())
    );
    let down = goes(&fresh, &mut Agent::default())
        .await
        .expect_err("it is down");
    assert_eq!(told(&down), (503, "login_unavailable".into()));
    fresh.stop().await;
    server.stop().await;

    let none = server::start(|_| {}).await;
    let refused = goes(&none, &mut Agent::default())
        .await
        .expect_err("there is none");
    assert_eq!(told(&refused), (404, "no_sign_in".into()));
    none.stop().await;
}

#[tokio::test]
async fn a_person_without_an_account_gets_one_only_where_it_says_so() {
    let Some(provider) = Provider::start().await else {
        return;
    };
    provider.is_used_by("bob").await;
    let url = "https://chat.example/";
    let server = serve(&provider, |config| {
        config.auth.oidc.provision = false;
        config.http.public_url = Some(url.into());
    })
    .await;
    let back = "https://chat.example/auth/callback?";
    let mut agent = Agent::default();
    let login = at(&server, "/auth/login");
    let came = agent.follow(&login, |url| url.starts_with(back)).await;
    let came = came.expect("it comes back to where people find it");
    let answer = agent
        .get(&came.replacen("https://chat.example", &at(&server, ""), 1))
        .await;
    assert_eq!(told(&answer), (403, "no_account".into()));
    server.stop().await;
}

#[tokio::test]
async fn a_page_of_another_site_cannot_use_the_cookie() {
    let Some(provider) = Provider::start().await else {
        return;
    };
    provider.is_used_by("bob").await;
    let server = serve(&provider, |config| config.cors.origins = vec!["*".into()]).await;
    let mut agent = Agent::default();
    let back = goes(&server, &mut agent).await.expect("it comes back");
    assert_eq!(agent.get(&back).await.status, 303);
    let session = &agent.cookies(&back)["discordctl-session"];
    let request = Request::post("/api/command")
        .header(HOST, server.http.to_string())
        .header(ORIGIN, "https://evil.example")
        .header("content-type", "application/json")
        .header(COOKIE, format!("discordctl-session={session}"));
    let body = json!({ "command": "/join general" }).to_string();
    let refused = client::send(server.http, request, body, DEADLINE).await;
    assert_eq!(
        told(&refused.expect("an answer")),
        (403, "origin_forbidden".into())
    );
    server.stop().await;
}
