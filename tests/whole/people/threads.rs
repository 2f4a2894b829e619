//! Replies and threads, over each door and on each instance.
use serde_json::{Value, json};

use super::rooms::{Caller, reply_to};
use super::{PASSWORD, in_room, named, says, serve, tells};
use crate::support::Shell;
use crate::support::client::{Person, Socket};
use crate::support::db::Db;

pub(crate) async fn a_reply_is_in_its_thread_for_every_reader(db: Db) {
    let (one, two) = (serve(&db, |_| {}).await, serve(&db, named("two")).await);
    let mut olga = in_room(one.tcp, "olga", "/create den").await;
    let mut max = in_room(two.tcp, "max", "/join den").await;
    let (here, there) = (
        Caller::named(one.http, "olga").await,
        Caller::named(two.http, "max").await,
    );
    let mut socket = Socket::open(one.http).await;
    reply_to(&mut socket, login("olga")).await;
    let join = json!({ "type": "command", "command": "/join den", "ref": 1 });
    reply_to(&mut socket, join).await;
    olga.say("den", "shall we?").await.expect("said");

    // On the other instance, by a request; of a reply the thread is that of its root.
    let say = |more: Value| {
        let mut said = json!({ "room": "den", "content": "yes", "type": "message", "ref": 2 });
        for (key, value) in more.as_object().expect("an object") {
            said[key] = value.clone();
        }
        said
    };
    let first = say(json!({ "thread": 1 }));
    assert_eq!(there.gets("POST", "/api/message", first).await["seq"], 2);
    let second = say(json!({ "thread": 2, "reply_to": 2, "kind": "action" }));
    let receipt = reply_to(&mut socket, second).await;
    assert_eq!(
        receipt["data"]["seq"].as_i64().or(receipt["seq"].as_i64()),
        Some(3),
        "{receipt}"
    );
    // Readers are given all of it, live, and a terminal as any message.
    let late = Socket::open(two.http).await;
    let told = replies(late, "den").await;
    let looks = |of: &Value| {
        (
            of["seq"].clone(),
            of["thread"].clone(),
            of["reply_to"].clone(),
        )
    };
    let wanted = [
        (json!(1), Value::Null, Value::Null),
        (json!(2), json!(1), Value::Null),
        (json!(3), json!(1), json!(2)),
    ];
    assert_eq!(told.iter().map(looks).collect::<Vec<_>>(), wanted);
    assert_eq!(told[2]["kind"], "action");
    max.line_with("[den] olga: yes").await;

    let list = there.gets("GET", "/api/threads/den", Value::Null).await;
    let thread = &list["threads"][0];
    assert_eq!(
        (&thread["root"], &thread["replies"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(
        (&thread["unread"], &thread["following"]),
        (&json!(1), &json!(true))
    );
    assert_eq!(thread["people"], json!(["olga", "max"]));
    assert_eq!(thread["root_message"]["content"], "shall we?");
    let page = there
        .gets("GET", "/api/threads/den/2?limit=1", Value::Null)
        .await;
    assert_eq!(
        (&page["thread"]["root"], &page["has_more"]),
        (&json!(1), &json!(true))
    );
    assert_eq!(page["messages"][0]["seq"], 3);
    let marks = json!({ "marks": [{ "room": "den", "thread": 1, "seq": 3 }] });
    there.gets("POST", "/api/read", marks).await;
    there
        .gets("DELETE", "/api/threads/den/3/follow", Value::Null)
        .await;
    let page = json!({ "type": "thread", "room": "den", "seq": 1, "ref": 3 });
    let mut socket = Socket::open(two.http).await;
    reply_to(&mut socket, login("max")).await;
    let page = reply_to(&mut socket, page).await;
    let thread = &page["data"]["thread"];
    assert_eq!(
        (&thread["unread"], &thread["following"]),
        (&json!(0), &json!(false)),
        "{page}"
    );
    here.gets("PUT", "/api/threads/den/1/follow", Value::Null)
        .await;
    let list = here.gets("GET", "/api/threads/den", Value::Null).await;
    assert_eq!(list["threads"][0]["following"], true, "{list}");
    one.stop().await;
    two.stop().await;
}

fn login(nickname: &str) -> Value {
    json!({ "type": "login", "nickname": nickname, "password": PASSWORD, "ref": 0 })
}

/// What a reader from the beginning is told of that room, up to its third message.
async fn replies(mut socket: Socket, room: &str) -> Vec<Value> {
    let connect = json!({ "type": "connect", "nickname": "late", "rooms": { room: 0 } });
    socket.send(connect).await;
    let mut told = Vec::new();
    while told.len() < 3 {
        let frame = socket.next().await;
        assert_ne!(frame["type"], "error", "{frame}");
        if frame["type"] == "message" {
            told.push(frame);
        }
    }
    told
}

pub(crate) async fn a_threads_replies_are_paged_as_a_room(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut mia = in_room(server.tcp, "mia", "/create den").await;
    mia.say("den", "root").await.expect("said");
    for n in 2..=11 {
        if n % 2 == 0 {
            says(&mut mia, &format!("/thread 1 {n}")).await;
        } else {
            mia.say("den", &format!("{n}")).await.expect("said");
        }
    }
    says(&mut mia, "/edit 4 four").await;
    let mia = Caller::named(server.http, "mia").await;
    for (query, texts, more) in [
        ("limit=2", "8 10", true),
        ("before=6&limit=2", "2 four", false),
        ("after=2&limit=2", "four 6", true),
        ("after=8", "10", false),
        ("after=12", "", false),
        ("around=8&limit=2", "6 8", true),
        ("around=6&limit=4", "2 four 6 8", false),
    ] {
        let path = format!("/api/threads/den/1?{query}");
        let page = mia.gets("GET", &path, Value::Null).await;
        let messages = page["messages"].as_array().expect("a list");
        let said: Vec<_> = messages.iter().map(|of| &of["content"]).collect();
        let wanted: Vec<_> = texts.split_whitespace().collect();
        assert_eq!(said, wanted, "{query}");
        assert_eq!(page["has_more"], more, "{query}");
        assert_eq!(page["true_at"], 12, "{query}");
    }
    let both = "/api/threads/den/1?after=1&around=5";
    mia.is_refused("GET", both, Value::Null, (400, "bad_parameter"))
        .await;
    server.stop().await;
}

pub(crate) async fn a_thread_is_begun_and_read_by_lines(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut mia = in_room(server.tcp, "mia", "/create den").await;
    let mut max = in_room(server.tcp, "max", "/join den").await;
    tells(&mut mia, "/threads", "den has no threads").await;
    mia.say("den", "shall we?").await.expect("said");
    tells(&mut max, "/thread 1 yes,  let us", "answered #1").await;
    tells(&mut max, "/thread #2 now", "answered #1").await;
    tells(&mut max, "/reply 1 or not", "answered #1").await;
    tells(
        &mut mia,
        "/threads",
        "#1 mia: shall we? (2 replies, 2 unread)",
    )
    .await;
    let told = says(&mut mia, "/thread 3").await;
    let wanted = "den: thread #1, 2 replies\n#1 mia: shall we?\n#2 max: yes,  let us\n#3 max: now";
    assert_eq!(told, wanted);
    tells(&mut mia, "/threads", "#1 mia: shall we? (2 replies)").await;
    let places = db.texts(
        "SELECT coalesce(thread, 0) || ' ' || coalesce(reply_to, 0) FROM messages ORDER BY seq",
    );
    assert_eq!(places.await, ["0 0", "1 0", "1 0", "0 1"]);
    server.stop().await;
}

pub(crate) async fn a_reply_to_nothing_is_refused(db: Db) {
    let server = serve(&db, |_| {}).await;
    let at = server.http;
    let mut olga = in_room(server.tcp, "olga", "/create den").await;
    let olga_asks = Caller::named(at, "olga").await;
    let mia = Caller::registered(at, "mia").await;
    olga.say("den", "one").await.expect("said");
    let say = |key: &str, value: Value| json!({ "room": "den", "content": "yes", key: value });
    let absent = (404, "no_such_message");
    let path = "/api/message";
    for key in ["thread", "reply_to"] {
        for seq in [0, 2, -1, i64::MAX] {
            mia.is_refused("POST", path, say(key, json!(seq)), absent)
                .await;
        }
    }
    for kind in ["bot", "shout"] {
        let said = say("kind", json!(kind));
        mia.is_refused("POST", path, said, (400, "bad_request"))
            .await;
    }
    mia.gets("POST", path, say("thread", json!(1))).await;
    // An event is no message, nor is the place of another room one here.
    tells(&mut olga, "/pin 1", "pinned").await;
    tells(&mut olga, "/create pit", "joined").await;
    olga.say("pit", "elsewhere").await.expect("said");
    tells(&mut olga, "/join den", "current room now").await;
    for key in ["thread", "reply_to"] {
        mia.is_refused("POST", path, say(key, json!(3)), absent)
            .await;
        let there = json!({ "room": "pit", "content": "yes", key: 2 });
        mia.is_refused("POST", path, there, absent).await;
    }
    mia.is_refused("GET", "/api/threads/den/3", Value::Null, absent)
        .await;
    let list = mia.gets("GET", "/api/threads/pit", Value::Null).await;
    assert_eq!(list["threads"], json!([]));
    // What one makes of a message before its first reply is told with it.
    mia.gets("PUT", "/api/threads/pit/1/mute", Value::Null)
        .await;
    let thread = mia.gets("GET", "/api/threads/pit/1", Value::Null).await;
    assert_eq!(thread["thread"]["muted"], true, "{thread}");
    // A room may leave threads to others.
    let allow = json!({ "allow": { "thread": "moderator" } });
    olga_asks.gets("PATCH", "/api/rooms/den", allow).await;
    olga.say("den", "four").await.expect("said");
    let said = say("thread", json!(4));
    mia.is_refused("POST", path, said, (403, "forbidden")).await;
    mia.gets("POST", path, say("reply_to", json!(4))).await;
    server.stop().await;
}

pub(crate) async fn a_thread_goes_on_without_its_first_message(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut olga = in_room(server.tcp, "olga", "/create den").await;
    for text in ["shal we?", "tea?", "cake?"] {
        olga.say("den", text).await.expect("said");
    }
    let mia = Caller::registered(server.http, "mia").await;
    let (path, none) = ("/api/message", Value::Null);
    let say = |key: &str, seq: i64| json!({ "room": "den", "content": "yes", key: seq });
    for root in [1, 1, 1, 2] {
        mia.gets("POST", path, say("thread", root)).await;
    }
    let first = async |mia: &Caller| {
        let list = mia.gets("GET", "/api/threads/den", Value::Null).await;
        let threads = list["threads"].as_array().cloned().unwrap_or_default();
        let found = threads.into_iter().find(|thread| thread["root"] == 1);
        found.expect("the thread")
    };
    // Edited, it is shown as it is now; a reply that is deleted counts no more, nor is it one to be read.
    tells(&mut olga, "/edit 1 shall we?", "edited").await;
    tells(&mut olga, "/delete 5", "deleted").await;
    let thread = first(&mia).await;
    assert_eq!(
        (&thread["title"], &thread["replies"]),
        (&json!("shall we?"), &json!(2)),
        "{thread}"
    );
    let page = mia.gets("GET", "/api/threads/den/1", none.clone()).await;
    assert_eq!(page["messages"][1]["deleted"], true, "{page}");
    assert_eq!(page["thread"]["replies"], 2, "{page}");
    // Deleted, it has no words and still its thread.
    tells(&mut olga, "/delete 1", "deleted").await;
    tells(&mut olga, "/delete 3", "deleted").await;
    let thread = first(&mia).await;
    assert_eq!(
        (&thread["title"], &thread["root_message"]["deleted"]),
        (&none, &json!(true)),
        "{thread}"
    );
    let absent = (404, "no_such_message");
    mia.gets("POST", path, say("thread", 1)).await;
    mia.gets("POST", path, say("thread", 4)).await;
    mia.is_refused("POST", path, say("thread", 3), absent).await;
    mia.is_refused("POST", path, say("reply_to", 1), absent)
        .await;
    server.stop().await;

    // As retention leaves it, once its first messages are in the archive alone.
    db.sql("DELETE FROM messages WHERE seq <= 4").await;
    let server = serve(&db, |_| {}).await;
    let mia = Caller::named(server.http, "mia").await;
    let thread = first(&mia).await;
    assert_eq!(
        (&thread["title"], &thread["root_message"]),
        (&none, &none),
        "{thread}"
    );
    assert_eq!(thread["replies"], 4, "all but the one that was deleted");
    mia.gets("POST", path, say("thread", 1)).await;
    let archived = (409, "archived");
    mia.is_refused("POST", path, say("thread", 3), archived)
        .await;
    mia.is_refused("POST", path, say("reply_to", 2), archived)
        .await;
    let page = mia.gets("GET", "/api/threads/den/1", none.clone()).await;
    assert_eq!(page["thread"]["root_message"], none, "{page}");
    assert_eq!(page["messages"].as_array().map(Vec::len), Some(5), "{page}");
    let page = "/api/threads/den/1?limit=1&before=12";
    let page = mia.gets("GET", page, none).await;
    assert_eq!(page["has_more"], true, "{page}");
    assert_eq!(page["messages"][0]["seq"], 6, "{page}");
    server.stop().await;
}

pub(crate) async fn what_is_read_of_a_thread_is_known_to_all_devices(db: Db) {
    let (one, two) = (serve(&db, |_| {}).await, serve(&db, named("two")).await);
    let mut olga = in_room(one.tcp, "olga", "/create den").await;
    let mut mia = in_room(one.tcp, "mia", "/join den").await;
    olga.say("den", "shall we?").await.expect("said");
    for text in ["a", "b", "c"] {
        tells(&mut olga, &format!("/thread 1 {text}"), "answered").await;
    }
    let mut here = Socket::open(one.http).await;
    let mut there = Socket::open(two.http).await;
    for socket in [&mut here, &mut there] {
        reply_to(socket, login("mia")).await;
    }
    let marks = json!([{ "room": "den", "thread": 1, "seq": 3 }]);
    let read = json!({ "type": "read", "marks": marks, "ref": 1 });
    reply_to(&mut here, read).await;
    loop {
        let told = there.next().await;
        if told["type"] == "read" {
            assert_eq!(
                told,
                json!({ "type": "read", "room": "den", "thread": 1, "seq": 3 })
            );
            break;
        }
    }
    let caller = Caller::named(two.http, "mia").await;
    let unread = async || {
        let list = caller.gets("GET", "/api/threads/den", Value::Null).await;
        let me = caller.gets("GET", "/api/me", Value::Null).await;
        let rooms = me["rooms"].as_array().cloned().unwrap_or_default();
        let den = rooms.into_iter().find(|room| room["name"] == "den");
        let den = den.expect("the room");
        (list["threads"][0]["unread"].clone(), den["unread"].clone())
    };
    assert_eq!(
        unread().await,
        (json!(1), json!(4)),
        "the room's own is apart"
    );
    // Beyond the end is at the end: what is marked there later is told as well.
    let marks = json!([{ "room": "den", "thread": 1, "seq": i64::MAX }]);
    reply_to(
        &mut here,
        json!({ "type": "read", "marks": marks, "ref": 2 }),
    )
    .await;
    loop {
        let told = there.next().await;
        if told["type"] == "read" {
            assert_eq!(told["seq"], 4, "{told}");
            break;
        }
    }
    let mute = json!({ "type": "mute_thread", "room": "den", "seq": 2, "ref": 2 });
    let muted = reply_to(&mut there, mute).await;
    let wanted = json!({ "room": "den", "root": 1, "following": false, "muted": true });
    assert_eq!(muted["data"], wanted);
    assert_eq!(unread().await.0, json!(0));
    tells(&mut mia, "/thread 1 d", "answered").await;
    let path = "/api/threads/den/1/mute";
    let stands = caller.gets("DELETE", path, Value::Null).await;
    assert_eq!(
        (&stands["following"], &stands["muted"]),
        (&json!(false), &json!(false))
    );
    // On lines it is read by being shown.
    tells(&mut olga, "/thread 1 e", "answered").await;
    assert_eq!(unread().await.0, json!(1));
    says(&mut mia, "/thread 1").await;
    crate::support::until!("it is read there, too", unread().await.0 == json!(0));
    one.stop().await;
    two.stop().await;
}

pub(crate) async fn an_erased_author_leaves_replies_without_a_name(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut olga = in_room(server.tcp, "olga", "/create den").await;
    let mut max = in_room(server.tcp, "max", "/join den").await;
    olga.say("den", "shall we?").await.expect("said");
    tells(&mut max, "/thread 1 yes", "answered").await;
    tells(&mut olga, "/thread 1 good", "answered").await;
    tells(&mut max, "/thread 1 now", "answered").await;
    let olga = Caller::named(server.http, "olga").await;
    let page = async || olga.gets("GET", "/api/threads/den/1", Value::Null).await;
    assert_eq!(page().await["thread"]["people"], json!(["max", "olga"]));
    let shell = Shell::on(&db);
    shell.run("user erase max --yes").await.well();
    crate::support::until!("no name is left", !page().await.to_string().contains("max"));
    let page = page().await;
    assert_eq!(page["thread"]["people"], json!(["olga"]), "{page}");
    assert_eq!(page["thread"]["replies"], 3, "{page}");
    assert_eq!(page["messages"][0]["content"], "yes", "{page}");
    server.stop().await;
}
