//! The web client in a real Chromium, against the real binary.
//!
//! Needs `chromium` and `chromedriver`.
mod accounts;
mod axe;
mod changed;
mod lists;
mod past;
mod person;
mod proxy;
mod search;
mod server;
mod threads;
mod unread;
mod webdriver;

use crate::support::client::Lines;
use crate::support::eventually;
use person::{Person, Said};
use server::Server;
use webdriver::Webdriver;

/// A server, and people with browsers who have entered the general room; `None` where there is no
/// browser.
async fn entered<const N: usize>(names: [&str; N]) -> Option<(Server, [Person; N])> {
    let driver = Webdriver::start().await?;
    let server = Server::start().await;
    let mut people = Vec::new();
    for name in names {
        let person = Person::open(driver.clone()).await;
        person.enter(&server, name).await;
        people.push(person);
    }
    Some((server, people.try_into().ok()?))
}

/// What only the texts of a conversation look like.
fn texts(said: &[Said]) -> Vec<&str> {
    said.iter().map(|said| said.text.as_str()).collect()
}

/// In a room there is 1, 2, 3, … and nothing twice.
fn assert_no_gap_and_no_repeat(said: &[Said]) {
    for pair in said.windows(2) {
        assert_eq!(
            pair[0].seq + 1,
            pair[1].seq,
            "a gap or a repeat in {said:#?}"
        );
    }
}

#[tokio::test]
async fn two_browsers_and_a_netcat_talk_in_one_room() {
    let Some((server, [anna, ben])) = entered(["anna", "ben"]).await else {
        return;
    };
    let mut carl = Lines::enter(server.tcp(), "carl").await;

    anna.say("Hello from a browser").await;
    carl.line_with("[general] anna: Hello from a browser").await;
    carl.write("Hello from a netcat\n").await;
    ben.sees("Hello from a netcat").await;
    ben.say("Hello from the other browser").await;
    carl.line_with("[general] ben: Hello from the other browser")
        .await;
    anna.sees("Hello from the other browser").await;

    let wanted = [
        ("anna", "Hello from a browser"),
        ("carl", "Hello from a netcat"),
        ("ben", "Hello from the other browser"),
    ];
    for person in [&anna, &ben] {
        let said = person.said().await;
        let heard: Vec<_> = said
            .iter()
            .map(|s| (s.user.as_str(), s.text.as_str()))
            .collect();
        assert_eq!(heard, wanted);
        assert_no_gap_and_no_repeat(&said);
    }
    anna.eventually("carl is among the people here", "return [...document.querySelectorAll('#here .name')].map(n => n.textContent).join() === 'anna,ben,carl'").await;
}

#[tokio::test]
async fn a_script_in_a_message_is_text() {
    let Some((server, [anna, ben])) = entered(["anna", "ben"]).await else {
        return;
    };
    let mut carl = Lines::enter(server.tcp(), "carl").await;

    let hostile = [
        r#"<script>window.owned = 1</script>"#,
        r#"<img src=x onerror="window.owned = 1">"#,
        r#""><svg onload="window.owned = 1">"#,
        r#"<a href="javascript:window.owned = 1">press</a>"#,
        r#"&lt;b&gt; ${window.owned = 1} {{7*7}}"#,
    ];
    anna.say(hostile[0]).await;
    anna.sees(hostile[0]).await;
    for text in &hostile[1..] {
        carl.write(format!("{text}\n")).await;
        ben.sees(text).await;
    }
    for person in [&anna, &ben] {
        person.sees(hostile[4]).await;
        assert_eq!(texts(&person.said().await), hostile);
        let harmless = "return window.owned === undefined && document.querySelectorAll('#log script, #log img, #log svg, #log a, #announce *:not(p)').length === 0";
        assert!(
            person.check(harmless).await,
            "something in a message became markup"
        );
    }

    // And if one day something did become markup, the policy of the page would not let it run.
    let refused = "const s = document.createElement('script'); s.textContent = 'window.inline = 1'; document.body.append(s); return window.inline === undefined";
    assert!(anna.check(refused).await, "the page runs inline scripts");
    let policy = server.header("/", "content-security-policy").await;
    assert!(
        policy.contains("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
}

#[tokio::test]
async fn a_crash_in_mid_conversation_loses_and_repeats_nothing() {
    let Some((mut server, [anna, ben])) = entered(["anna", "ben"]).await else {
        return;
    };

    for i in 0..5 {
        anna.say(&format!("anna {i}")).await;
        ben.say(&format!("ben {i}")).await;
    }
    server.kill(); // whatever of this was on its way
    for i in 5..8 {
        anna.say(&format!("anna {i}")).await;
        ben.say(&format!("ben {i}")).await;
    }
    anna.sees_lost_connection().await;
    ben.sees_lost_connection().await;
    server.run().await;
    anna.is_connected().await;
    anna.say("anna 8").await;

    let wanted = |who: &str, n: usize| (0..n).map(|i| format!("{who} {i}")).collect::<Vec<_>>();
    for person in [&anna, &ben] {
        person.sees("anna 8").await;
        person.sees("ben 7").await;
        let said = person.said().await;
        assert_no_gap_and_no_repeat(&said);
        for (who, n) in [("anna", 9), ("ben", 8)] {
            let of: Vec<_> = said
                .iter()
                .filter(|s| s.user == who)
                .map(|s| s.text.clone())
                .collect();
            assert_eq!(of, wanted(who, n), "each once and in order");
        }
        person.has_nothing_pending().await;
    }
    assert_eq!(texts(&anna.said().await), texts(&ben.said().await));
    assert_eq!(texts(&anna.said().await), server.history("general").await);
}

#[tokio::test]
async fn what_could_not_be_sent_says_so_and_is_sent_once_by_retry() {
    let Some((mut server, [anna, ben])) = entered(["anna", "ben"]).await else {
        return;
    };
    anna.say("before").await;
    ben.sees("before").await;

    server.kill();
    anna.sees_lost_connection().await;
    anna.say("while you were away").await;
    anna.eventually(
        "it is pending",
        "return document.querySelector('.pending .content')?.textContent === 'while you were away'",
    )
    .await;
    anna.eventually(
        "it has failed",
        "return !!document.querySelector('.failed .retry:not([hidden])')",
    )
    .await;
    server.run().await;
    assert!(
        server.history("general").await == ["before"],
        "what was given up is not sent behind one's back"
    );

    anna.click(".failed .retry").await;
    ben.sees("while you were away").await;
    anna.has_nothing_pending().await;
    for person in [&anna, &ben] {
        assert_eq!(
            texts(&person.said().await),
            ["before", "while you were away"]
        );
    }
    assert_eq!(
        server.history("general").await,
        ["before", "while you were away"]
    );
}

#[tokio::test]
async fn slash_commands_work_in_the_input() {
    let Some((_server, [anna])) = entered(["anna"]).await else {
        return;
    };

    anna.say("/help").await;
    anna.eventually(
        "help is shown",
        "return document.querySelector('.note.reply')?.textContent.includes('/join')",
    )
    .await;
    anna.say("/nonsense").await;
    anna.eventually(
        "an unknown command is refused",
        "return !!document.querySelector('.note.problem')",
    )
    .await;
    anna.say("/create tea").await;
    anna.is_in("tea").await;
    anna.say("//shrug is text").await;
    anna.sees("/shrug is text").await;
    anna.say("/rooms").await;
    anna.eventually("rooms are listed", "return [...document.querySelectorAll('.note.reply')].some(n => n.textContent.includes('tea') && n.textContent.includes('general'))").await;
    anna.say("/nick annabel").await;
    anna.eventually(
        "the nickname is the new one",
        "return document.getElementById('me-name').textContent === 'annabel'",
    )
    .await;
    anna.say("under a new name").await;
    anna.sees("under a new name").await;
    assert_eq!(
        anna.said().await.last().map(|s| s.user.clone()).as_deref(),
        Some("annabel")
    );
    anna.say("/leave").await;
    anna.is_in("general").await;
    anna.say("/join tea").await;
    anna.is_in("tea").await;
    anna.sees("/shrug is text").await;
    assert_eq!(
        texts(&anna.said().await),
        ["/shrug is text", "under a new name"]
    );
}

#[tokio::test]
async fn what_was_not_read_is_counted() {
    let Some((server, [anna])) = entered(["anna"]).await else {
        return;
    };
    anna.say("first").await;
    anna.sees("first").await;
    anna.say("/create tea").await;
    anna.is_in("tea").await;

    let mut carl = Lines::enter(server.tcp(), "carl").await;
    carl.write("one\n").await;
    carl.write("two\n").await;
    anna.eventually(
        "the title counts",
        "return document.title === '(2) tea · discordctl'",
    )
    .await;
    anna.eventually("the room counts", "return document.querySelector('#joined [data-room=general] .badge').textContent.startsWith('2')").await;
    anna.click("#joined [data-room=general]").await;
    anna.sees("two").await;
    anna.eventually("nothing is unread any more", "return document.title === 'general · discordctl' && document.querySelector('#joined [data-room=general] .badge').hidden").await;
    let after_the_line = "const all = [...document.querySelectorAll('#log > li')]; return all.slice(all.findIndex(n => n.matches('.divider.new')) + 1).map(n => n.querySelector('.content')?.textContent).filter(Boolean).join() === 'one,two'";
    anna.eventually("a line shows where the new ones begin", after_the_line)
        .await;
}

#[tokio::test]
async fn scrolling_back_reaches_the_beginning_and_keeps_the_place() {
    const MESSAGES: usize = 130;
    let Some(driver) = Webdriver::start().await else {
        return;
    };
    let server = Server::start().await;
    let mut carl = Lines::enter(server.tcp(), "carl").await;
    for i in 1..=MESSAGES {
        carl.write(format!("line {i}\n")).await;
    }
    carl.line_with(&format!("[general] carl: line {MESSAGES}"))
        .await;

    let anna = Person::open(driver).await;
    anna.enter(&server, "anna").await;
    anna.sees(&format!("line {MESSAGES}")).await;
    let mut oldest = anna.said().await[0].seq;
    while oldest > 1 {
        // Where the oldest message is on the screen, before and after older ones were put above it.
        let from = anna.number("document.getElementById('scroller').scrollTop = 0; return document.querySelector('.message').getBoundingClientRect().top").await;
        let loaded = format!(
            "const first = +document.querySelector('.message[data-seq]').dataset.seq; return first < {oldest} && !document.querySelector('.top').textContent.includes('Loading')"
        );
        anna.eventually("older messages are there", &loaded).await;
        let to = anna.number(&format!("return document.querySelector('.message[data-seq=\"{oldest}\"]').getBoundingClientRect().top")).await;
        assert!(
            (from - to).abs() < 150.0,
            "the page jumped from {from} to {to}"
        );
        let now_oldest = anna.said().await[0].seq;
        assert!(now_oldest < oldest);
        oldest = now_oldest;
    }
    let said = anna.said().await;
    assert_eq!(said.len(), MESSAGES);
    assert_no_gap_and_no_repeat(&said);
    anna.eventually(
        "it says that this is the beginning",
        "return document.querySelector('.top').textContent.includes('beginning')",
    )
    .await;

    carl.write("meanwhile\n").await;
    anna.eventually(
        "new ones are announced to a reader of old ones",
        "return document.getElementById('to-newest').textContent.startsWith('1 new')",
    )
    .await;
}

#[tokio::test]
async fn a_reload_goes_on_where_it_was() {
    let Some((server, [anna])) = entered(["anna"]).await else {
        return;
    };
    for text in ["one", "two\nwith a second line", "three"] {
        anna.say(text).await;
        anna.sees(text).await;
    }
    anna.say("/create tea").await;
    anna.is_in("tea").await;
    anna.click("#joined [data-room=general]").await;
    anna.is_in("general").await;

    anna.reload().await;
    anna.is_connected().await;
    anna.is_in("general").await;
    anna.sees("three").await;
    anna.eventually(
        "the history is back",
        "return document.querySelectorAll('.message[data-seq]').length === 3",
    )
    .await;
    assert_eq!(
        texts(&anna.said().await),
        ["one", "two\nwith a second line", "three"]
    );
    assert!(anna.check("return document.getElementById('me-name').textContent === 'anna' && !!document.querySelector('#joined [data-room=tea]')").await);
    anna.say("four").await;
    anna.sees("four").await;
    eventually("the server has each once", async || {
        server.history("general").await.len() == 4
    })
    .await;
}

#[tokio::test]
async fn where_no_websocket_gets_through_streams_do_the_same() {
    let Some((mut server, [ben])) = entered(["ben"]).await else {
        return;
    };
    let proxy = proxy::without_websocket(server.http).await;
    let anna = Person::open(ben.driver.clone()).await;
    anna.enter_at(proxy, "anna").await;
    let by_streams =
        "return document.getElementById('link-state').textContent.includes('by streams')";
    anna.eventually("it says that it goes by streams", by_streams)
        .await;

    anna.say("by a stream").await;
    ben.sees("by a stream").await;
    ben.say("by a socket").await;
    anna.sees("by a socket").await;
    server.kill();
    anna.sees_lost_connection().await;
    anna.say("while you were away").await;
    server.run().await;
    ben.sees("while you were away").await;
    ben.say("welcome back").await;
    anna.sees("welcome back").await;

    let wanted = [
        "by a stream",
        "by a socket",
        "while you were away",
        "welcome back",
    ];
    for person in [&anna, &ben] {
        let said = person.said().await;
        assert_eq!(texts(&said), wanted);
        assert_no_gap_and_no_repeat(&said);
    }
    assert_eq!(server.history("general").await, wanted);
}

#[tokio::test]
async fn a_session_that_ended_is_replaced_under_the_same_nickname() {
    let Some((mut server, [anna])) = entered(["anna"]).await else {
        return;
    };
    anna.say("before").await;
    anna.sees("before").await;

    let session = anna
        .run("return JSON.parse(sessionStorage['discordctl.session']).session_id")
        .await;
    let answer = server
        .post(
            "/api/disconnect",
            serde_json::json!({ "session_id": session }),
        )
        .await;
    assert_eq!(answer, 200);
    server.kill();
    server.run().await;
    let renewed = format!(
        "return JSON.parse(sessionStorage['discordctl.session']).session_id !== {session} \
         && document.getElementById('link-state').dataset.state === 'open'"
    );
    anna.eventually("there is another session", &renewed).await;
    anna.say("after").await;
    anna.sees("after").await;
    assert_eq!(texts(&anna.said().await), ["before", "after"]);
    let here = "return [...document.querySelectorAll('#here .name')].map(n => n.textContent).join() === 'anna'";
    anna.eventually("anna is here", here).await;
}

#[tokio::test]
async fn a_nickname_that_is_taken_is_refused_and_another_one_is_not() {
    let Some((server, [anna])) = entered(["anna"]).await else {
        return;
    };
    let other = Person::open(anna.driver.clone()).await;
    other.ask_to_enter(server.http, "Anna").await;
    let refused = "return document.getElementById('signin-error').textContent !== '' && document.activeElement.id === 'nickname'";
    other.eventually("the page says why not", refused).await;
    other.enter(&server, "not-anna").await;
}
