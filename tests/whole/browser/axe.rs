//! What keeps people out of a page, as far as a program can tell (axe): nothing, whatever is open.
use fantoccini::key::Key;
use serde_json::Value;

use super::changed::{chooses, opens, registered};
use super::*;
use crate::support::need::left_out;

/// Where `axe.min.js` is.
const AXE: &str = "DISCORDCTL_TEST_AXE";

/// The page, as it is now, has nothing that axe finds.
async fn is_for_all(person: &Person, axe: &str, what: &str) {
    person.run(axe).await;
    let found = "return axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations.map(\
        ({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`))";
    let found = person.run(found).await;
    assert_eq!(found, Value::Array(Vec::new()), "{what}");
}

#[tokio::test]
async fn nothing_keeps_people_out_of_the_page() {
    let Some(path) = std::env::var_os(AXE) else {
        return left_out("browser", &format!("{AXE} is not set"));
    };
    let axe = std::fs::read_to_string(path).expect("a file");
    let Some(driver) = Webdriver::start().await else {
        return;
    };
    let server = Server::start().await;
    let page = Person::open(driver.clone()).await;
    page.asks(server.http).await;
    is_for_all(&page, &axe, "where one comes in").await;

    let anna = registered(driver, server.http, "anna").await;
    anna.say("/create tea").await;
    anna.is_in("tea").await;
    let mut carl = Lines::enter(server.tcp(), "carl").await;
    carl.write("/join tea\nhello @anna\n").await;
    anna.sees("hello @anna").await;
    chooses(&anna, "Pin").await;
    let pinned = "return !!document.querySelector('.message .mark.pinned')";
    anna.eventually("it is pinned", pinned).await;
    is_for_all(&anna, &axe, "a room").await;

    let escape = char::from(Key::Escape);
    anna.click(".message .more").await;
    is_for_all(&anna, &axe, "the menu of a message").await;
    anna.type_into("[role=menuitem]:focus", &escape.to_string())
        .await;
    chooses(&anna, "React…").await;
    is_for_all(&anna, &axe, "the picker").await;
    anna.type_into(".picker button:focus", &escape.to_string())
        .await;
    anna.say("my own").await;
    anna.sees("my own").await;
    chooses(&anna, "Delete…").await;
    is_for_all(&anna, &axe, "a question").await;
    anna.click("dialog button:not(.grave)").await;
    anna.type_into("#log .message .more", "t").await;
    let writes = "return document.activeElement.matches('#beside textarea')";
    anna.eventually("a thread is open", writes).await;
    anna.type_into(
        "#beside textarea",
        &format!("a reply{}", char::from(Key::Enter)),
    )
    .await;
    let replied = "return document.querySelectorAll('#beside .message').length === 2";
    anna.eventually("it has a reply", replied).await;
    is_for_all(&anna, &axe, "a thread").await;
    for list in ["Threads", "Pinned messages", "Mentions"] {
        match list {
            "Mentions" => anna.click("#show-mentions").await,
            entry => opens(&anna, entry).await,
        }
        let shown = "return document.querySelectorAll('#beside .found li').length === 1";
        anna.eventually(&format!("the {list} are listed"), shown)
            .await;
        is_for_all(&anna, &axe, list).await;
    }
    anna.click("#show-search").await;
    anna.type_into(".search input", &format!("hello{}", char::from(Key::Enter)))
        .await;
    anna.eventually(
        "something is found",
        "return !!document.querySelector('#beside mark')",
    )
    .await;
    anna.click("#beside summary").await;
    is_for_all(&anna, &axe, "a search").await;
    anna.type_into(
        ".search input",
        &format!(" from:{}", char::from(Key::Enter)),
    )
    .await;
    anna.eventually(
        "it says what is wrong",
        "return !!document.querySelector('#search-state.problem')",
    )
    .await;
    is_for_all(&anna, &axe, "a search that is refused").await;
    anna.resizes(420, 800).await;
    is_for_all(&anna, &axe, "a list over a narrow page").await;
    anna.click("#beside-close").await;
    anna.click("#show-rooms").await;
    is_for_all(&anna, &axe, "the rooms over a narrow page").await;
}
