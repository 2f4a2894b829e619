//! What was said is changed: by a netcat, by an account in the page, over a WebSocket and over streams.
use super::*;
use crate::support::client::Person as _;
use serde_json::json;

/// An account of a netcat, in a room of its own.
async fn with_a_room(server: &Server, name: &str, room: &str) -> Lines {
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
    let Some((server, [anna])) = entered(["anna"]).await else {
        return;
    };
    let ben = Person::open(anna.driver.clone()).await;
    ben.enter_at(proxy::without_websocket(server.http).await, "ben")
        .await;
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
