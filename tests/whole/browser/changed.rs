//! What was said is changed: by a netcat, by an account in the page, over a WebSocket and over streams.
use std::sync::Arc;

use fantoccini::key::Key;
use serde_json::json;

use super::past::by_socket_and_by_streams;
use super::*;
use crate::support::client::Person as _;

/// An account of a netcat, in a room of its own.
pub(super) async fn with_a_room(server: &Server, name: &str, room: &str) -> Lines {
    let mut lines = Lines::enter(server.tcp(), name).await;
    for line in ["/register a-long-password", &format!("/create {room}")] {
        lines.command(line).await.expect(line);
    }
    lines
}

/// The page shows these, in this order, with "deleted" and "(edited" where they belong, and no other note.
async fn shows(person: &Person, wanted: &[(&str, &str)]) {
    let shown = format!(
        "return JSON.stringify([...document.querySelectorAll('.message[data-seq]')].map(n => [\
           n.querySelector('.content').textContent, \
           n.classList.contains('gone') ? 'gone' : n.querySelector('.edited') ? 'edited' : ''])) \
         === JSON.stringify({})",
        json!(wanted)
    );
    person
        .eventually(&format!("{wanted:?} is shown"), &shown)
        .await;
}

#[tokio::test]
async fn what_a_netcat_edits_and_deletes_changes_in_the_page() {
    let Some((server, [anna, ben])) = by_socket_and_by_streams().await else {
        return;
    };
    let people = [&anna, &ben];
    let mut carl = with_a_room(&server, "carl", "tea").await;
    for person in people {
        person.say("/join tea").await;
        person.is_in("tea").await;
    }
    for text in ["one", "two", "three"] {
        carl.write(format!("{text}\n")).await;
    }
    for person in people {
        person.sees("three").await;
    }
    // A place in the room is of an event, too: nothing is missing, and nothing is asked for again.
    carl.write("/edit #1 one, better\n/delete #2\n/react #3 :tada:\n/topic all of it\nfour\n")
        .await;
    let wanted = [
        ("one, better", "edited"),
        ("deleted", "gone"),
        ("three", ""),
        ("four", ""),
    ];
    let told = "return [...document.querySelectorAll('.note')].filter(n => n.textContent.includes('carl set the topic: all of it')).length === 1 \
                && !document.querySelector('.note.gap')";
    for person in people {
        shows(person, &wanted).await;
        person.eventually("the topic is told", told).await;
    }
    for person in people {
        person.reload().await;
        person.is_connected().await;
        shows(person, &wanted).await;
    }
    // The events have places, too: four is the eighth.
    carl.write("/edit #8 four, too\n").await;
    for person in people {
        person.sees("four, too").await;
    }
}

const NEWEST: &str = "#log .message[data-seq]:not(:has(~ .message[data-seq]))";

/// An account that is logged in on a line connection.
pub(super) async fn registered(driver: Arc<Webdriver>, port: u16, name: &str) -> Person {
    let person = Person::open(driver).await;
    person.asks(port).await;
    person.type_into("#nickname", name).await;
    person.type_into("#password", "a-long-password").await;
    person.click("#registering summary").await;
    person.click("#register").await;
    person.is_in("general").await;
    person.is_connected().await;
    person
}

/// Presses what the menu of the newest message calls `entry`, by the keyboard alone.
pub(super) async fn chooses(person: &Person, entry: &str) {
    let enter = char::from(Key::Enter).to_string();
    person.type_into(&format!("{NEWEST} .more"), &enter).await;
    let focused = "return document.activeElement.role === 'menuitem'";
    person.eventually("the menu is open", focused).await;
    let pressed = format!(
        "const entry = [...document.querySelectorAll('[role=menuitem]')].find(n => n.textContent === {}); \
         entry.focus(); return !!entry",
        json!(entry)
    );
    assert_eq!(person.run(&pressed).await, true, "there is {entry}");
    person.type_into("[role=menuitem]:focus", &enter).await;
}

/// Opens what the menu of the room calls `entry`.
pub(super) async fn opens(person: &Person, entry: &str) {
    person.click("#room-menu").await;
    let pressed = format!(
        "const entry = [...document.querySelectorAll('[role=menuitem]')].find(n => n.textContent === '{entry}'); \
         entry.click(); return true"
    );
    person.run(&pressed).await;
}

/// So many reacted to the newest message, and whether the person of the page did.
async fn has_reactions(person: &Person, count: usize, pressed: bool) {
    let shown = format!(
        "const button = document.querySelector('{NEWEST} .reactions button'); \
         return button?.getAttribute('aria-label').startsWith('🎉, {count}:') && button.ariaPressed === '{pressed}'"
    );
    person
        .eventually(&format!("{count} reacted, {pressed}"), &shown)
        .await;
}

#[tokio::test]
async fn one_changes_in_the_page_what_one_said_and_others_react() {
    let Some(driver) = Webdriver::start().await else {
        return;
    };
    let server = Server::start().await;
    let by_streams = proxy::without_websocket(server.http).await;
    let anna = registered(driver.clone(), server.http, "anna").await;
    let ben = registered(driver, by_streams, "ben").await;
    let [up, enter, escape, end] = [Key::Up, Key::Enter, Key::Escape, Key::End].map(char::from);
    for (person, other) in [(&anna, &ben), (&ben, &anna)] {
        person.say("helo").await;
        other.sees("helo").await;
        person.sees("helo").await;
        // Escape changes nothing.
        person.types(&format!("{up}{end} all{escape}")).await;
        assert!(person.check("return document.getElementById('input').value === '' && document.getElementById('editing').hidden").await);
        person.types(&format!("{up}{end} you{enter}")).await;
        for reader in [person, other] {
            reader.sees("helo you").await;
            let edited = format!("return !!document.querySelector('{NEWEST} .edited')");
            reader.eventually("it is marked", &edited).await;
        }

        chooses(other, "React…").await;
        other
            .type_into(".picker input", &format!("tada{enter}"))
            .await;
        has_reactions(person, 1, false).await;
        person.click(&format!("{NEWEST} .reactions button")).await;
        has_reactions(person, 2, true).await;
        has_reactions(other, 2, true).await;
        person.click(&format!("{NEWEST} .reactions button")).await;
        has_reactions(other, 1, true).await;

        chooses(person, "Pin").await;
        let refused =
            "return document.querySelector('.note.problem')?.textContent.includes('cannot pin')";
        person
            .eventually("it is refused with a word", refused)
            .await;
        chooses(person, "Delete…").await;
        person.click("dialog .grave").await;
        let gone = format!("return document.querySelector('{NEWEST}').classList.contains('gone')");
        for reader in [person, other] {
            reader.eventually("it is gone", &gone).await;
        }
    }
}
