//! Every kind of client, in every kind of room, with everything that is asked of a room, over HTTP and by
//! frames: against what is written down here apart from the table. A room that a client may not see is
//! answered as one that is not there.
use std::collections::HashMap;
use std::net::SocketAddr;

use http::header::AUTHORIZATION;
use serde_json::{Value, json};

use super::requests::ask;
use super::written::{MEMBERS, expected, refusal, sees};
use super::{PASSWORD, serve};
use crate::support::client::Socket;
use crate::support::db::Db;
use crate::support::http as plain;

const ROOMS: [&str; 4] = ["void", "open", "closed", "acme/hall"];
/// What is asked of a room: its name here, the right that it takes, the request and the frame.
struct Deed {
    name: &'static str,
    right: &'static str,
    method: &'static str,
    /// `ROOM` is the room's place.
    path: &'static str,
    body: Value,
    frame: Option<&'static str>,
}

fn deeds() -> Vec<Deed> {
    let deed = |right, method, path, body, frame: &'static str| Deed {
        name: if frame.is_empty() { path } else { frame },
        right,
        method,
        path,
        body,
        frame: (!frame.is_empty()).then_some(frame),
    };
    const ROOM: &str = "/api/rooms/ROOM";
    const MEMBER: &str = "/api/rooms/ROOM/members/vic";
    const BAN: &str = "/api/rooms/ROOM/bans/vic";
    const MUTE: &str = "/api/rooms/ROOM/mutes/vic";
    const ROOM_MUTE: &str = "/api/rooms/ROOM/mute";
    const MESSAGE: &str = "/api/messages/ROOM/1";
    const ABSENT: &str = "/api/messages/ROOM/9999";
    const TADA: &str = "/api/messages/ROOM/1/reactions/:tada:";
    const PIN: &str = "/api/messages/ROOM/1/pin";
    const SEARCH: &str = "/api/search?q=hello%20in:ROOM";
    const THREADS: &str = "/api/threads/ROOM";
    const THREAD: &str = "/api/threads/ROOM/9999";
    const FOLLOW: &str = "/api/threads/ROOM/9999/follow";
    const SILENCE: &str = "/api/threads/ROOM/9999/mute";
    let (get, put, none) = ("GET", "PUT", Value::Null);
    let role = json!({ "role": "member" });
    let said = json!({ "room": "ROOM", "content": "hello" });
    let reply = json!({ "room": "ROOM", "content": "hello", "thread": 9999 });
    let join = json!({ "command": "/join ROOM" });
    // What a frame has of it; a request has it in its query.
    let search = json!({ "q": "hello in:ROOM" });
    let marks = json!({ "marks": [{ "room": "ROOM", "seq": 1 }] });
    vec![
        deed("mark", "POST", "/api/read", marks, "read"),
        deed("seen", get, "/api/seen/ROOM/1", none.clone(), "seen"),
        deed(
            "write",
            "POST",
            "/api/typing",
            json!({ "room": "ROOM" }),
            "typing",
        ),
        deed("read", get, "/api/history/ROOM", none.clone(), "history"),
        deed("read", get, "/api/messages/ROOM", none.clone(), ""),
        deed("read", get, "/api/messages/ROOM?after=0", none.clone(), ""),
        deed("read", get, MESSAGE, none.clone(), "get_message"),
        deed("edit", "PATCH", MESSAGE, json!({ "content": "x" }), "edit"),
        deed("react", put, TADA, none.clone(), "react"),
        deed("react", "DELETE", TADA, none.clone(), "unreact"),
        deed("delete", "DELETE", ABSENT, none.clone(), "delete"),
        deed("delete_any", "DELETE", MESSAGE, none.clone(), "delete"),
        deed("pin", put, PIN, none.clone(), "pin"),
        deed("pin", "DELETE", PIN, none.clone(), "unpin"),
        deed("read", get, "/api/pins/ROOM", none.clone(), "pins"),
        deed("read", get, SEARCH, search, "search"),
        deed("mark", put, ROOM_MUTE, none.clone(), "mute_room"),
        deed("mark", "DELETE", ROOM_MUTE, none.clone(), "unmute_room"),
        deed("join", "POST", "/api/command", join, ""),
        deed("write", "POST", "/api/message", said, "message"),
        deed("reply", "POST", "/api/message", reply, "message"),
        deed("read", get, THREADS, none.clone(), "threads"),
        deed("thread", get, THREAD, none.clone(), "thread"),
        deed("follow", put, FOLLOW, none.clone(), "follow_thread"),
        deed("follow", "DELETE", FOLLOW, none.clone(), "unfollow_thread"),
        deed("follow", put, SILENCE, none.clone(), "mute_thread"),
        deed("follow", "DELETE", SILENCE, none.clone(), "unmute_thread"),
        deed("see", get, ROOM, none.clone(), "room"),
        deed(
            "see",
            get,
            "/api/rooms/ROOM/members",
            none.clone(),
            "members",
        ),
        deed(
            "topic",
            "PATCH",
            ROOM,
            json!({ "topic": "t" }),
            "change_room",
        ),
        deed("slow", "PATCH", ROOM, json!({ "slow": 0 }), "change_room"),
        deed(
            "manage_room",
            "PATCH",
            ROOM,
            json!({ "seen": false }),
            "change_room",
        ),
        deed(
            "manage_room",
            "PATCH",
            ROOM,
            json!({ "allow": {} }),
            "change_room",
        ),
        deed("invite", put, MEMBER, none.clone(), "set_member"),
        deed("manage_roles", put, MEMBER, role, "set_member"),
        deed("kick", "DELETE", MEMBER, none.clone(), "remove_member"),
        deed("mute", put, MUTE, none.clone(), "mute"),
        deed("mute", "DELETE", MUTE, none.clone(), "unmute"),
        deed("ban", put, BAN, none.clone(), "ban"),
        deed("ban", "DELETE", BAN, none.clone(), "unban"),
        deed(
            "invite",
            "POST",
            "/api/invites",
            json!({ "room": "ROOM" }),
            "invite",
        ),
    ]
}

/// A client: what it is, and by what it is known.
struct Client {
    kind: &'static str,
    secret: Option<String>,
    socket: Socket,
}

pub(crate) async fn every_client_is_answered_as_written_down_by_every_door(db: Db) {
    let server = serve(&db, |config| {
        config.limits.requests_per_minute = 0;
        config.limits.messages_per_minute = 0;
    })
    .await;
    let at = server.http;
    let host = host(at, &db).await;
    let mut walked = 0;
    for client in &mut clients(at, &db, &host).await {
        let mut absent: HashMap<String, String> = HashMap::new();
        for room in ROOMS {
            // One door after the other: what is lifted by one is not there for the other.
            for door in ["request", "frame"] {
                for deed in deeds() {
                    if (client.kind, deed.right) == ("owner", "delete_any") {
                        // All that follow are about that message.
                        continue;
                    }
                    let wanted = expected(client.kind, room, deed.right);
                    let answer = match (door, deed.frame) {
                        ("request", _) => by_request(at, client, &deed, room).await,
                        (_, Some(frame)) => by_frame(client, &deed, frame, room).await,
                        _ => continue,
                    };
                    let what = format!("{} {} in {room} by {door}", client.kind, deed.name);
                    assert_eq!(refusal(&answer), wanted, "{what}: {answer}");
                    let place = format!("{door} {} {}", deed.method, deed.name);
                    let same = answer.to_string().replace(room, "ROOM");
                    if room == "void" {
                        absent.insert(place, same);
                    } else if wanted == "no_such_room" {
                        assert_eq!(absent.get(&place), Some(&same), "{what}");
                    }
                    walked += 1;
                }
            }
            walked += listed(at, client, room).await;
        }
        walked += found(at, client).await;
        walked += deletes(at, client, &host).await;
    }
    println!("{walked} combinations");
    server.stop().await;
}

/// The owner of `open` and `closed`; `acme` has a room, and `vic` is in both workspaces.
async fn host(at: SocketAddr, db: &Db) -> String {
    let host = registered(at, "host").await;
    registered(at, "vic").await;
    for sql in [
        "INSERT INTO workspaces (name) VALUES ('acme')",
        "INSERT INTO rooms (name, workspace_id)
         SELECT 'acme/hall', id FROM workspaces WHERE name = 'acme'",
        "INSERT INTO workspace_members (workspace_id, user_id)
         SELECT w.id, u.id FROM workspaces w, users u
         WHERE w.name = 'acme' AND u.nickname = 'vic'",
        "INSERT INTO messages (room_id, seq, user_id, content)
         SELECT r.id, 1, u.id, 'hello' FROM rooms r, users u
         WHERE r.name = 'acme/hall' AND u.nickname = 'host'",
        "UPDATE rooms SET last_seq = 1 WHERE name = 'acme/hall'",
    ] {
        db.sql(sql).await;
    }
    for (name, kind) in [("open", "public"), ("closed", "private")] {
        let new = json!({ "name": name, "kind": kind });
        does(at, &host, ("POST", "/api/rooms"), new).await;
        let said = json!({ "room": name, "content": "hello" });
        does(at, &host, ("POST", "/api/message"), said).await;
    }
    host
}

async fn clients(at: SocketAddr, db: &Db, host: &str) -> Vec<Client> {
    let mut clients = Vec::new();
    let guest = plain::connect(at, "guest").await;
    let mut known = vec![("guest", guest)];
    for kind in ["member", "banned"] {
        known.push((kind, registered(at, kind).await));
    }
    registered(at, "outsider").await;
    for (kind, role) in MEMBERS {
        known.push((kind, registered(at, kind).await));
        for room in ["open", "closed"] {
            let place = format!("/api/rooms/{room}/members/{kind}");
            does(at, host, ("PUT", &place), json!({ "role": role })).await;
        }
    }
    for room in ["open", "closed"] {
        for place in ["mutes/muted", "bans/banned"] {
            let place = format!("/api/rooms/{room}/{place}");
            does(at, host, ("PUT", &place), Value::Null).await;
        }
    }
    db.sql(
        "UPDATE workspace_members SET workspace_id =
           (SELECT id FROM workspaces WHERE name = 'acme')
         WHERE user_id = (SELECT id FROM users WHERE nickname = 'outsider')",
    )
    .await;
    // A session that begins now knows of nothing before.
    let outsider = json!({ "nickname": "outsider", "password": PASSWORD });
    known.push(("outsider", session(at, "/api/login", outsider).await));
    for (kind, secret) in known {
        let socket = Socket::greet(at, json!({ "session_id": secret })).await;
        let secret = Some(secret);
        clients.push(Client {
            kind,
            secret,
            socket,
        });
    }
    clients.push(Client {
        kind: "anonymous",
        secret: None,
        socket: Socket::open(at).await,
    });
    clients
}

async fn registered(at: SocketAddr, nickname: &str) -> String {
    let new = json!({ "nickname": nickname, "password": PASSWORD });
    session(at, "/api/register", new).await
}

async fn session(at: SocketAddr, path: &str, who: Value) -> String {
    let begun = plain::post(at, path, who).await.expect("an answer");
    let session = begun.body["session_id"].as_str();
    session.expect("a session").to_owned()
}

async fn request(at: SocketAddr, secret: Option<&str>, place: (&str, &str), body: Value) -> Value {
    let bearer = secret.map(|secret| format!("Bearer {secret}"));
    let shown: Vec<_> = bearer
        .iter()
        .map(|of| (AUTHORIZATION, of.as_str()))
        .collect();
    ask(at, place, &shown, body).await.json()
}

async fn does(at: SocketAddr, secret: &str, place: (&str, &str), body: Value) {
    let answer = request(at, Some(secret), place, body).await;
    assert_eq!(answer.get("code"), None, "{place:?}: {answer}");
}

async fn by_request(at: SocketAddr, client: &Client, deed: &Deed, room: &str) -> Value {
    let path = deed.path.replace("ROOM", &room.replace('/', "%2F"));
    let body = deed.body.to_string().replace("ROOM", room);
    let body = serde_json::from_str(&body).expect("JSON");
    if path.starts_with("/api/messages/") && deed.frame.is_none() {
        // A stream that is opened would not end.
        let bearer = client
            .secret
            .as_deref()
            .map(|secret| format!("Bearer {secret}"));
        let shown: Vec<_> = bearer
            .iter()
            .map(|of| (AUTHORIZATION, of.as_str()))
            .collect();
        if ask(at, ("HEAD", &path), &shown, Value::Null).await.status == 200 {
            return json!({});
        }
    }
    let body = if deed.method == "GET" {
        Value::Null
    } else {
        body
    };
    request(at, client.secret.as_deref(), (deed.method, &path), body).await
}

async fn by_frame(client: &mut Client, deed: &Deed, frame: &str, room: &str) -> Value {
    let body = deed.body.to_string().replace("ROOM", room);
    let mut asked: Value = serde_json::from_str(&body).expect("JSON");
    if asked.is_null() {
        asked = json!({});
    }
    asked["type"] = frame.into();
    asked["room"] = room.into();
    asked["ref"] = 1.into();
    if deed.path.ends_with("/1") || deed.path.contains("/1/") {
        asked["seq"] = 1.into();
        asked["emoji"] = ":tada:".into();
    }
    if deed.path.contains("/9999") {
        asked["seq"] = 9999.into();
    }
    if deed.path.ends_with("/vic") {
        asked["nickname"] = "vic".into();
    }
    client.asks(asked).await
}

impl Client {
    /// What a frame is answered with; what rooms say meanwhile is passed over.
    async fn asks(&mut self, frame: Value) -> Value {
        self.socket.send(frame).await;
        loop {
            let answer = self.socket.next().await;
            if matches!(answer["type"].as_str(), Some("reply" | "error")) {
                return answer;
            }
        }
    }
}

/// A room is in a client's list if the client may see it, or was banned from it in the open.
async fn listed(at: SocketAddr, client: &mut Client, room: &str) -> usize {
    let path = format!("/api/rooms?filter={}", room.replace('/', "%2F"));
    let frame = json!({ "type": "rooms", "filter": room, "ref": 2 });
    let by_frame = client.asks(frame).await;
    let by_request = request(at, client.secret.as_deref(), ("GET", &path), Value::Null).await;
    for rooms in [&by_frame["data"], &by_request] {
        let names = rooms["rooms"].as_array().expect("rooms").iter();
        let found = names.filter(|of| of["name"] == room).count() == 1;
        assert_eq!(
            found,
            sees(client.kind, room),
            "{} {room}: {rooms}",
            client.kind
        );
    }
    2
}

/// What the host said is found in the rooms that the client may read, and as if there were no others.
async fn found(at: SocketAddr, client: &mut Client) -> usize {
    let path = "/api/search?q=hello%20from:host";
    let frame = json!({ "type": "search", "q": "hello from:host", "ref": 2 });
    let by_frame = client.asks(frame).await;
    let by_request = request(at, client.secret.as_deref(), ("GET", path), Value::Null).await;
    let reads = |room: &&str| expected(client.kind, room, "read") == "ok";
    let mut wanted: Vec<&str> = ROOMS.into_iter().filter(reads).collect();
    wanted.sort_unstable();
    for answer in [&by_frame["data"], &by_request] {
        let hits = answer["hits"].as_array().expect("hits").iter();
        let mut rooms: Vec<&str> = hits.filter_map(|hit| hit["room"].as_str()).collect();
        rooms.sort_unstable();
        assert_eq!(rooms, wanted, "{}: {answer}", client.kind);
        assert!(answer.get("next").is_none() && answer["complete"] == true);
    }
    2
}

/// Each client deletes a room of each kind by each door, in which it is what it is in the others.
async fn deletes(at: SocketAddr, client: &mut Client, host: &str) -> usize {
    let mut walked = 0;
    for (like, kind) in [("open", "public"), ("closed", "private")] {
        for door in ["request", "frame"] {
            let room = format!("{}-{kind}-{door}", client.kind);
            let new = json!({ "name": room, "kind": kind });
            does(at, host, ("POST", "/api/rooms"), new).await;
            if let Some((name, role)) = MEMBERS.iter().find(|(name, _)| *name == client.kind) {
                let place = format!("/api/rooms/{room}/members/{name}");
                does(at, host, ("PUT", &place), json!({ "role": role })).await;
            }
            let answer = match door {
                "request" => {
                    let path = format!("/api/rooms/{room}");
                    let secret = client.secret.as_deref();
                    request(at, secret, ("DELETE", &path), Value::Null).await
                }
                _ => {
                    let frame = json!({ "type": "delete_room", "room": room, "ref": 3 });
                    client.asks(frame).await
                }
            };
            // The room has no ban.
            let as_what = match client.kind {
                "banned" => "member",
                kind => kind,
            };
            let told = refusal(&answer);
            let wanted = expected(as_what, like, "manage_room");
            assert_eq!(told, wanted, "{} {room}: {answer}", client.kind);
            walked += 1;
        }
    }
    walked
}
