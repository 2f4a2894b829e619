//! What an account has not read: counted on each of its devices, and read on one for all.
use fantoccini::key::Key;

use super::changed::registered;
use super::*;

/// The list of rooms shows so many unread messages of general, and so many that call one.
pub(super) async fn waits(person: &Person, unread: &str, mentions: &str) {
    let shown = format!(
        "const of = (what) => {{ const badge = document.querySelector('#joined [data-room=general] .badge.' + what); \
           return badge.hidden ? '' : badge.textContent; }}; \
         return of('count') === '{unread}' && of('calls') === '{mentions}'"
    );
    person
        .eventually(&format!("{unread:?}, {mentions:?} are shown"), &shown)
        .await;
}

#[tokio::test]
async fn what_is_read_on_one_device_is_read_on_the_other() {
    let Some(driver) = Webdriver::start().await else {
        return;
    };
    let server = Server::start().await;
    let anna = registered(driver.clone(), server.http, "anna").await;
    let by_streams = proxy::without_websocket(server.http).await;
    let other = Person::open(driver.clone()).await;
    other.asks(by_streams).await;
    other.type_into("#nickname", "anna").await;
    let enter = char::from(Key::Enter);
    other
        .type_into("#password", &format!("a-long-password{enter}"))
        .await;
    other.is_in("general").await;
    other.is_connected().await;
    for (device, command) in [(&anna, "/create tea"), (&other, "/join tea")] {
        device.say(command).await;
        device.is_in("tea").await;
    }

    let mut carl = Lines::enter(server.tcp(), "carl").await;
    carl.write("one\ntwo for @anna\n").await;
    for device in [&anna, &other] {
        waits(device, "2 unread", "@1 mention").await;
    }
    other.click("#joined [data-room=general]").await;
    other.sees("two for @anna").await;
    waits(&anna, "", "").await;

    other.click("#joined [data-room=tea]").await;
    other.is_in("tea").await;
    carl.write("three\n").await;
    waits(&anna, "1 unread", "").await;
    anna.reload().await;
    waits(&anna, "1 unread", "").await;
    anna.click("#joined [data-room=general]").await;
    let line = "const all = [...document.querySelectorAll('#log > li')]; \
                const at = all.findIndex(n => n.matches('.divider.new')); \
                return at >= 0 && all[at + 1].querySelector('.content')?.textContent === 'three'";
    anna.eventually("a line is before the first new one", line)
        .await;
    waits(&other, "", "").await;
}

#[tokio::test]
async fn a_room_sees_who_is_writing_until_it_is_said() {
    let Some((_server, [anna, ben])) = past::by_socket_and_by_streams().await else {
        return;
    };
    for (person, name, reader) in [(&anna, "anna", &ben), (&ben, "ben", &anna)] {
        let shows = |text: &str| {
            format!("return document.getElementById('typing').textContent === '{text}'")
        };
        person.types("so").await;
        let writing = shows(&format!("{name} is writing…"));
        reader.eventually("it is shown", &writing).await;
        person.say(" it is").await;
        reader.sees("so it is").await;
        reader.eventually("it is over", &shows("")).await;
    }
}
