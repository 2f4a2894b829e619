//! Tokens of bots: an account within scopes, rooms and time, until they are revoked.
use std::net::SocketAddr;

use discordctl::client::{self, Answer, Event, Events};
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::{PASSWORD, in_room, registered, says, serve, tells};
use crate::support::client::{Lines, Socket};
use crate::support::db::Db;
use crate::support::{DEADLINE, Shell, http as plain};

/// A request with that token or session; without a body where that is null.
async fn ask(at: SocketAddr, bearer: &str, (method, path): (&str, &str), body: Value) -> Answer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(AUTHORIZATION, format!("Bearer {bearer}"))
        .header(CONTENT_TYPE, "application/json");
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let answer = client::send(at, request, body, DEADLINE).await;
    answer.expect("an answer")
}

async fn says_in(at: SocketAddr, bearer: &str, room: &str) -> (u16, Value) {
    let message = json!({ "room": room, "content": "hello" });
    told(&ask(at, bearer, ("POST", "/api/message"), message).await)
}

async fn reads(at: SocketAddr, bearer: &str, room: &str) -> (u16, Value) {
    let path = format!("/api/history/{room}");
    told(&ask(at, bearer, ("GET", &path), Value::Null).await)
}

/// The status and the code of a refusal.
fn told(answer: &Answer) -> (u16, Value) {
    (answer.status, answer.json()["code"].clone())
}

/// A token of alice's, by her session's secret.
async fn token(at: SocketAddr, alice: &str, new: Value) -> (i64, String) {
    let made = ask(at, alice, ("POST", "/api/tokens"), new).await;
    assert_eq!(made.status, 200, "{}", made.body);
    let made = made.json();
    let (id, token) = (made["id"].as_i64(), made["token"].as_str());
    (id.expect("an id"), token.expect("a token").to_owned())
}

/// Alice's session over HTTP; she has an account and is in two rooms.
async fn alice(tcp: SocketAddr, at: SocketAddr) -> String {
    let mut alice = in_room(tcp, "alice", "/create ops").await;
    tells(&mut alice, "/create den --private", "joined den").await;
    let login = json!({ "nickname": "alice", "password": PASSWORD });
    let session = plain::post(at, "/api/login", login)
        .await
        .expect("an answer");
    let session = session.body["session_id"].as_str().expect("a session");
    session.to_owned()
}

const OK: (u16, Value) = (200, Value::Null);

pub(crate) async fn a_token_is_its_account_within_scopes_and_rooms(db: Db) {
    let server = serve(&db, |_| {}).await;
    let (tcp, at) = (server.tcp, server.http);
    let alice = alice(tcp, at).await;
    let refused = |status: u16, code: &str| (status, json!(code));
    let scopes = |scopes: &[&str]| json!({ "name": "a bot", "scopes": scopes });
    let (_, reader) = token(at, &alice, scopes(&["read"])).await;
    let (_, writer) = token(at, &alice, scopes(&["write"])).await;
    let ops = json!({
        "name": "builds", "scopes": ["read", "write", "manage"], "rooms": ["OPS"], "expires": "90d",
    });
    let (id, builds) = token(at, &alice, ops).await;
    assert!(reader.starts_with("dct_") && reader.len() == 44, "{reader}");

    assert_eq!(reads(at, &reader, "den").await, OK);
    assert_eq!(says_in(at, &reader, "ops").await, refused(403, "forbidden"));
    assert_eq!(says_in(at, &writer, "ops").await, OK);
    assert_eq!(reads(at, &writer, "ops").await, refused(403, "forbidden"));
    let create = json!({ "command": "/create another" });
    let made = ask(at, &writer, ("POST", "/api/command"), create.clone()).await;
    assert_eq!(told(&made), refused(403, "forbidden"));

    // Of the rooms that it is not for, it knows nothing; and it makes none.
    assert_eq!(says_in(at, &builds, "ops").await, OK);
    assert_eq!(reads(at, &builds, "ops").await, OK);
    assert_eq!(
        reads(at, &builds, "den").await,
        reads(at, &builds, "pit").await
    );
    assert_eq!(
        says_in(at, &builds, "general").await,
        refused(404, "no_such_room")
    );
    let made = ask(at, &builds, ("POST", "/api/command"), create).await;
    assert_eq!(told(&made), refused(403, "forbidden"));
    let topic = json!({ "command": "/join ops" });
    assert_eq!(
        ask(at, &builds, ("POST", "/api/command"), topic)
            .await
            .status,
        200
    );
    let topic = json!({ "command": "/topic builds" });
    assert_eq!(
        ask(at, &builds, ("POST", "/api/command"), topic)
            .await
            .status,
        200
    );
    for path in ["/api/rooms", "/api/me", "/api/users"] {
        let seen = ask(at, &builds, ("GET", path), Value::Null).await;
        assert_eq!(seen.status, 200, "{}", seen.body);
        assert!(
            seen.body.contains("ops") && !seen.body.contains("den"),
            "{}",
            seen.body
        );
    }

    // Nor does it speak to people alone, unless it is for all rooms.
    registered(tcp, "bob").await;
    let direct = json!({ "command": "/msg bob hello" });
    for (bot, expected) in [
        (&builds, refused(403, "forbidden")),
        (&reader, refused(403, "forbidden")),
        (&writer, OK),
    ] {
        let said = ask(at, bot, ("POST", "/api/command"), direct.clone()).await;
        assert_eq!(told(&said), expected, "{}", said.body);
    }
    let me = ask(at, &builds, ("GET", "/api/me"), Value::Null).await;
    assert!(!me.body.contains("bob"), "{}", me.body);

    // What is the person's own, no token does.
    let new = scopes(&["manage"]);
    let password = json!({ "old": PASSWORD, "new": "another horse entirely" });
    for (route, body) in [
        (("POST", "/api/tokens"), new),
        (("GET", "/api/tokens"), Value::Null),
        (("DELETE", &*format!("/api/tokens/{id}")), Value::Null),
        (("GET", "/api/sessions"), Value::Null),
        (("POST", "/api/password"), password),
    ] {
        let answer = ask(at, &builds, route, body).await;
        assert_eq!(told(&answer), refused(403, "forbidden"), "{route:?}");
    }

    let list = ask(at, &alice, ("GET", "/api/tokens"), Value::Null)
        .await
        .json();
    let of = |name: &str| {
        let tokens = list["tokens"].as_array().expect("a list").iter();
        let mut named = tokens.filter(|token| token["name"] == name);
        named.next().expect("it is listed").clone()
    };
    assert_eq!(of("builds")["rooms"], json!(["ops"]));
    assert_eq!(of("a bot")["rooms"], Value::Null);
    assert!(of("builds")["last_used_at"].is_string(), "{list}");
    assert!(!list.to_string().contains("dct_"), "{list}");
    for (new, code) in [
        (json!({ "name": "", "scopes": ["read"] }), "bad_request"),
        (json!({ "name": "x", "scopes": [] }), "bad_request"),
        (json!({ "name": "x", "scopes": ["admin"] }), "bad_request"),
        (
            json!({ "name": "x", "scopes": ["read"], "rooms": ["pit"] }),
            "no_such_room",
        ),
        (
            json!({ "name": "x", "scopes": ["read"], "expires": "soon" }),
            "bad_request",
        ),
        (
            json!({ "name": "x", "scopes": ["read"], "expires": "2020-01-01T00:00:00Z" }),
            "bad_request",
        ),
    ] {
        let answer = ask(at, &alice, ("POST", "/api/tokens"), new.clone()).await;
        assert_eq!(answer.json()["code"], code, "{new}");
    }
    for wrong in [
        &*reader.replace("dct_", "dct_x"),
        "dct_",
        &format!("dct_{}", "a".repeat(40)),
    ] {
        assert_eq!(reads(at, wrong, "ops").await, refused(401, "bad_token"));
    }
    server.stop().await;
}

pub(crate) async fn a_revoked_token_ends_what_it_opened_everywhere(db: Db) {
    let server = serve(&db, |_| {}).await;
    let other = serve(&db, |config| config.instance_id = "other".into()).await;
    let at = server.http;
    let alice = alice(server.tcp, at).await;
    let both = json!({ "name": "a bot", "scopes": ["read", "write"] });
    let (id, bot) = token(at, &alice, both.clone()).await;
    let (_, kept) = token(at, &alice, both).await;
    let mut socket =
        Socket::greet(other.http, json!({ "token": bot, "rooms": { "ops": 0 } })).await;
    assert_eq!(socket.session, "", "a token is shown each time");
    let mut lines = Lines::connect(other.tcp).await;
    let told = says(&mut lines, &format!("/login alice {bot}")).await;
    assert!(told.contains("you are logged in as alice"), "{told}");
    tells(&mut lines, "/sessions", "cannot do that by a token").await;
    tells(&mut lines, "/join ops", "joined ops").await;
    tells(
        &mut lines,
        "/create another",
        "cannot create a room: the token",
    )
    .await;
    let mut stays = Lines::connect(other.tcp).await;
    tells(
        &mut stays,
        &format!("/login alice {kept}"),
        "you are logged in",
    )
    .await;
    let mut bob = registered(server.tcp, "bob").await;
    tells(&mut bob, &format!("/login bob {bot}"), "logged in already").await;
    tells(&mut bob, "/logout", "logged out").await;
    tells(
        &mut bob,
        &format!("/login bob {bot}"),
        "wrong name or password",
    )
    .await;
    assert_eq!(says_in(other.http, &bot, "ops").await, OK);
    lines.line_with("[ops] alice: hello").await;

    let path = format!("/api/tokens/{id}");
    let by_bob = plain::post(
        at,
        "/api/login",
        json!({ "nickname": "bob", "password": PASSWORD }),
    );
    let by_bob = by_bob.await.expect("an answer").body["session_id"].clone();
    let by_bob = by_bob.as_str().expect("a session");
    let refused = ask(at, by_bob, ("DELETE", &path), Value::Null).await;
    assert_eq!(refused.json()["code"], "no_such_token");
    let revoked = ask(at, &alice, ("DELETE", &path), Value::Null).await;
    assert_eq!(revoked.status, 200, "{}", revoked.body);
    crate::support::eventually("it is refused everywhere", || async {
        let one = reads(at, &bot, "ops").await;
        one == (401, json!("bad_token")) && reads(other.http, &bot, "ops").await == one
    })
    .await;
    while lines.line().await.is_some() {}
    while !matches!(socket.socket.next().await, Ok(client::Frame::Closed(_))) {}
    tells(&mut stays, "/join ops", "joined ops").await;
    let again = ask(at, &alice, ("DELETE", &path), Value::Null).await;
    assert_eq!(again.json()["code"], "no_such_token");
    server.stop().await;
    other.stop().await;
}

pub(crate) async fn an_operator_makes_tokens_and_revokes_them(db: Db) {
    let shell = Shell::on(&db);
    shell.run("user create buildbot").await.well();
    for (line, code, why) in [
        ("token create --user nobody --scopes read", 69, "no_account"),
        (
            "token create --user buildbot --scopes read,all",
            64,
            "usage",
        ),
        (
            "token create --user buildbot --scopes read --rooms pit",
            69,
            "no_room",
        ),
        ("token revoke 1", 69, "no_token"),
    ] {
        let refused = shell.run(line).await.exits(code);
        assert_eq!(refused.problem()["code"], why, "{line}");
    }
    let made = shell
        .run("token create --user buildbot --scopes read,write")
        .await
        .well();
    let stopped = made["token"].as_str().expect("a token").to_owned();
    let server = serve(&db, |_| {}).await;
    let at = server.http;
    let mut alice = in_room(server.tcp, "alice", "/create ops").await;
    assert_eq!(says_in(at, &stopped, "ops").await, OK);
    alice.line_with("[ops] buildbot: hello").await;
    let line =
        "token create --user buildbot --scopes read,write --rooms ops --expires 90d --name ci";
    let made = shell.run(line).await.well();
    let bot = made["token"].as_str().expect("a token").to_owned();
    assert_eq!(says_in(at, &bot, "ops").await, OK);
    assert_eq!(
        says_in(at, &bot, "general").await,
        (404, json!("no_such_room"))
    );
    let list = shell.run("token list --user buildbot").await.well();
    assert_eq!(list["tokens"].as_array().map(Vec::len), Some(2), "{list}");
    let ci = &list["tokens"][0];
    assert_eq!(
        (&ci["name"], &ci["rooms"], &ci["scopes"]),
        (&json!("ci"), &json!(["ops"]), &json!(["read", "write"]))
    );
    assert!(
        ci["last_used_at"].is_string() && ci["expires_at"].is_string(),
        "{ci}"
    );
    shell
        .run(&format!("token revoke {}", made["id"]))
        .await
        .well();
    crate::support::eventually("it is refused", || async {
        reads(at, &bot, "ops").await == (401, json!("bad_token"))
    })
    .await;
    // An account that is closed takes its tokens with it, until it is opened again.
    assert_eq!(reads(at, &stopped, "ops").await, OK);
    shell.run("user disable buildbot --yes").await.well();
    crate::support::eventually("it does nothing", || async {
        reads(at, &stopped, "ops").await == (401, json!("bad_token"))
    })
    .await;
    shell.run("user enable buildbot").await.well();
    assert_eq!(reads(at, &stopped, "ops").await, OK);
    let audit = shell.run("audit").await.well().to_string();
    assert!(
        audit.contains("make_token") && audit.contains("revoke_token"),
        "{audit}"
    );
    assert!(!audit.contains("dct_"), "{audit}");
    server.stop().await;
}

pub(crate) async fn a_token_that_expires_ends_what_it_opened(db: Db) {
    let server = serve(&db, |_| {}).await;
    let (tcp, at) = (server.tcp, server.http);
    let alice = alice(tcp, at).await;
    let short = json!({ "name": "short", "scopes": ["read", "write"], "expires": "3s" });
    let (_, bot) = token(at, &alice, short).await;
    let mut socket = Socket::greet(at, json!({ "token": bot })).await;
    let mut lines = Lines::connect(tcp).await;
    tells(
        &mut lines,
        &format!("/login alice {bot}"),
        "you are logged in",
    )
    .await;
    let stream = TcpStream::connect(at).await.expect("it listens");
    let request = Events::request("/api/messages/den?history=0")
        .header(HOST, at.to_string())
        .header(AUTHORIZATION, format!("Bearer {bot}"));
    let response = client::open(stream, request, String::new()).await;
    let mut stream = Events::of(response.expect("an answer"), DEADLINE).expect("a stream");
    let end = loop {
        match stream.next().await.expect("readable") {
            Some(Event::Named { name, data, .. }) if name == "end" => break data,
            Some(_) => {}
            None => panic!("it ended without a word"),
        }
    };
    assert!(end.contains("\"code\":\"expired_token\""), "{end}");
    let error = loop {
        let frame = socket.next().await;
        if frame["type"] == "error" {
            break frame;
        }
    };
    assert_eq!(error["code"], "expired_token");
    assert_eq!(socket.closed().await, Some(1008));
    lines
        .line_with("the token of this connection has expired")
        .await;
    assert_eq!(lines.line().await, None);
    assert_eq!(reads(at, &bot, "ops").await, (401, json!("expired_token")));
    server.stop().await;
}
