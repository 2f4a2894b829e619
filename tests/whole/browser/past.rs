//! The past goes back, or a room goes, under two open pages: one uses a WebSocket, one streams.
use super::*;

/// Anna reads by a WebSocket, and Ben by streams; both are in the general room.
pub(super) async fn by_socket_and_by_streams() -> Option<(Server, [Person; 2])> {
    let (server, [anna]) = entered(["anna"]).await?;
    let ben = Person::open(anna.driver.clone()).await;
    ben.enter_at(proxy::without_websocket(server.http).await, "ben")
        .await;
    Some((server, [anna, ben]))
}

/// A note on the page and what is read aloud have these words.
async fn is_told(person: &Person, words: &str) {
    for place in [".note p", "#announce p"] {
        let told = format!(
            "return [...document.querySelectorAll('{place}')].some(n => n.textContent.includes({}))",
            serde_json::json!(words)
        );
        person
            .eventually(&format!("{place} says {words:?}"), &told)
            .await;
    }
}

/// The page shows what is stored, each once, and nothing else.
async fn shows_what_is_stored(server: &Server, person: &Person) {
    let stored = server.history("general").await;
    person.sees(stored.last().expect("a message")).await;
    let shown = format!(
        "return [...document.querySelectorAll('.message .content')].map(n => n.textContent).join('|') === {}",
        serde_json::json!(stored.join("|"))
    );
    person.eventually("what is stored is shown", &shown).await;
    assert_no_gap_and_no_repeat(&person.said().await);
}

async fn has_in_the_box(person: &Person, text: &str) {
    assert_eq!(
        person
            .run("return document.getElementById('input').value")
            .await,
        text
    );
}

const WENT_BACK: &str = "The server lost part of the past";

#[tokio::test]
async fn after_an_older_backup_came_back_only_what_is_stored_is_shown() {
    let Some((mut server, [anna, ben])) = by_socket_and_by_streams().await else {
        return;
    };
    for text in ["one", "two", "three"] {
        anna.say(text).await;
        ben.sees(text).await;
    }
    server.tool("backup --to copy").await;
    for text in ["lost 4", "lost 5"] {
        ben.say(text).await;
        anna.sees(text).await;
    }
    ben.sees("lost 5").await;
    anna.types("half a thought").await;
    server.kill();
    server.tool("restore copy --yes --set-aside").await;
    server.run().await;
    let mut carl = Lines::enter(server.tcp(), "carl").await;
    for n in 4..8 {
        carl.write(format!("new {n}\n")).await;
    }
    for person in [&anna, &ben] {
        person.sees("new 7").await;
        is_told(person, WENT_BACK).await;
        shows_what_is_stored(&server, person).await;
    }

    has_in_the_box(&anna, "half a thought").await;
    anna.say(" is whole").await;
    ben.sees("half a thought is whole").await;
    ben.say("and live").await;
    anna.sees("and live").await;
    for person in [&anna, &ben] {
        shows_what_is_stored(&server, person).await;
        person.has_nothing_pending().await;
    }
}

#[tokio::test]
async fn a_past_that_goes_back_under_open_pages_is_shown_as_it_is() {
    let Some((server, [anna, ben])) = by_socket_and_by_streams().await else {
        return;
    };
    for n in 1..=5 {
        anna.say(&format!("old {n}")).await;
        ben.sees(&format!("old {n}")).await;
    }
    anna.types("half a thought").await;
    // In a tab that is not looked at timers wait, so that much can come before the page is drawn.
    let later = "const soon = window.setTimeout; window.setTimeout = (f, ms) => soon(f, Math.max(ms ?? 0, 300))";
    for person in [&anna, &ben] {
        person.run(later).await;
    }
    // As a failover to a standby that lagged, where others went on: the numbers and ids are given again, and what
    // has them comes in one go.
    let back = "BEGIN; DELETE FROM messages WHERE seq > 2;
        UPDATE sqlite_sequence SET seq = (SELECT max(id) FROM messages) WHERE name = 'messages';
        INSERT INTO messages (room_id, seq, user_id, content)
            SELECT room_id, value, user_id, 'new ' || value FROM messages, json_each('[3,4,5,6]') WHERE seq = 1;
        UPDATE rooms SET last_seq = 6; COMMIT";
    server.change(back).await;
    for person in [&anna, &ben] {
        person.sees("new 6").await;
        is_told(person, WENT_BACK).await;
        shows_what_is_stored(&server, person).await;
    }
    has_in_the_box(&anna, "half a thought").await;
    ben.say("live").await;
    anna.sees("live").await;
}

/// Nothing of the room is left on the page, which is in no room.
async fn has_left(person: &Person, room: &str) {
    is_told(person, &format!("The room {room} is not there any more.")).await;
    let left = format!(
        "return !document.querySelector('[data-room={room}]') \
         && document.getElementById('room-name').textContent === 'No room open'"
    );
    person.eventually("it has left", &left).await;
}

#[tokio::test]
async fn a_room_that_is_gone_is_left_with_a_word() {
    let Some((mut server, [anna, ben])) = by_socket_and_by_streams().await else {
        return;
    };
    let people = [&anna, &ben];
    // First under open pages, then while they are away.
    for (room, away) in [("tea", false), ("coffee", true)] {
        anna.say(&format!("/create {room}")).await;
        anna.is_in(room).await;
        ben.say(&format!("/join {room}")).await;
        ben.is_in(room).await;
        let text = format!("in {room}");
        ben.say(&text).await;
        anna.sees(&text).await;
        if away {
            server.kill();
            anna.sees_lost_connection().await;
            ben.sees_lost_connection().await;
            anna.say("too late for coffee").await;
        }
        anna.types("half a thought").await;
        server
            .change(&format!("DELETE FROM rooms WHERE name = '{room}'"))
            .await;
        if away {
            server.run().await;
        }
        for person in people {
            has_left(person, room).await;
            person.is_connected().await;
        }

        if away {
            is_told(&anna, "You had not sent:\ntoo late for coffee").await;
            anna.has_nothing_pending().await;
        }
        // What was being written is for the room that is chosen next.
        has_in_the_box(&anna, "half a thought").await;
        for person in people {
            person.click("#joined [data-room=general]").await;
            person.is_in("general").await;
        }
        has_in_the_box(&anna, "half a thought").await;
        anna.say(&format!(" after {room}")).await;
        ben.sees(&format!("half a thought after {room}")).await;
        ben.say(&format!("live without {room}")).await;
        anna.sees(&format!("live without {room}")).await;
    }
}
