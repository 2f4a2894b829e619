//! Direct rooms: between two to ten accounts, over every door and instance.
use discordctl::client::{Buffer, Event, Events};
use serde_json::{Value, json};

use super::{PASSWORD, in_room, named, registered, says, serve, tells};
use crate::support::DEADLINE;
use crate::support::client::{Lines, Person, Socket, get, post};
use crate::support::db::Db;
use crate::support::server::Local;

/// A session of that account, by requests.
async fn logged_in(server: &Local, name: &str) -> String {
    let login = json!({ "nickname": name, "password": PASSWORD });
    let (status, answer) = post(server.http, "/api/login", login).await;
    assert_eq!(status, 200, "{answer}");
    answer["session_id"].as_str().expect("a session").to_owned()
}

pub(crate) async fn what_is_said_to_a_person_is_heard_without_asking(db: Db) {
    let (one, two) = (serve(&db, |_| {}).await, serve(&db, named("two")).await);
    let mut alice = in_room(one.tcp, "alice", "/join general").await;
    let mut bob = in_room(two.tcp, "Bob", "/join general").await;
    alice.write("/msg bob psst\n").await;
    assert_eq!(alice.line_with("psst").await, "[@Bob] alice: psst");
    assert_eq!(bob.line_with("psst").await, "[@alice] alice: psst");
    // Plain lines go on to the room where they went.
    bob.say("general", "what was that").await.expect("said");
    tells(&mut bob, "/join @ALICE", "Bob joined @alice").await;
    bob.say("@alice", "what").await.expect("said");
    assert_eq!(alice.line_with("[@").await, "[@Bob] Bob: what");
    tells(&mut bob, "/leave", "a direct room is always yours").await;
    // A second connection of the account hears of it, too, and one that comes later.
    let mut again = Lines::connect(two.tcp).await;
    tells(&mut again, &format!("/login bob {PASSWORD}"), "logged in").await;
    alice.write("/msg Bob twice  over\n").await;
    for lines in [&mut bob, &mut again] {
        assert_eq!(
            lines.line_with("twice").await,
            "[@alice] alice: twice  over"
        );
    }
    let joined = again.command("/join @alice").await;
    assert!(
        joined
            .as_ref()
            .is_ok_and(|told| told.contains("joined @alice")),
        "{joined:?}"
    );
    let seen = [again.see().await, again.see().await, again.see().await];
    let said = seen.map(|seen| (seen.room, seen.content));
    let contents = ["psst", "what", "twice  over"];
    assert_eq!(
        said,
        contents.map(|text| ("@alice".to_owned(), text.to_owned()))
    );
    one.stop().await;
    two.stop().await;
}

pub(crate) async fn each_door_calls_a_direct_room_by_the_others(db: Db) {
    let (one, two) = (serve(&db, |_| {}).await, serve(&db, named("two")).await);
    let mut alice = registered(one.tcp, "alice").await;
    let mut bob = registered(one.tcp, "bob").await;
    let carol = registered(two.tcp, "carol").await;
    drop(carol);
    let session = logged_in(&two, "carol").await;
    let mut socket = Socket::greet(two.http, json!({ "session_id": session })).await;

    alice.write("/msg carol,bob hello you two\n").await;
    assert_eq!(
        bob.line_with("hello").await,
        "[@alice+carol] alice: hello you two"
    );
    assert_eq!(
        alice.line_with("hello").await,
        "[@bob+carol] alice: hello you two"
    );
    let frame = socket.next().await;
    let place = |of: &Value| (of["room"].clone(), of["content"].clone(), of["seq"].clone());
    let hello = (json!("@alice+bob"), json!("hello you two"), json!(1));
    assert_eq!(place(&frame), hello);

    let of_session = format!("session_id={session}");
    // In whichever order, and percent-encoded or not.
    for room in ["@alice+bob", "@bob+ALICE", "%40bob%2Balice"] {
        let path = format!("/api/history/{room}?{of_session}");
        let (status, page) = get(two.http, &path).await;
        assert_eq!(
            (status, &page["room"]),
            (200, &json!("@alice+bob")),
            "{page}"
        );
        assert_eq!(place(&page["messages"][0]), hello);
    }
    let say = json!({ "session_id": session, "room": "@bob+alice", "content": "hi" });
    let (status, answer) = post(two.http, "/api/message", say).await;
    assert_eq!((status, &answer["seq"]), (200, &json!(2)), "{answer}");
    assert_eq!(alice.line_with("hi").await, "[@bob+carol] carol: hi");
    let path = format!("/api/messages/@alice+bob?after=0&{of_session}");
    let opened = Events::open(one.http, &path, None, Buffer::Usual, DEADLINE).await;
    let mut stream = opened.expect("a stream");
    let mut read = Vec::new();
    while read.len() < 2 {
        if let Some(Event::Named { data, .. }) = stream.next().await.expect("readable") {
            let data: Value = serde_json::from_str(&data).expect("JSON");
            read.push((data["room"].clone(), data["seq"].clone()));
        }
    }
    assert_eq!(read, [1, 2].map(|seq| (json!("@alice+bob"), json!(seq))));
    for _ in 0..2 {
        let ask = json!({ "session_id": session, "nicknames": ["ALICE"] });
        let (status, opened) = post(two.http, "/api/direct", ask).await;
        let shown = (status, &opened["room"], &opened["title"]);
        assert_eq!(shown, (200, &json!("@alice"), &json!("alice")), "{opened}");
    }
    let (_, me) = get(one.http, &format!("/api/me?{of_session}")).await;
    let rooms = me["rooms"].as_array().expect("rooms");
    let direct = rooms
        .iter()
        .find(|room| room["kind"] == "direct")
        .expect("it is one");
    let shown = [&direct["name"], &direct["title"], &direct["last_seq"]];
    assert_eq!(
        shown,
        [&json!("@alice+bob"), &json!("alice, bob"), &json!(2)]
    );
    one.stop().await;
    two.stop().await;
}

pub(crate) async fn a_direct_room_is_not_there_for_others(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut alice = registered(server.tcp, "alice").await;
    let _bob = registered(server.tcp, "bob").await;
    let mut mallory = registered(server.tcp, "mallory").await;
    let mut guest = Lines::connect(server.tcp).await;
    alice.write("/msg bob a secret\n").await;
    alice.line_with("a secret").await;
    let stored = db
        .texts("SELECT name FROM rooms WHERE kind = 'direct'")
        .await;
    let stored = stored.concat();
    for lines in [&mut mallory, &mut guest] {
        for room in ["@bob", "@alice+bob", stored.as_str()] {
            let there = says(lines, &format!("/join {room}")).await;
            let absent = says(lines, "/join @mallory+x").await;
            assert_eq!(there.replace(room, "@mallory+x"), absent);
            assert!(absent.contains("there is no room"), "{absent}");
        }
        for command in ["/rooms", "/rooms @", "/list", "/list alice"] {
            let listed = says(lines, command).await;
            assert!(!listed.contains('@'), "{command}: {listed}");
        }
    }
    for room in ["@bob", "%40alice%2Bbob", &stored.replace('@', "%40")] {
        let (status, answer) = get(server.http, &format!("/api/history/{room}")).await;
        assert_eq!(
            (status, &answer["code"]),
            (404, &json!("no_such_room")),
            "{room}"
        );
    }
    // Nothing but talk is done in one.
    tells(&mut alice, "/join @bob", "joined @bob").await;
    for command in [
        "/invite mallory",
        "/kick bob",
        "/ban bob",
        "/mute bob",
        "/role bob guest",
        "/topic ours",
        "/slow 10s",
    ] {
        tells(&mut alice, command, "direct room").await;
    }
    for (command, why) in [
        ("/msg nobody hello", "there is no account 'nobody'"),
        ("/msg bob,nobody hello", "there is no account 'nobody'"),
        (
            "/msg alice hello",
            "a direct room is for you and 1 to 9 others",
        ),
        ("/msg a+b hello", "a nickname is made of"),
        ("/msg bob", "usage: /msg"),
    ] {
        tells(&mut alice, command, why).await;
    }
    tells(&mut guest, "/msg bob hello", "account").await;
    server.stop().await;
}

pub(crate) async fn people_of_no_common_workspace_do_not_reach_each_other(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut alice = registered(server.tcp, "alice").await;
    let _bob = registered(server.tcp, "bob").await;
    db.sql("INSERT INTO workspaces (name) VALUES ('acme')")
        .await;
    db.sql(
        "UPDATE workspace_members SET workspace_id = (SELECT id FROM workspaces WHERE name = 'acme')
         WHERE user_id = (SELECT id FROM users WHERE nickname = 'bob')",
    )
    .await;
    let beyond = says(&mut alice, "/msg bob hello").await;
    let absent = says(&mut alice, "/msg rob hello").await;
    assert_eq!(beyond.replace("bob", "rob"), absent);
    server.stop().await;
}
