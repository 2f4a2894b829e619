//! Lists beside the room: what is pinned and where one is mentioned, each leading to its message; and a room that
//! calls no more.
use fantoccini::key::Key;

use super::changed::{chooses, opens, registered};
use super::unread::waits;
use super::*;

/// The list beside the room has these messages, in this order.
async fn lists(person: &Person, texts: &str) {
    let shown = format!(
        "return [...document.querySelectorAll('#beside .found .content')].map(n => n.textContent).join() === '{texts}'"
    );
    person
        .eventually(&format!("{texts} are listed"), &shown)
        .await;
}

/// Presses the button of the listed message, and is at it in its room.
async fn goes_to(person: &Person, place: usize, room: &str, text: &str) {
    let button = format!("#beside .found li:nth-child({place}) button");
    person.click(&button).await;
    person.is_in(room).await;
    let there = format!(
        "const at = document.activeElement; const {{ top, bottom }} = at.getBoundingClientRect(); \
         return at.matches('.message') && at.querySelector('.content').textContent === '{text}' \
           && top > 0 && bottom < innerHeight"
    );
    person.eventually(&format!("{text} is shown"), &there).await;
}

#[tokio::test]
async fn pins_and_mentions_are_listed_and_lead_to_their_messages() {
    let Some(driver) = Webdriver::start().await else {
        return;
    };
    let server = Server::start().await;
    let anna = registered(driver, server.http, "anna").await;
    let mut carl = Lines::enter(server.tcp(), "carl").await;
    let far: String = (0..130).map(|n| format!("line {n}\n")).collect();
    carl.write(format!("far back, @anna\n{far}")).await;
    anna.sees("line 129").await;
    anna.say("/create tea").await;
    anna.is_in("tea").await;
    carl.write("/join tea\nhello anna\n@anna near\n").await;
    anna.sees("@anna near").await;
    // As the server counts: a name alone is no call.
    let called = "return document.querySelectorAll('.message.mention').length === 1";
    anna.eventually("one message calls", called).await;

    anna.click("#show-mentions").await;
    lists(&anna, "@anna near,far back, @anna").await;
    goes_to(&anna, 2, "general", "far back, @anna").await;
    goes_to(&anna, 1, "tea", "@anna near").await;

    chooses(&anna, "Pin").await;
    opens(&anna, "Pinned messages").await;
    lists(&anna, "@anna near").await;
    // What is taken off is listed no more, and Escape gives the focus back.
    chooses(&anna, "Unpin").await;
    lists(&anna, "").await;
    anna.type_into("#beside", &char::from(Key::Escape).to_string())
        .await;
    let back = "return document.getElementById('beside').hidden && document.activeElement.id === 'room-menu'";
    anna.eventually("the focus is back", back).await;
}

#[tokio::test]
async fn a_muted_room_shows_mentions_alone() {
    let Some(driver) = Webdriver::start().await else {
        return;
    };
    let server = Server::start().await;
    let anna = registered(driver, server.http, "anna").await;
    opens(&anna, "Mute this room").await;
    let muted = "return !!document.querySelector('#joined [data-room=general].muted')";
    anna.eventually("it is muted", muted).await;
    anna.say("/create tea").await;
    anna.is_in("tea").await;
    let mut carl = Lines::enter(server.tcp(), "carl").await;
    carl.write("one\ntwo for @anna\n").await;
    waits(&anna, "", "@1 mention").await;
    let title = "return document.title === '(1) tea · discordctl'";
    anna.eventually("the title counts it", title).await;
    anna.reload().await;
    waits(&anna, "", "@1 mention").await;
}
