//! A thread beside the room: opened by a key, replied to by two browsers and a netcat, and left.
use fantoccini::key::Key;

use super::changed::{opens, registered, with_a_room};
use super::*;

/// The panel has these messages, in this order.
async fn holds(person: &Person, texts: &str) {
    let shown = format!(
        "return [...document.querySelectorAll('#beside .message .content')].map(n => n.textContent).join() === '{texts}'"
    );
    person
        .eventually(&format!("{texts} are there"), &shown)
        .await;
}

/// Below the first message of the room stands this of its thread.
async fn tells(person: &Person, what: &str) {
    let shown = format!(
        "return document.querySelector('#log .message .to-thread')?.textContent === '{what}'"
    );
    person.eventually(&format!("{what} is told"), &shown).await;
}

#[tokio::test]
async fn two_browsers_and_a_netcat_reply_in_a_thread() {
    let Some(driver) = Webdriver::start().await else {
        return;
    };
    let server = Server::start().await;
    let mut carl = with_a_room(&server, "carl", "tea").await;
    let anna = registered(driver.clone(), server.http, "anna").await;
    let by_streams = proxy::without_websocket(server.http).await;
    let ben = registered(driver, by_streams, "ben").await;
    for person in [&anna, &ben] {
        person.say("/join tea").await;
        person.is_in("tea").await;
    }
    carl.write("a question\nan aside\n").await;
    for person in [&anna, &ben] {
        person.sees("an aside").await;
    }
    let [enter, escape] = [Key::Enter, Key::Escape].map(char::from);

    // By the keyboard: T at a message opens its thread, where one writes at once.
    anna.type_into("#log .message[data-seq='1'] .more", "t")
        .await;
    let writes = "return document.activeElement.matches('#beside textarea')";
    anna.eventually("the box has the focus", writes).await;
    holds(&anna, "a question").await;
    anna.type_into("#beside textarea", &format!("an answer{enter}"))
        .await;
    carl.line_with("[tea] anna: an answer").await;
    tells(&ben, "1 reply, 1 new").await;
    ben.click("#log .message .to-thread").await;
    holds(&ben, "a question,an answer").await;
    ben.type_into("#beside textarea", &format!("another{enter}"))
        .await;
    carl.write("/thread 1 mine, too\n").await;
    for person in [&anna, &ben] {
        holds(person, "a question,an answer,another,mine, too").await;
        tells(person, "3 replies").await;
    }

    // What is done to a reply is seen there.
    ben.click("#beside .message:last-child .more").await;
    ben.type_into("[role=menuitem]:focus", &enter.to_string())
        .await;
    ben.type_into(".picker input", &format!("tada{enter}"))
        .await;
    let reacted =
        "return !!document.querySelector('#beside .message:last-child .reactions button')";
    anna.eventually("the reaction is shown", reacted).await;
    carl.write("/edit 5 mine as well\n").await;
    for person in [&anna, &ben] {
        holds(person, "a question,an answer,another,mine as well").await;
    }

    // Escape closes it, and the focus is where it came from; what comes then is counted and listed.
    anna.type_into("#beside textarea", &escape.to_string())
        .await;
    let left = "return document.getElementById('beside').hidden && document.activeElement.matches('.more')";
    anna.eventually("the focus is back", left).await;
    ben.type_into("#beside textarea", &format!("one more{enter}"))
        .await;
    tells(&anna, "4 replies, 1 new").await;
    let badge = "return document.getElementById('replies').textContent === '1 unread reply'";
    anna.eventually("the badge counts it", badge).await;
    anna.reload().await;
    anna.eventually("and does so anew", badge).await;
    opens(&anna, "Threads").await;
    let listed = "return document.querySelector('#beside .found .badge')?.textContent === '1 new'";
    anna.eventually("it is listed", listed).await;
    anna.resizes(420, 800).await;
    anna.click("#beside .found button").await;
    holds(&anna, "a question,an answer,another,mine as well,one more").await;
    let covers = "const { left, right } = document.getElementById('beside').getBoundingClientRect(); \
                  return left <= 0 && right >= innerWidth && document.getElementById('room').inert \
                    && document.getElementById('replies').hidden";
    anna.eventually("it covers the room, and is read", covers)
        .await;
}
