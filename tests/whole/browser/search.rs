//! Finding what was said in the page: words, filters, what is marked, the way to a message, and how it ends.
use fantoccini::key::Key;
use serde_json::json;

use super::changed::{registered, with_a_room};
use super::*;

const ITEMS: &str = "#beside .found li";

fn enter() -> String {
    char::from(Key::Enter).to_string()
}

/// The panel is open, and its box is written into.
async fn asks_for_words(person: &Person) {
    let asked = "return document.getElementById('beside').dataset.kind === 'search' \
         && !document.getElementById('beside').hidden && document.activeElement.matches('.search input')";
    person.eventually("it asks for words", asked).await;
}

/// These were found, in this order: `user room text`, with what is marked in brackets.
async fn finds(person: &Person, wanted: &[&str]) {
    let shown = format!(
        "return JSON.stringify([...document.querySelectorAll('{ITEMS}')].map(n => [\
           n.querySelector('.author').textContent, n.querySelector('.place').textContent, \
           [...n.querySelector('.content').childNodes].map(c => \
             c.nodeName === 'MARK' ? '[' + c.textContent + ']' : c.textContent).join('')].join(' '))) \
         === JSON.stringify({})",
        json!(wanted)
    );
    person
        .eventually(&format!("{wanted:?} are found"), &shown)
        .await;
}

async fn is_told(person: &Person, words: &str) {
    let told = format!(
        "return document.getElementById('search-state').textContent.includes({})",
        json!(words)
    );
    person.eventually(words, &told).await;
}

/// Presses the button of a message that was found.
async fn shows_the(person: &Person, place: usize) {
    person
        .click(&format!("{ITEMS}:nth-child({place}) button"))
        .await;
}

/// Types into the box, in place of what is there.
async fn searches(person: &Person, words: &str) {
    person
        .run("document.querySelector('.search input').value = ''")
        .await;
    person
        .type_into(".search input", &format!("{words}{}", enter()))
        .await;
}

#[tokio::test]
async fn what_was_said_is_found_marked_and_shown_in_its_place() {
    let Some(driver) = Webdriver::start().await else {
        return;
    };
    let server = Server::start().await;
    let anna = registered(driver, server.http, "anna").await;
    let mut carl = with_a_room(&server, "carl", "tea").await;
    carl.write("/join general\nfar back, a needle\n").await;
    let far: String = (0..130).map(|n| format!("line {n}\n")).collect();
    carl.write(far).await;
    anna.sees("line 129").await;
    carl.write("/create pit --private\na needle in the pit\n/join tea\n<b>a</b> ünd 設定 Needle\n")
        .await;
    carl.line_with("[tea] carl: <b>a</b>").await;

    // A slash where nothing is written, and the keys everywhere.
    let [control, shift, none] = [Key::Control, Key::Shift, Key::Null].map(char::from);
    anna.run("document.activeElement.blur()").await;
    anna.type_into("body", "/").await;
    asks_for_words(&anna).await;
    searches(&anna, "needle").await;
    finds(
        &anna,
        &[
            "carl tea <b>a</b> ünd 設定 [Needle]",
            "carl general far back, a [needle]",
        ],
    )
    .await;
    is_told(&anna, "2 messages found, the newest first.").await;
    // What was said is text, and no markup.
    let plain = format!("return document.querySelectorAll('{ITEMS} b').length === 0");
    assert!(anna.check(&plain).await);
    shows_the(&anna, 2).await;
    let there = "const at = document.activeElement; const { top, bottom } = at.getBoundingClientRect(); \
         return at.matches('#log .message') && at.querySelector('.content').textContent === 'far back, a needle' \
           && top > 0 && bottom < innerHeight";
    anna.eventually("it is shown in its room", there).await;
    // The room in which one is not is not entered for it: the message is shown between others.
    shows_the(&anna, 1).await;
    let around = "return document.getElementById('beside-title').textContent === '#1 in tea' \
         && document.activeElement.matches('#beside [aria-current]') \
         && document.activeElement.querySelector('.content').textContent === '<b>a</b> ünd 設定 Needle'";
    anna.eventually("it is shown between others", around).await;
    anna.click("#beside button.quiet").await;
    is_told(&anna, "2 messages found").await;

    // Filters are words of the box.
    anna.click(".chip[data-put='in:general']").await;
    finds(&anna, &["carl general far back, a [needle]"]).await;
    let put = "return document.querySelector('.search input').value === 'needle in:general' \
         && document.querySelector('.chip[data-put=\"in:general\"]').ariaPressed === 'true'";
    assert!(anna.check(put).await);
    anna.click(".chip[data-put='from:']").await;
    let waits =
        "return document.querySelector('.search input').value === 'needle in:general from:'";
    anna.eventually("it waits for a name", waits).await;
    anna.type_into(".search input", &enter()).await;
    is_told(&anna, "`from:` at character 19 needs a value").await;
    searches(&anna, "needle in:pit").await;
    is_told(&anna, "there is no room 'pit'").await;
    searches(&anna, "xyzzy").await;
    is_told(&anna, "Nothing was found.").await;

    // What is deleted is not there any more, and what is edited is as it is.
    searches(&anna, "needle").await;
    is_told(&anna, "2 messages found").await;
    carl.write("/join general\n/edit #1 far back, a pin\n")
        .await;
    finds(
        &anna,
        &[
            "carl tea <b>a</b> ünd 設定 [Needle]",
            "carl general far back, a pin",
        ],
    )
    .await;
    carl.write("/delete #1\n").await;
    finds(&anna, &["carl tea <b>a</b> ünd 設定 [Needle]"]).await;
    let escape = char::from(Key::Escape).to_string();
    anna.type_into(".search input", &escape).await;
    let closed = "return document.getElementById('beside').hidden";
    anna.eventually("it is closed", closed).await;
    anna.type_into("#input", &format!("{control}{shift}f{none}"))
        .await;
    asks_for_words(&anna).await;
    let kept = "return document.querySelector('.search input').value === 'needle'";
    assert!(anna.check(kept).await, "what was typed is kept");
    anna.type_into(".search input", &escape).await;
    let back = "return document.activeElement.id === 'input'";
    anna.eventually("the focus is back", back).await;
    anna.say("/search needle -pin").await;
    finds(&anna, &["carl tea <b>a</b> ünd 設定 [Needle]"]).await;
}

#[tokio::test]
async fn what_was_found_goes_on_and_what_is_far_is_shown_between_others() {
    let Some((server, [anna])) = entered(["anna"]).await else {
        return;
    };
    anna.say("the first").await;
    anna.sees("the first").await;
    server
        .change(
            "INSERT INTO messages (room_id, seq, user_id, content)
             WITH RECURSIVE n(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM n WHERE n < 4600)
             SELECT r.id, n, u.id, CASE WHEN n % 200 = 5 THEN 'a needle ' ELSE 'hay ' END || n
             FROM n, rooms r, users u WHERE r.name = 'general' AND u.nickname = 'anna';
             UPDATE rooms SET last_seq = 4600 WHERE name = 'general'",
        )
        .await;
    anna.sees("hay 4600").await;
    anna.click("#show-search").await;
    asks_for_words(&anna).await;
    searches(&anna, "needle").await;
    is_told(&anna, "20 messages found, and there may be more").await;
    let more = "#beside-body > button:last-child";
    anna.click(more).await;
    is_told(&anna, "23 messages found, the newest first.").await;
    let focus = format!(
        "return document.activeElement === document.querySelector('{ITEMS}:nth-child(21) button')"
    );
    anna.eventually("the focus is at what came", &focus).await;

    shows_the(&anna, 23).await;
    let shown = |count: usize, title: &str| {
        format!(
            "return document.getElementById('beside-title').textContent === '{title}' \
             && document.querySelectorAll('{ITEMS}').length === {count} \
             && document.querySelector('{ITEMS}[aria-current] .content').textContent === 'a needle 5'"
        )
    };
    let title = "#5 in general";
    // Four are before it, and 25 from it on.
    anna.eventually("it is shown between others", &shown(29, title))
        .await;
    anna.click(more).await;
    anna.eventually("more are shown", &shown(79, title)).await;
    anna.click("#beside button.quiet").await;
    is_told(&anna, "20 messages found").await;
    shows_the(&anna, 1).await;
    let there = "return document.activeElement.matches('#log .message') \
         && document.activeElement.querySelector('.content').textContent === 'a needle 4405'";
    anna.eventually("a near one is shown in its room", there)
        .await;
}
