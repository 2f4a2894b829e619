//! Messages are edited, deleted, reacted to and pinned by the roles that may, over each door.
use discordctl::client::{Buffer, Event, Events};
use discordctl::config::Config;
use serde_json::{Value, json};

use super::rooms::{Caller, reply_to};
use super::{PASSWORD, in_room, named, registered, says, serve, tells};
use crate::support::DEADLINE;
use crate::support::client::{Person, Socket};
use crate::support::db::Db;
use crate::support::redis::Server as Redis;

pub(crate) async fn a_message_is_changed_by_those_who_may(db: Db) {
    let server = serve(&db, |_| {}).await;
    let at = server.http;
    let mut owner = in_room(server.tcp, "olga", "/create den").await;
    let (mia, max) = (
        Caller::registered(at, "mia").await,
        Caller::registered(at, "max").await,
    );
    for caller in [&mia, &max] {
        let join = json!({ "command": "/join den" });
        caller.gets("POST", "/api/command", join).await;
    }
    let say = |text: &str| json!({ "room": "den", "content": text });
    let said = mia.gets("POST", "/api/message", say("Helo")).await;
    assert_eq!((&said["seq"], &said["number"]), (&json!(1), &json!(1)));
    let one = "/api/messages/den/1";
    let none = Value::Null;
    let text = |text: &str| json!({ "content": text });

    // No role edits the message of another account.
    max.is_refused("PATCH", one, text("mine"), (403, "forbidden"))
        .await;
    tells(&mut owner, "/edit 1 mine", "another person said it").await;
    max.is_refused("DELETE", one, none.clone(), (403, "forbidden"))
        .await;
    let edited = mia.gets("PATCH", one, text("Hello")).await;
    assert_eq!((&edited["target"], &edited["seq"]), (&json!(1), &json!(2)));
    let now = max.gets("GET", one, none.clone()).await;
    assert_eq!(now["content"], "Hello");
    assert_eq!(now["edited_at"], edited["created_at"]);
    for (content, code) in [("", "bad_content"), ("bell\u{7}", "bad_content")] {
        mia.is_refused("PATCH", one, text(content), (400, code))
            .await;
    }

    // All may react, once each.
    let tada = "/api/messages/den/1/reactions/:tada:";
    max.gets("PUT", tada, none.clone()).await;
    max.gets("PUT", tada, none.clone()).await;
    tells(&mut owner, "/react #1 🎉", "reacted to #1").await;
    let now = max.gets("GET", one, none.clone()).await;
    let both = json!({ "🎉": { "count": 2, "users": ["max", "olga"] } });
    assert_eq!(now["reactions"], both);
    max.gets("DELETE", tada, none.clone()).await;
    let now = max.gets("GET", one, none.clone()).await;
    assert_eq!(now["reactions"]["🎉"]["users"], json!(["olga"]));
    let word = "/api/messages/den/1/reactions/word";
    max.is_refused("PUT", word, none.clone(), (400, "bad_request"))
        .await;

    // Moderators pin; the page has what a message is now.
    let pin = "/api/messages/den/1/pin";
    max.is_refused("PUT", pin, none.clone(), (403, "forbidden"))
        .await;
    tells(&mut owner, "/pin 1", "pinned #1").await;
    let page = max.gets("GET", "/api/history/den", none.clone()).await;
    assert_eq!(page["messages"].as_array().map(Vec::len), Some(1), "{page}");
    assert_eq!(page["messages"][0]["pinned"], true, "{page}");
    tells(&mut owner, "/unpin 1", "unpinned #1").await;

    // What is deleted keeps its place, and is in the audit log where another did it.
    mia.gets("POST", "/api/message", say("spam")).await;
    let last = db.number("SELECT max(seq) FROM messages").await;
    tells(&mut owner, &format!("/delete {last}"), "deleted").await;
    let audited = db.texts("SELECT target FROM audit WHERE action = 'delete'");
    assert_eq!(audited.await, ["mia"]);
    mia.gets("DELETE", one, none.clone()).await;
    let gone = max.gets("GET", one, none.clone()).await;
    assert_eq!(
        (&gone["content"], &gone["deleted"]),
        (&json!(""), &json!(true))
    );
    let absent = (404, "no_such_message");
    mia.is_refused("PATCH", one, text("again"), absent).await;
    mia.is_refused("DELETE", one, none.clone(), absent).await;
    mia.is_refused("PUT", tada, none.clone(), absent).await;
    for nowhere in ["/api/messages/den/2", "/api/messages/den/999"] {
        mia.is_refused("GET", nowhere, none.clone(), absent).await;
        mia.is_refused("DELETE", nowhere, none.clone(), absent)
            .await;
    }
    let hidden = (404, "no_such_room");
    mia.is_refused("GET", "/api/messages/pit/1", none.clone(), hidden)
        .await;
    let texts = db.texts("SELECT content FROM messages WHERE content <> ''");
    assert_eq!(texts.await, [""; 0], "no words are left");
    server.stop().await;
}

/// What a program makes of what a reader is given: messages by place, and what was done to them.
#[derive(Default)]
struct Replica(std::collections::BTreeMap<i64, Value>, i64);

impl Replica {
    fn take(&mut self, kind: &str, told: &Value) {
        let seq = told["seq"].as_i64().expect("a place");
        assert_eq!(seq, self.1 + 1, "no place is left out: {told}");
        self.1 = seq;
        let mut target = told["target"]
            .as_i64()
            .and_then(|target| self.0.get_mut(&target));
        match kind {
            "message" => {
                let looks = json!({
                    "user": told["user"], "content": told["content"],
                    "edited_at": told["edited_at"], "deleted": told["deleted"],
                    "reactions": told["reactions"], "pinned": told["pinned"],
                    "thread": told["thread"], "reply_to": told["reply_to"],
                });
                self.0.insert(seq, looks);
            }
            "edit" => {
                let message = target.as_mut().expect("a message");
                if told["deleted"].is_null() {
                    message["content"] = told["content"].clone();
                    message["edited_at"] = told["created_at"].clone();
                }
            }
            "delete" => {
                let message = target.as_mut().expect("a message");
                **message = json!({
                    "user": message["user"], "content": "", "edited_at": null,
                    "deleted": true, "reactions": null, "pinned": null,
                    "thread": message["thread"], "reply_to": message["reply_to"],
                });
            }
            "reaction" => {
                let given = told["reactions"]
                    .as_object()
                    .is_some_and(|of| !of.is_empty());
                let given = given.then(|| told["reactions"].clone());
                target.as_mut().expect("a message")["reactions"] = given.into();
            }
            "pin" => {
                let pinned = told["pinned"].as_bool() == Some(true);
                let pinned = pinned.then_some(true);
                target.as_mut().expect("a message")["pinned"] = pinned.into();
            }
            other => panic!("{other}: {told}"),
        }
    }
}

pub(crate) async fn a_replica_of_any_reader_is_what_is_stored(db: Db) {
    let redis = Redis::start();
    let bus = |config: &mut Config| {
        let url = redis.as_ref().map(Redis::url);
        config.redis_url = url.map(|url| url.parse().expect("a URL"));
    };
    let one = serve(&db, bus).await;
    let two = serve(&db, |config| {
        named("two")(config);
        bus(config);
    })
    .await;
    let mut mia = in_room(one.tcp, "mia", "/create den").await;
    let mut max = in_room(two.tcp, "max", "/join den").await;
    let login = json!({ "type": "login", "nickname": "max", "password": PASSWORD, "ref": 0 });
    let mut early = Socket::open(two.http).await;
    reply_to(&mut early, login).await;
    let hello = json!({ "type": "command", "command": "/join den", "ref": 1 });
    reply_to(&mut early, hello).await;
    for n in 1..=40i64 {
        mia.say("den", &format!("message {n}")).await.expect("said");
        max.say("den", &format!("answer {n}")).await.expect("said");
        let last = db
            .number("SELECT max(seq) FROM messages WHERE kind = 0")
            .await;
        let (mine, theirs) = (last - 1, last);
        match n % 5 {
            0 => tells(&mut mia, &format!("/edit {mine} edited {n}"), "edited").await,
            1 => tells(&mut max, &format!("/react {mine} 👍"), "reacted").await,
            2 => tells(&mut mia, &format!("/delete {mine}"), "deleted").await,
            3 => tells(&mut mia, &format!("/pin {theirs}"), "pinned").await,
            _ => {
                tells(&mut mia, &format!("/react {theirs} :tada:"), "reacted").await;
                tells(&mut mia, &format!("/unreact {theirs} :tada:"), "took").await;
            }
        }
        if n % 4 == 0 {
            tells(&mut max, &format!("/thread 1 reply {n}"), "answered").await;
            tells(&mut mia, &format!("/reply {theirs} so it is"), "answered").await;
        }
    }
    let end = db
        .number("SELECT last_seq FROM rooms WHERE name = 'den'")
        .await;
    let page = Caller::named(one.http, "mia").await;
    let page = page
        .gets("GET", "/api/history/den?limit=500", Value::Null)
        .await;
    let stored: Vec<Value> = page["messages"].as_array().cloned().unwrap_or_default();
    let mut told: Vec<(&str, Replica)> = Vec::new();
    let mut live = Replica::default();
    while live.1 < end {
        let frame = early.next().await;
        match frame["type"].as_str() {
            Some("system" | "reply" | "connected") | None => {}
            Some(kind) => live.take(kind, &frame),
        }
    }
    told.push(("live on the other instance", live));
    for (name, at) in [("late here", one.http), ("late there", two.http)] {
        let mut late = Replica::default();
        let path = "/api/messages/den?after=0";
        let stream = Events::open(at, path, None, Buffer::Usual, DEADLINE).await;
        let mut stream = stream.expect("a stream");
        while late.1 < end {
            if let Some(Event::Named { name, data, .. }) = stream.next().await.expect("readable")
                && name != "system"
            {
                late.take(&name, &serde_json::from_str(&data).expect("JSON"));
            }
        }
        told.push((name, late));
    }
    for (name, replica) in told {
        let places: Vec<i64> = replica.0.keys().copied().collect();
        let wanted: Vec<i64> = stored.iter().filter_map(|m| m["seq"].as_i64()).collect();
        assert_eq!(places, wanted, "{name}");
        for message in &stored {
            let seq = message["seq"].as_i64().expect("a place");
            let here = &replica.0[&seq];
            for key in [
                "user",
                "content",
                "edited_at",
                "deleted",
                "reactions",
                "pinned",
                "thread",
                "reply_to",
            ] {
                assert_eq!(here[key], message[key], "{name}: {key} of {message}");
            }
        }
    }
    one.stop().await;
    two.stop().await;
}

pub(crate) async fn a_plain_terminal_sees_messages_as_they_are_and_no_events(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut mia = in_room(server.tcp, "mia", "/create den").await;
    let mut max = in_room(server.tcp, "max", "/join den").await;
    mia.say("den", "Helo").await.expect("said");
    mia.say("den", "a secret").await.expect("said");
    for text in ["[den] mia: Helo", "[den] mia: a secret"] {
        assert_eq!(max.line().await.as_deref(), Some(text));
    }
    says(&mut mia, "/edit 1 Hello").await;
    says(&mut mia, "/delete 2").await;
    mia.say("den", "bye").await.expect("said");
    assert_eq!(max.line().await.as_deref(), Some("[den] mia: bye"));
    // One that joins later is shown what is left.
    let mut late = registered(server.tcp, "zoe").await;
    late.write("/join den\n").await;
    for text in ["[den] mia: Hello", "[den] mia: (deleted)", "[den] mia: bye"] {
        late.line_with(text).await;
    }
    server.stop().await;
}

pub(crate) async fn a_terminal_shows_what_it_asks_for(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut mia = in_room(server.tcp, "mia", "/create den").await;
    let mut max = in_room(server.tcp, "max", "/join den").await;
    tells(&mut max, "/show tiem", "/show takes time").await;
    tells(
        &mut max,
        "/show seq events",
        "number of each message, what is done",
    )
    .await;
    mia.say("den", "Helo").await.expect("said");
    says(&mut mia, "/edit 1 Hello").await;
    says(&mut mia, "/react 1 :tada:").await;
    says(&mut mia, "/delete 1").await;
    for line in [
        "#1 [den] mia: Helo",
        "#2 [den] mia edited #1: Hello",
        "#3 [den] mia reacted to #1: 🎉 1",
        "#4 [den] mia deleted #1",
    ] {
        assert_eq!(max.line().await.as_deref(), Some(line));
    }
    tells(&mut max, "/show time", "the time").await;
    mia.say("den", "bye").await.expect("said");
    let line = max.line().await.expect("a line");
    let (time, rest) = line.split_once(' ').expect("a time");
    assert_eq!((time.len(), rest), (5, "[den] mia: bye"));
    // What is shown of the past has no days: a line before it says when that was.
    says(&mut max, "/leave").await;
    max.write("/join den\n").await;
    max.line_with("den: what follows was said from 20").await;
    max.line_with("[den] mia: bye").await;
    tells(&mut max, "/history 1", "den: what follows was said from 20").await;
    tells(&mut max, "/show none", "and no more").await;
    let told = says(&mut max, "/history 1").await;
    assert!(!told.contains("what follows"), "{told}");
    tells(&mut mia, "/topic tea", "the topic of den is: tea").await;
    max.line_with("[system] mia set the topic of den: tea")
        .await;
    server.stop().await;
}

pub(crate) async fn a_display_name_stands_beside_the_nickname(db: Db) {
    let server = serve(&db, |_| {}).await;
    let _guest = in_room(server.tcp, "olga", "/create den").await;
    let new = json!({ "nickname": "mia", "password": PASSWORD, "display_name": "Mia Ōta" });
    let mia = Caller::of(server.http, new).await;
    let join = json!({ "command": "/join den" });
    mia.gets("POST", "/api/command", join).await;
    let none = Value::Null;
    let me = mia.gets("GET", "/api/me", none.clone()).await;
    assert_eq!(me["display_name"], "Mia Ōta");
    let mut socket = Socket::connect(server.http, "max").await;
    socket.command("/join den").await.expect("joined");
    let say = json!({ "room": "den", "content": "hi" });
    mia.gets("POST", "/api/message", say).await;
    // Live, from memory, and from the database: the same.
    let author = |message: &Value| {
        let of = [&message["user"], &message["display_name"]];
        of.map(|of| of.as_str().unwrap_or_default().to_owned())
    };
    let live = loop {
        let frame = socket.next().await;
        if frame["type"] == "message" {
            break frame;
        }
    };
    assert_eq!(author(&live), ["mia", "Mia Ōta"]);
    socket.say("den", "hello").await.expect("said");
    mia.gets("DELETE", "/api/messages/den/1", none.clone())
        .await;
    let other = serve(&db, named("other")).await;
    for at in [server.http, other.http] {
        let page = Caller::named(at, "olga").await;
        let page = page.gets("GET", "/api/history/den", none.clone()).await;
        let said = page["messages"].as_array().expect("messages");
        let said: Vec<_> = said.iter().map(author).collect();
        assert_eq!(said, [["mia", "Mia Ōta"], ["max", ""]], "{page}");
    }
    let users = mia.gets("GET", "/api/users?filter=mia", none.clone()).await;
    assert_eq!(author(&users["users"][0])[1], "Mia Ōta", "{users}");
    let users = mia.gets("GET", "/api/users?filter=max", none).await;
    assert!(users["users"][0].get("display_name").is_none(), "{users}");
    other.stop().await;
    server.stop().await;
}

pub(crate) async fn a_page_is_around_a_place_and_says_where_it_is_true(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut mia = in_room(server.tcp, "mia", "/create den").await;
    for n in 1..=20 {
        mia.say("den", &format!("{n}")).await.expect("said");
    }
    says(&mut mia, "/edit 5 five").await;
    let mia = Caller::named(server.http, "mia").await;
    let page = async |query: &str| {
        let path = format!("/api/history/den?{query}");
        let page = mia.gets("GET", &path, Value::Null).await;
        let texts: Vec<String> = page["messages"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|message| Some(message["content"].as_str()?.to_owned()))
            .collect();
        (
            texts.join(" "),
            page["has_more"].clone(),
            page["true_at"].clone(),
        )
    };
    let (yes, no, end) = (json!(true), json!(false), json!(21));
    for (query, texts, more) in [
        ("limit=3", "18 19 20", &yes),
        ("after=3&limit=3", "4 five 6", &yes),
        ("after=18", "19 20", &no),
        ("after=21", "", &no),
        ("around=5&limit=4", "3 4 five 6", &yes),
        ("around=1&limit=4", "1 2", &no),
    ] {
        let wanted = (texts.to_owned(), more.clone(), end.clone());
        assert_eq!(page(query).await, wanted, "{query}");
    }
    let both = "/api/history/den?after=1&before=5";
    mia.is_refused("GET", both, Value::Null, (400, "bad_parameter"))
        .await;
    // A stream of messages alone keeps its place beyond events.
    let path = "/api/messages/den?history=1&events=0";
    let stream = Events::open(server.http, path, None, Buffer::Usual, DEADLINE).await;
    let mut stream = stream.expect("a stream");
    loop {
        match stream.next().await.expect("readable") {
            Some(Event::Named { name, data, .. }) if name == "message" => {
                assert!(data.contains("\"content\":\"20\""), "{data}");
                break;
            }
            Some(Event::Named { name, .. }) if name != "system" => panic!("{name}"),
            _ => {}
        }
    }
    server.stop().await;
}
