//! Rooms over HTTP and by frames: made, changed, kept in order and deleted.
use std::net::SocketAddr;

use discordctl::client::{Buffer, Event, Events};
use discordctl::model::RoomName;
use discordctl::store::Record;
use serde_json::{Value, json};

use super::requests::ask;
use super::{PASSWORD, in_room, named, registered, says, serve, tells};
use crate::support::DEADLINE;
use crate::support::client::{Person, Socket};
use crate::support::db::Db;
use crate::support::http as plain;

pub(crate) async fn a_deleted_room_ends_for_its_readers_and_no_other_notices(db: Db) {
    let (one, two) = (serve(&db, |_| {}).await, serve(&db, named("two")).await);
    let mut owner = in_room(one.tcp, "olga", "/create den").await;
    let mut mia = in_room(two.tcp, "mia", "/join den").await;
    owner.say("den", "soon gone").await.expect("said");
    says(&mut mia, "/join general").await;
    mia.say("general", "stays").await.expect("said");
    let stream = |at, room| async move {
        let path = format!("/api/messages/{room}?history=0");
        let opened = Events::open(at, &path, None, Buffer::Usual, DEADLINE).await;
        opened.expect("a stream")
    };
    let mut ended = [stream(one.http, "den").await, stream(two.http, "den").await];
    let mut other = stream(one.http, "general").await;

    let store = db.open().await;
    let epoch = store.era().await.expect("an epoch").epoch;
    let den = RoomName::parse("den").expect("a name");
    let (room, _) = store.room(&den).await.expect("readable").expect("a room");
    let record = Record {
        actor: "operator",
        action: "delete_room",
        room: Some("den"),
        ..Record::default()
    };
    let delete = || store.delete_room(room.key, &record);
    assert!(delete().await.expect("deleted"));
    assert!(!delete().await.expect("gone already"));
    for stream in &mut ended {
        let mut told = Vec::new();
        while let Some(event) = stream.next().await.expect("readable") {
            if let Event::Named { name, data, .. } = event
                && name == "end"
            {
                told.push(data);
            }
        }
        let is_end = |data: &String| data.contains("no_such_room");
        assert!(told.iter().all(is_end) && told.len() == 1, "{told:?}");
    }
    owner.line_with("there is no room 'den'").await;
    mia.line_with("there is no room 'den'").await;
    tells(&mut owner, "hello", "not sent:").await;
    mia.say("general", "goes on").await.expect("said");
    let goes_on = async {
        while let Some(event) = other.next().await.expect("readable") {
            if let Event::Named { name, data, .. } = event {
                assert_ne!(name, "reset");
                if data.contains("goes on") {
                    return;
                }
            }
        }
        panic!("the stream of another room ended");
    };
    crate::support::in_time("the other room", goes_on).await;
    assert_eq!(store.era().await.expect("an epoch").epoch, epoch);
    let recorded = db
        .texts("SELECT action FROM audit WHERE room = 'den'")
        .await;
    assert_eq!(recorded, ["delete_room"]);

    // The name is free, and what is made of it is another room.
    tells(&mut mia, "/create den", "mia joined den").await;
    tells(&mut mia, "/history", "no older messages").await;
    let mut ria = registered(one.tcp, "ria").await;
    tells(&mut ria, "/join den", "ria joined den").await;
    one.stop().await;
    two.stop().await;
}

/// An account over HTTP.
pub(super) struct Caller {
    at: SocketAddr,
    bearer: String,
}

impl Caller {
    pub(super) async fn registered(at: SocketAddr, nickname: &str) -> Self {
        Self::of(at, json!({ "nickname": nickname, "password": PASSWORD })).await
    }

    pub(super) async fn of(at: SocketAddr, new: Value) -> Self {
        let made = plain::post(at, "/api/register", new)
            .await
            .expect("an answer");
        let session = made.body["session_id"].as_str();
        let session = session.unwrap_or_else(|| panic!("{made:?}"));
        let bearer = format!("Bearer {session}");
        Self { at, bearer }
    }

    /// One that is registered already.
    pub(super) async fn named(at: SocketAddr, nickname: &str) -> Self {
        let login = json!({ "nickname": nickname, "password": PASSWORD });
        let made = plain::post(at, "/api/login", login)
            .await
            .expect("an answer");
        let session = made.body["session_id"].as_str().expect("a session");
        let bearer = format!("Bearer {session}");
        Self { at, bearer }
    }

    /// One that shows a token.
    pub(super) fn by(at: SocketAddr, token: &str) -> Self {
        let bearer = format!("Bearer {token}");
        Self { at, bearer }
    }

    /// The status and the body.
    pub(super) async fn asks(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let shown = [(http::header::AUTHORIZATION, self.bearer.as_str())];
        let answer = ask(self.at, (method, path), &shown, body).await;
        (answer.status, answer.json())
    }

    /// The body of what is not refused.
    pub(super) async fn gets(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.asks(method, path, body).await;
        assert_eq!(status, 200, "{method} {path}: {answer}");
        answer
    }

    /// The status and code of a refusal.
    pub(super) async fn is_refused(
        &self,
        method: &str,
        path: &str,
        body: Value,
        with: (u16, &str),
    ) {
        let (status, answer) = self.asks(method, path, body).await;
        let code = answer["code"].as_str().unwrap_or_default();
        assert_eq!((status, code), with, "{method} {path}: {answer}");
    }
}

pub(crate) async fn rooms_are_made_and_kept_in_order_by_requests(db: Db) {
    let server = serve(&db, |_| {}).await;
    let at = server.http;
    let (olga, mia) = (
        Caller::registered(at, "olga").await,
        Caller::registered(at, "mia").await,
    );
    let none = Value::Null;
    let den = json!({ "name": "den", "kind": "private", "topic": "all of it" });
    let made = olga.gets("POST", "/api/rooms", den.clone()).await;
    assert_eq!(made, json!({ "room": "den", "last_seq": 0 }));
    olga.is_refused("POST", "/api/rooms", den, (409, "room_exists"))
        .await;
    let settings = olga.gets("GET", "/api/rooms/den", none.clone()).await;
    let wanted = json!({
        "name": "den", "kind": "private", "topic": "all of it", "slow": 0, "allow": {},
        "seen": false,
    });
    assert_eq!(settings, wanted);
    let absent = (404, "no_such_room");
    mia.is_refused("GET", "/api/rooms/den", none.clone(), absent)
        .await;

    // A member is let in, given a role, and put out.
    let member = "/api/rooms/den/members/mia";
    olga.gets("PUT", member, none.clone()).await;
    let moderator = json!({ "role": "moderator" });
    let given = olga.gets("PUT", member, moderator).await;
    assert_eq!(given["role"], "moderator");
    let page = olga
        .gets("GET", "/api/rooms/den/members?limit=1", none.clone())
        .await;
    assert_eq!(page["members"][0]["nickname"], "mia");
    assert_eq!(page["next"], "mia");
    let rest = "/api/rooms/den/members?cursor=mia";
    let rest = mia.gets("GET", rest, none.clone()).await;
    assert_eq!(
        (&rest["members"][0]["role"], &rest["next"]),
        (&json!("owner"), &none)
    );
    mia.is_refused(
        "DELETE",
        "/api/rooms/den/members/olga",
        none.clone(),
        (403, "forbidden"),
    )
    .await;
    mia.gets("PATCH", "/api/rooms/den", json!({ "topic": "less" }))
        .await;
    let more = json!({ "topic": "more", "slow": 5 });
    mia.is_refused("PATCH", "/api/rooms/den", more, (403, "forbidden"))
        .await;

    // What an action takes here.
    let muted = json!({ "allow": { "write": "owner" }, "slow": 0 });
    let changed = olga.gets("PATCH", "/api/rooms/den", muted).await;
    assert_eq!(changed["allow"], json!({ "write": "owner" }));
    let hello = json!({ "room": "den", "content": "hello" });
    mia.is_refused("POST", "/api/message", hello.clone(), (403, "forbidden"))
        .await;
    let usual = json!({ "allow": { "write": null } });
    olga.gets("PATCH", "/api/rooms/den", usual).await;
    mia.gets("POST", "/api/message", hello.clone()).await;
    let wrong = json!({ "allow": { "wirte": "owner" } });
    olga.is_refused("PATCH", "/api/rooms/den", wrong, (400, "bad_request"))
        .await;

    // Mutes and bans, and their ends.
    let for_a_year = json!({ "until": "2999-01-01T00:00:00Z", "why": "spam\u{1b}[2J" });
    let mute = "/api/rooms/den/mutes/mia";
    let imposed = olga.gets("PUT", mute, for_a_year).await;
    assert_eq!(imposed["until"], "2999-01-01T00:00:00.000Z");
    mia.is_refused("POST", "/api/message", hello.clone(), (403, "muted"))
        .await;
    olga.gets("DELETE", mute, none.clone()).await;
    olga.is_refused("DELETE", mute, none.clone(), (400, "bad_request"))
        .await;
    let past = json!({ "until": "2001-01-01T00:00:00Z" });
    olga.is_refused("PUT", mute, past, (400, "bad_request"))
        .await;
    olga.gets("PUT", "/api/rooms/den/bans/mia", none.clone())
        .await;
    mia.is_refused("POST", "/api/message", hello, absent).await;
    let why = db
        .texts("SELECT why FROM audit WHERE why IS NOT NULL")
        .await;
    assert!(!why[0].contains('\u{1b}'), "{why:?}");

    // To leave is to delete one's own membership; the room goes with a request, too.
    let own = "/api/rooms/general/members/mia";
    mia.is_refused("DELETE", own, none.clone(), (409, "not_in_room"))
        .await;
    mia.gets(
        "POST",
        "/api/command",
        json!({ "command": "/join general" }),
    )
    .await;
    mia.gets("DELETE", own, none.clone()).await;
    let me = mia.gets("GET", "/api/me", none.clone()).await;
    assert_eq!(me["rooms"], json!([]));
    let general = "/api/rooms/general";
    mia.is_refused("DELETE", general, none.clone(), (403, "forbidden"))
        .await;
    olga.gets("DELETE", "/api/rooms/den", none.clone()).await;
    olga.is_refused("DELETE", "/api/rooms/den", none, absent)
        .await;
    server.stop().await;
}

pub(crate) async fn a_frame_asks_for_what_a_request_does(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut socket = Socket::open(server.http).await;
    let new = json!({ "type": "register", "nickname": "olga", "password": PASSWORD, "ref": 1 });
    let registered = reply_to(&mut socket, new).await;
    assert_eq!(registered["data"]["nickname"], "olga", "{registered}");
    let again = json!({ "type": "login", "nickname": "olga", "password": PASSWORD, "ref": 2 });
    let refused = reply_to(&mut socket, again.clone()).await;
    assert_eq!(refused["code"], "bad_command", "{refused}");
    let mut second = Socket::open(server.http).await;
    let in_again = reply_to(&mut second, again).await;
    assert_eq!(in_again["data"]["role"], "member", "{in_again}");

    for (frame, data) in [
        (
            json!({ "type": "create_room", "name": "den", "kind": "private" }),
            json!({ "room": "den", "last_seq": 0 }),
        ),
        (
            json!({ "type": "change_room", "room": "den", "topic": "frames" }),
            json!({ "name": "den", "kind": "private", "topic": "frames", "slow": 0, "allow": {}, "seen": false }),
        ),
    ] {
        let mut frame = frame;
        frame["ref"] = json!("x");
        let answer = reply_to(&mut socket, frame.clone()).await;
        assert_eq!(answer["data"], data, "{frame}: {answer}");
    }
    // A room that is made is read at once.
    socket.say("den", "hello").await.expect("said");
    assert_eq!(socket.see().await.content, "hello");
    let history = json!({ "type": "history", "room": "den", "limit": 1, "ref": 3 });
    let page = reply_to(&mut socket, history).await;
    assert_eq!(page["data"]["messages"][0]["content"], "hello", "{page}");
    for (frame, code) in [
        (json!({ "type": "history", "room": "pit" }), "no_such_room"),
        (
            json!({ "type": "history", "room": "den", "limit": "x" }),
            "bad_request",
        ),
        (
            json!({ "type": "ban", "room": "den", "nickname": "olga", "until": 5 }),
            "bad_frame",
        ),
        (json!({ "type": "wirte" }), "bad_frame"),
    ] {
        let mut frame = frame;
        frame["ref"] = json!(4);
        socket.send(frame.clone()).await;
        let answer = next_answer(&mut socket).await;
        assert_eq!(answer["code"], code, "{frame}: {answer}");
        assert_eq!(answer["ref"], 4, "{frame}: {answer}");
    }
    let rooms = reply_to(
        &mut socket,
        json!({ "type": "rooms", "filter": "den", "ref": 5 }),
    )
    .await;
    assert_eq!(rooms["data"]["rooms"][0]["topic"], "frames", "{rooms}");
    let deleted = json!({ "type": "delete_room", "room": "den", "ref": 6 });
    let deleted = reply_to(&mut socket, deleted).await;
    assert_eq!(deleted["data"], json!({ "room": "den" }));
    server.stop().await;
}

/// What a frame is answered with; what rooms say meanwhile is passed over.
pub(super) async fn reply_to(socket: &mut Socket, frame: Value) -> Value {
    let reference = frame["ref"].clone();
    socket.send(frame).await;
    let answer = next_answer(socket).await;
    assert_eq!(answer["ref"], reference, "{answer}");
    answer
}

async fn next_answer(socket: &mut Socket) -> Value {
    loop {
        let frame = socket.next().await;
        if matches!(frame["type"].as_str(), Some("reply" | "error")) {
            return frame;
        }
    }
}

pub(crate) async fn an_invite_lets_into_a_room(db: Db) {
    let url = "https://chat.example/";
    let server = serve(&db, |config| config.http.public_url = Some(url.into())).await;
    let at = server.http;
    let olga = Caller::registered(at, "olga").await;
    let den = json!({ "name": "den", "kind": "private" });
    olga.gets("POST", "/api/rooms", den).await;
    let invite = json!({ "room": "den", "role": "moderator", "expires": "2999-01-01T00:00:00Z" });
    let made = olga.gets("POST", "/api/invites", invite.clone()).await;
    let code = made["code"].as_str().expect("a code");
    assert_eq!(made["url"], format!("https://chat.example/#invite={code}"));
    let register = |name: &str| json!({ "nickname": name, "password": PASSWORD, "invite": code });
    let mia = Caller::of(at, register("mia")).await;
    let refused = plain::post(at, "/api/register", register("ria")).await;
    assert_eq!(refused.expect("an answer").code(), "bad_invite");
    let me = mia.gets("GET", "/api/me", Value::Null).await;
    assert_eq!(
        (
            &me["role"],
            &me["rooms"][0]["name"],
            &me["rooms"][0]["role"]
        ),
        (&json!("member"), &json!("den"), &json!("moderator"))
    );
    // To give a role is more than to let in, and none is given above one's own.
    mia.gets("POST", "/api/invites", json!({ "room": "den" }))
        .await;
    let forbidden = (403, "forbidden");
    mia.is_refused("POST", "/api/invites", invite, forbidden)
        .await;
    let owner = json!({ "role": "owner" });
    olga.is_refused("POST", "/api/invites", owner, forbidden)
        .await;
    let none = json!({ "uses": 0 });
    olga.is_refused("POST", "/api/invites", none, (400, "bad_request"))
        .await;
    let absent = json!({ "room": "pit" });
    olga.is_refused("POST", "/api/invites", absent, (404, "no_such_room"))
        .await;
    server.stop().await;
}

pub(crate) async fn the_audit_log_ends_at_the_wall(db: Db) {
    let server = serve(&db, |_| {}).await;
    let at = server.http;
    let (olga, mia) = (
        Caller::registered(at, "olga").await,
        Caller::registered(at, "mia").await,
    );
    olga.is_refused("GET", "/api/audit", Value::Null, (403, "forbidden"))
        .await;
    db.sql("UPDATE workspace_members SET role = 'admin'").await;
    db.sql("INSERT INTO workspaces (name) VALUES ('acme')")
        .await;
    db.sql(
        "INSERT INTO workspace_members (workspace_id, user_id, role)
         SELECT w.id, u.id, 'admin' FROM workspaces w, users u
         WHERE w.name = 'acme' AND u.nickname = 'olga'",
    )
    .await;
    db.sql("INSERT INTO rights_changes (user_id) SELECT id FROM users")
        .await;
    for room in ["acme/den", "den"] {
        let new = json!({ "name": room, "topic": "a topic" });
        olga.gets("POST", "/api/rooms", new).await;
    }
    let rooms = |page: Value| -> Vec<Value> {
        let lines = page["audit"].as_array().expect("lines").iter();
        lines.map(|line| line["room"].clone()).collect()
    };
    let acme = olga
        .gets("GET", "/api/audit?workspace=ACME", Value::Null)
        .await;
    assert_eq!(rooms(acme), ["acme/den"]);
    let none = Value::Null;
    let first = mia.gets("GET", "/api/audit?limit=1", none.clone()).await;
    let next = first["next"].as_str().expect("more").to_owned();
    assert_eq!(rooms(first), ["den"]);
    let rest = format!("/api/audit?cursor={next}");
    let rest = mia.gets("GET", &rest, none.clone()).await;
    assert_eq!(rooms(rest), [none.clone(), none.clone()]);
    let absent = (404, "no_such_workspace");
    for workspace in ["acme", "none"] {
        let path = format!("/api/audit?workspace={workspace}");
        mia.is_refused("GET", &path, none.clone(), absent).await;
    }
    server.stop().await;
}
