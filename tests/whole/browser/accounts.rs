//! An account in the web client: made, left and come back to, and by single sign-on.
use std::net::SocketAddr;

use fantoccini::key::Key;
use serde_json::{Value, json};

use super::entered;
use super::person::Person;
use super::server::Server;
use super::webdriver::Webdriver;
use crate::support::http;
use crate::support::provider::Provider;

const PASSWORD: &str = "a horse of another colour";

fn enter() -> char {
    char::from(Key::Enter)
}

#[tokio::test]
async fn an_account_is_made_left_and_come_back_to() {
    let Some((server, [anna])) = entered(["anna"]).await else {
        return;
    };
    let zoe = Person::open(anna.driver.clone()).await;
    zoe.asks(server.http).await;
    zoe.type_into("#nickname", "zoe").await;
    zoe.type_into("#password", PASSWORD).await;
    zoe.click("#registering summary").await;
    zoe.click("#register").await;
    zoe.is_in("general").await;
    zoe.is_connected().await;
    zoe.say("/create den --private").await;
    zoe.is_in("den").await;
    zoe.say("among us").await;
    zoe.sees("among us").await;
    zoe.say("/topic all of it").await;
    let shown = "const facts = document.getElementById('room-facts').textContent; \
                 const sign = document.querySelector('#joined [data-room=den] .hash'); \
                 return facts.startsWith('private') && facts.endsWith('all of it') \
                   && sign.textContent === '◆'";
    zoe.eventually("the topic and the sign are shown", shown)
        .await;
    // What is typed is about the room on the screen, and not about the one joined last.
    zoe.say("/create pit").await;
    zoe.is_in("pit").await;
    zoe.click("#joined [data-room=den]").await;
    zoe.is_in("den").await;
    zoe.say("/topic all of den").await;
    let changed = "return document.getElementById('room-facts').textContent.endsWith('all of den')";
    zoe.eventually("the topic of den is shown", changed).await;
    is_spoken_to(&server, &zoe).await;
    // Rooms of other workspaces can be named; the server says that there is none.
    zoe.type_into("#new-room", &format!("acme/den{}", enter()))
        .await;
    let told = "return document.getElementById('create-error').textContent \
                .includes(\"there is no workspace 'acme'\")";
    zoe.eventually("the workspace is not there", told).await;
    // The list of rooms is hers, and not another's.
    let listed = "return !!document.querySelector('#joined [data-room=den]')";
    zoe.eventually("den is listed", listed).await;
    anna.say("/rooms").await;
    let told = "return document.body.textContent.includes('general:')";
    anna.eventually("the rooms are told", told).await;
    let hers = "return document.body.textContent.includes('den:')";
    assert_eq!(anna.run(hers).await, false);

    zoe.click("#signout").await;
    zoe.asks(server.http).await;
    zoe.run("document.getElementById('nickname').value = ''")
        .await;
    zoe.type_into("#nickname", &format!("zoe{}", enter())).await;
    let refused = |field: &str| {
        format!(
            "return document.getElementById('signin-error').textContent !== '' \
             && document.activeElement.id === '{field}'"
        )
    };
    zoe.eventually("it is registered", &refused("password"))
        .await;
    zoe.type_into("#password", &format!("something else{}", enter()))
        .await;
    let wrong = "return document.getElementById('signin-error').textContent.includes('wrong name')";
    zoe.eventually("it is wrong", wrong).await;
    zoe.run("document.getElementById('password').value = ''")
        .await;
    zoe.type_into("#password", &format!("{PASSWORD}{}", enter()))
        .await;
    zoe.is_connected().await;
    zoe.say("/join den").await;
    zoe.is_in("den").await;
    zoe.sees("among us").await;
}

/// A message to her alone is shown, and she answers where it was said.
async fn is_spoken_to(server: &Server, zoe: &Person) {
    let at = SocketAddr::from(([127, 0, 0, 1], server.http));
    let ask = async |path: &str, body: Value| {
        let answer = http::post(at, path, body).await.expect("an answer");
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    };
    let new = json!({ "nickname": "bob", "password": PASSWORD });
    let bob = ask("/api/register", new).await["session_id"].clone();
    let open = json!({ "session_id": bob, "nicknames": ["zoe"] });
    let room = ask("/api/direct", open).await["room"].clone();
    let say = json!({ "session_id": bob, "room": room, "content": "psst" });
    ask("/api/message", say).await;
    let listed = "return !!document.querySelector(\"#joined [data-room='@bob']\")";
    zoe.eventually("@bob is listed", listed).await;
    zoe.click("#joined [data-room='@bob']").await;
    zoe.is_in("@bob").await;
    zoe.sees("psst").await;
    zoe.say("what").await;
    zoe.sees("what").await;
    zoe.has_nothing_pending().await;
    let session = bob.as_str().expect("a session");
    let path = format!("/api/history/@zoe?session_id={session}");
    let said = http::request(at, "GET", &path, None).await;
    let said = said.expect("an answer").body["messages"].to_string();
    assert!(said.contains("what"), "{said}");
    zoe.click("#joined [data-room=den]").await;
    zoe.is_in("den").await;
}

#[tokio::test]
async fn a_person_signs_on_at_a_provider() {
    let Some(driver) = Webdriver::start().await else {
        return;
    };
    let Some(provider) = Provider::start().await else {
        return;
    };
    provider.is_used_by("zoe").await;
    let server = crate::support::server::start(|config| provider.signs_in(config)).await;
    let zoe = Person::open(driver).await;
    let port = server.http.port();
    let offered = "return !document.getElementById('sign-on').hidden";
    zoe.asks(port).await;
    zoe.eventually("there is a button", offered).await;
    zoe.click("#sign-on").await;
    zoe.is_in("general").await;
    zoe.is_connected().await;
    zoe.say("I am known").await;
    zoe.sees("I am known").await;
    let kept =
        "return document.cookie === '' && !JSON.stringify(sessionStorage).includes('session_id')";
    assert_eq!(zoe.run(kept).await, true, "no script has the secret");
    zoe.reload().await;
    zoe.is_connected().await;
    zoe.sees("I am known").await;
    zoe.click("#signout").await;
    zoe.eventually("it is asked again", offered).await;
    let me = "return fetch('/api/me').then((answer) => answer.status)";
    assert_eq!(zoe.run(me).await, 401);
    server.stop().await;
}
