//! How far people have read: kept for accounts, never going back, and known to all their devices.
use std::net::SocketAddr;

use http::header::AUTHORIZATION;
use serde_json::{Value, json};

use super::requests::ask;
use super::{PASSWORD, in_room, named, says, serve, tells};
use crate::support::client::{Lines, Person, Socket, post};
use crate::support::db::Db;

/// An account, by a session of its own.
struct Reader {
    at: SocketAddr,
    session: String,
}

impl Reader {
    async fn new(at: SocketAddr, path: &str, nickname: &str) -> Self {
        let account = json!({ "nickname": nickname, "password": PASSWORD });
        let (status, begun) = post(at, path, account).await;
        assert_eq!(status, 200, "{begun}");
        let session = begun["session_id"].as_str().expect("a session").to_owned();
        Self { at, session }
    }

    async fn asks(&self, place: (&str, &str), body: Value) -> Value {
        let bearer = format!("Bearer {}", self.session);
        let shown = [(AUTHORIZATION, bearer.as_str())];
        ask(self.at, place, &shown, body).await.json()
    }

    async fn joins(&self, room: &str) {
        let join = json!({ "command": format!("/join {room}") });
        let joined = self.asks(("POST", "/api/command"), join).await;
        assert_eq!(joined["success"], true, "{joined}");
    }

    async fn reads(&self, room: &str, seq: i64) {
        let marks = json!({ "marks": [{ "room": room, "seq": seq }] });
        let read = self.asks(("POST", "/api/read"), marks).await;
        assert_eq!(read["success"], true, "{read}");
    }

    /// What is told of a room: its messages, how many were read, and how many not.
    async fn stands(&self, room: &str) -> [i64; 3] {
        let me = self.asks(("GET", "/api/me"), Value::Null).await;
        let mut rooms = me["rooms"].as_array().expect("rooms").iter();
        let found = rooms.find(|of| of["name"] == room);
        let found = found.unwrap_or_else(|| panic!("no {room}: {me}"));
        let keys = ["last_number", "read_number", "unread"];
        keys.map(|key| found[key].as_i64().expect("a number"))
    }
}

async fn says_all(lines: &mut Lines, room: &str, count: usize) {
    for n in 1..=count {
        lines.say(room, &format!("number {n}")).await.expect("said");
    }
}

pub(crate) async fn a_mark_goes_on_and_never_back(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut bob = in_room(server.tcp, "bob", "/create den").await;
    let alice = Reader::new(server.http, "/api/register", "alice").await;
    let carol = Reader::new(server.http, "/api/register", "carol").await;
    for reader in [&alice, &carol] {
        reader.joins("den").await;
    }
    says_all(&mut bob, "den", 5).await;
    assert_eq!(alice.stands("den").await, [5, 0, 5]);
    // Messages of the version before have no number: theirs is their seq.
    db.sql("UPDATE messages SET number = NULL WHERE seq <= 3")
        .await;
    for (seq, stands) in [
        (3, [5, 3, 2]),
        (2, [5, 3, 2]),
        (0, [5, 3, 2]),
        (4, [5, 4, 1]),
    ] {
        alice.reads("den", seq).await;
        assert_eq!(alice.stands("den").await, stands, "{seq}");
    }
    // One beyond the end is at the end, and what comes then is to be read.
    alice.reads("den", 1_000_000).await;
    assert_eq!(alice.stands("den").await, [5, 5, 0]);
    says_all(&mut bob, "den", 1).await;
    assert_eq!(alice.stands("den").await, [6, 5, 1]);
    // What is in the archive alone was read as far as its seq says.
    db.sql("DELETE FROM messages WHERE seq <= 4").await;
    carol.reads("den", 2).await;
    assert_eq!(carol.stands("den").await, [6, 2, 4]);

    let marks = json!({ "marks": [{ "room": "den", "seq": 6 }, { "room": "nowhere", "seq": 1 }] });
    let refused = carol.asks(("POST", "/api/read"), marks).await;
    assert_eq!(refused["code"], "no_such_room", "{refused}");
    assert_eq!(carol.stands("den").await, [6, 2, 4], "all or none");
    let many = vec![json!({ "room": "den", "seq": 1 }); 101];
    let refused = carol
        .asks(("POST", "/api/read"), json!({ "marks": many }))
        .await;
    assert_eq!(refused["code"], "bad_request", "{refused}");
    server.stop().await;
}

pub(crate) async fn what_was_said_before_one_came_is_not_unread(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut bob = in_room(server.tcp, "bob", "/create den").await;
    let mut guest = Lines::enter(server.tcp, "gast").await;
    tells(&mut guest, "/join den", "joined den").await;
    says_all(&mut bob, "den", 3).await;
    let alice = Reader::new(server.http, "/api/register", "alice").await;
    alice.joins("den").await;
    let register = format!("/register {PASSWORD}");
    tells(&mut guest, &register, "you are logged in as gast").await;
    let gast = Reader::new(server.http, "/api/login", "gast").await;
    for reader in [&alice, &gast] {
        assert_eq!(reader.stands("den").await, [3, 3, 0]);
    }
    says_all(&mut bob, "den", 2).await;
    // To look at what is older takes nothing back, and to come again does not read what came since.
    alice.reads("den", 2).await;
    alice.joins("den").await;
    assert_eq!(alice.stands("den").await, [5, 3, 2]);
    // It is no word of having seen it.
    let seen = "SELECT max(read_seq) FROM read_marks k JOIN users u ON u.id = k.user_id
         WHERE u.nickname = 'gast'";
    assert_eq!(db.number(seen).await, 0);
    server.stop().await;
}

pub(crate) async fn what_was_said_to_one_is_unread_also_where_one_comes_later(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut bob = in_room(server.tcp, "bob", "/create den").await;
    let alice = Reader::new(server.http, "/api/register", "alice").await;
    says_all(&mut bob, "den", 3).await;
    for said in ["one", "two"] {
        bob.write(&format!("/msg alice {said}\n")).await;
        bob.line_with(said).await;
    }
    tells(&mut bob, "/invite alice", "alice may join den").await;
    says_all(&mut bob, "den", 2).await;
    for _ in 0..2 {
        assert_eq!(alice.stands("@bob").await, [2, 0, 2]);
        assert_eq!(alice.stands("den").await, [5, 3, 2]);
        alice.joins("@bob").await;
        alice.joins("den").await;
    }
    server.stop().await;
}

pub(crate) async fn what_one_says_is_read(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut bob = in_room(server.tcp, "bob", "/create den").await;
    let alice = Reader::new(server.http, "/api/register", "alice").await;
    alice.joins("den").await;
    says_all(&mut bob, "den", 3).await;
    assert_eq!(alice.stands("den").await, [3, 0, 3]);
    let said = json!({ "room": "den", "content": "I see" });
    let said = alice.asks(("POST", "/api/message"), said).await;
    assert_eq!(said["seq"], 4, "{said}");
    assert_eq!(alice.stands("den").await, [4, 4, 0]);
    tells(&mut bob, "/unread", "den: 1 unread").await;
    // Of a guest nothing is kept.
    let mut guest = Lines::enter(server.tcp, "guest").await;
    tells(&mut guest, "/join den", "joined den").await;
    says_all(&mut guest, "den", 1).await;
    assert_eq!(alice.stands("den").await, [5, 4, 1]);
    server.stop().await;
    let marked = "SELECT u.nickname FROM read_marks k JOIN users u ON u.id = k.user_id
         ORDER BY u.nickname";
    assert_eq!(db.texts(marked).await, ["alice", "bob"]);
}

pub(crate) async fn what_waits_is_written_before_the_end(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut bob = in_room(server.tcp, "bob", "/join general").await;
    says_all(&mut bob, "general", 2).await;
    let alice = Reader::new(server.http, "/api/register", "alice").await;
    alice.reads("general", 1).await;
    server.stop().await;
    let read = "SELECT read_seq FROM read_marks k JOIN users u ON u.id = k.user_id
         WHERE u.nickname = 'alice'";
    assert_eq!(db.number(read).await, 1);
}

pub(crate) async fn lines_tell_what_is_unread_and_mark_it(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut bob = in_room(server.tcp, "bob", "/create den").await;
    let mut alice = in_room(server.tcp, "alice", "/join den").await;
    tells(&mut alice, "/unread", "you have read everything").await;
    says_all(&mut bob, "den", 2).await;
    assert_eq!(
        says(&mut alice, "/unread").await,
        "1 room to read\nden: 2 unread"
    );
    tells(&mut alice, "/read", "den is read up to message 2").await;
    tells(&mut alice, "/unread", "you have read everything").await;
    let mut guest = Lines::connect(server.tcp).await;
    for command in ["/unread", "/read"] {
        tells(&mut guest, command, "for people with an account").await;
    }
    server.stop().await;
}

/// The next frame of a name, where messages may come before.
async fn next_of(socket: &mut Socket, name: &str) -> Value {
    loop {
        let frame = socket.next().await;
        if frame["type"] == name {
            return frame;
        }
    }
}

pub(crate) async fn what_is_read_on_one_device_is_read_on_all(db: Db) {
    let (one, two) = (serve(&db, |_| {}).await, serve(&db, named("two")).await);
    let mut bob = in_room(one.tcp, "bob", "/create den").await;
    says_all(&mut bob, "den", 5).await;
    let laptop = Reader::new(one.http, "/api/register", "alice").await;
    let phone = Reader::new(two.http, "/api/login", "alice").await;
    let greet = |reader: &Reader| {
        let (at, session) = (reader.at, reader.session.clone());
        async move { Socket::greet(at, json!({ "session_id": session })).await }
    };
    let (mut near, mut far) = (greet(&laptop).await, greet(&phone).await);
    let mut stranger = Socket::connect(two.http, "guest").await;
    let read = |seq: i64| json!({ "type": "read", "room": "den", "seq": seq });
    laptop.reads("den", 3).await;
    for socket in [&mut near, &mut far] {
        assert_eq!(next_of(socket, "read").await, read(3));
    }
    // One that says so itself is not told, and neither is one of what was read before.
    let mark = json!({ "room": "den", "seq": 4 });
    near.send(json!({ "type": "read", "marks": [mark], "ref": 1 }))
        .await;
    assert_eq!(next_of(&mut near, "reply").await["ref"], 1);
    assert_eq!(next_of(&mut far, "read").await, read(4));
    laptop.reads("den", 2).await;
    phone.reads("den", 1_000).await;
    assert_eq!(next_of(&mut far, "read").await, read(5));
    assert_eq!(next_of(&mut near, "read").await, read(5));
    // No other account has it.
    stranger.send(json!({ "type": "me", "ref": 1 })).await;
    assert_eq!(stranger.next().await["type"], "reply");
    one.stop().await;
    two.stop().await;
}

pub(crate) async fn who_has_read_what_is_shown_where_the_room_says_so(db: Db) {
    let server = serve(&db, |_| {}).await;
    let host = Reader::new(server.http, "/api/register", "host").await;
    let alice = Reader::new(server.http, "/api/register", "alice").await;
    let mut bob = in_room(server.tcp, "bob", "/join general").await;
    let den = json!({ "name": "den", "kind": "public" });
    host.asks(("POST", "/api/rooms"), den).await;
    tells(&mut bob, "/join den", "joined den").await;
    says_all(&mut bob, "den", 3).await;
    alice.reads("den", 2).await;
    let seen = |seq: i64| format!("/api/seen/den/{seq}");
    let refused = alice.asks(("GET", &seen(1)), Value::Null).await;
    assert_eq!(
        (&refused["code"], &refused["status"]),
        (&json!("not_shown"), &json!(403))
    );
    let on = json!({ "seen": true });
    let refused = alice.asks(("PATCH", "/api/rooms/den"), on.clone()).await;
    assert_eq!(refused["code"], "forbidden", "{refused}");
    let room = host.asks(("GET", "/api/rooms/den"), Value::Null).await;
    assert_eq!(room["seen"], false, "{room}");
    let room = host.asks(("PATCH", "/api/rooms/den"), on).await;
    assert_eq!(room["seen"], true, "{room}");
    // It is written when its person asks for it, or a moment later.
    alice.asks(("GET", "/api/me"), Value::Null).await;
    tells(&mut bob, "/unread", "you have read everything").await;
    let names = |seen: &Value| -> Vec<String> {
        let users = seen["users"].as_array().expect("users").iter();
        users
            .map(|user| user["nickname"].as_str().expect("a name").to_owned())
            .collect()
    };
    for (seq, wanted) in [(1, vec!["alice", "bob"]), (3, vec!["bob"])] {
        let told = alice.asks(("GET", &seen(seq)), Value::Null).await;
        assert_eq!(names(&told), wanted, "{told}");
        assert_eq!(told["count"], wanted.len(), "{told}");
    }
    for seq in [-1, 0, 4] {
        let refused = alice.asks(("GET", &seen(seq)), Value::Null).await;
        assert_eq!(refused["code"], "no_such_message", "{seq}: {refused}");
    }
    let audited = "SELECT detail FROM audit WHERE detail = 'seen: true'";
    assert_eq!(db.texts(audited).await.len(), 1);
    host.asks(("PATCH", "/api/rooms/den"), json!({ "seen": false }))
        .await;
    let refused = alice.asks(("GET", &seen(1)), Value::Null).await;
    assert_eq!(refused["code"], "not_shown", "{refused}");
    server.stop().await;
}

pub(crate) async fn a_room_hears_who_is_writing_and_lines_do_not(db: Db) {
    let (one, two) = (serve(&db, |_| {}).await, serve(&db, named("two")).await);
    let mut bob = in_room(two.tcp, "bob", "/create den").await;
    let alice = Reader::new(one.http, "/api/register", "alice").await;
    let mut near = Socket::connect(one.http, "near").await;
    let mut far = Socket::connect(two.http, "far").await;
    for socket in [&mut near, &mut far] {
        socket.command("/join den").await.expect("joined");
    }
    let typing = |room: &str| json!({ "room": room });
    for _ in 0..3 {
        let told = alice.asks(("POST", "/api/typing"), typing("den")).await;
        assert_eq!(told["success"], true, "{told}");
    }
    let wanted = json!({ "type": "typing", "room": "den", "user": "alice" });
    for socket in [&mut near, &mut far] {
        assert_eq!(next_of(socket, "typing").await, wanted);
    }
    // Once, however often; lines see what comes after and nothing of it.
    alice
        .asks(
            ("POST", "/api/message"),
            json!({ "room": "den", "content": "there" }),
        )
        .await;
    for socket in [&mut near, &mut far] {
        loop {
            let frame = socket.next().await;
            assert_ne!(frame["type"], "typing", "{frame}");
            if frame["type"] == "message" {
                break;
            }
        }
    }
    loop {
        let line = bob.line().await.expect("a line");
        assert!(
            !line.contains("alice") || line == "[den] alice: there",
            "{line}"
        );
        if line.starts_with("[den]") {
            break;
        }
    }
    // In a direct room each calls it by the other.
    let second = Reader::new(two.http, "/api/login", "bob").await;
    let opened = second
        .asks(("POST", "/api/direct"), json!({ "nicknames": ["alice"] }))
        .await;
    assert_eq!(opened["room"], "@alice", "{opened}");
    let session = json!({ "session_id": second.session });
    let mut socket = Socket::greet(two.http, session).await;
    socket
        .send(json!({ "type": "history", "room": "@alice", "ref": 1 }))
        .await;
    next_of(&mut socket, "reply").await;
    let told = alice.asks(("POST", "/api/typing"), typing("@bob")).await;
    assert_eq!(told["success"], true, "{told}");
    let wanted = json!({ "type": "typing", "room": "@alice", "user": "alice" });
    assert_eq!(next_of(&mut socket, "typing").await, wanted);
    one.stop().await;
    two.stop().await;
}

/// How many messages that were not read call the person, in a room.
async fn calls(of: &Reader, room: &str) -> i64 {
    let me = of.asks(("GET", "/api/me"), Value::Null).await;
    let mut rooms = me["rooms"].as_array().expect("rooms").iter();
    let found = rooms.find(|of| of["name"] == room);
    let found = found.unwrap_or_else(|| panic!("no {room}: {me}"));
    found["mentions"].as_i64().expect("a number")
}

pub(crate) async fn who_is_called_by_a_message_is_told(db: Db) {
    let (one, two) = (serve(&db, |_| {}).await, serve(&db, named("two")).await);
    let alice = Reader::new(one.http, "/api/register", "Alice").await;
    let bob = Reader::new(one.http, "/api/register", "bob").await;
    for reader in [&alice, &bob] {
        reader.joins("general").await;
    }
    let greet = json!({ "session_id": alice.session, "rooms": { "general": 0 } });
    let mut near = Socket::greet(one.http, greet.clone()).await;
    let mut far = Socket::greet(two.http, greet).await;
    let says = async |room: &str, content: &str| -> i64 {
        let said = json!({ "room": room, "content": content });
        let said = bob.asks(("POST", "/api/message"), said).await;
        said["seq"].as_i64().unwrap_or_else(|| panic!("{said}"))
    };
    says(
        "general",
        "mail me: bob@alice.org, @nobody, @bob and @alicette",
    )
    .await;
    let seq = says("general", "hi @alice, @ALICE.").await;
    for socket in [&mut near, &mut far] {
        assert_eq!(next_of(socket, "message").await.get("mentions"), None);
        assert_eq!(
            next_of(socket, "message").await["mentions"],
            json!(["Alice"])
        );
    }
    let page = bob.asks(("GET", "/api/history/general"), Value::Null).await;
    assert_eq!(page["messages"][1]["mentions"], json!(["Alice"]), "{page}");
    assert_eq!(
        (calls(&alice, "general").await, calls(&bob, "general").await),
        (1, 0)
    );
    alice.reads("general", seq).await;
    assert_eq!(calls(&alice, "general").await, 0);
    // A deleted message mentions no account.
    let seq = says("general", "@alice once more").await;
    assert_eq!(calls(&alice, "general").await, 1);
    let place = format!("/api/messages/general/{seq}");
    bob.asks(("DELETE", &place), Value::Null).await;
    assert_eq!(calls(&alice, "general").await, 0);
    // One that may not read a room is not called there.
    let den = json!({ "name": "den", "kind": "private" });
    bob.asks(("POST", "/api/rooms"), den).await;
    says("den", "not for @alice").await;
    bob.asks(("PUT", "/api/rooms/den/members/alice"), Value::Null)
        .await;
    assert_eq!(calls(&alice, "den").await, 0);
    says("den", "and this is for @alice").await;
    assert_eq!(calls(&alice, "den").await, 1);
    one.stop().await;
    two.stop().await;
    let called = "SELECT count(*) FROM mentions";
    assert_eq!(db.number(called).await, 2);
}
