//! Walls: a room that one may not see is as one that is not there.
use discordctl::client::{Buffer, Event, Events};
use serde_json::json;

use super::{in_room, registered, says, serve, tells};
use crate::support::DEADLINE;
use crate::support::client::{Lines, Person};
use crate::support::db::Db;
use crate::support::http;

pub(crate) async fn a_private_room_is_not_there_for_others(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut owner = in_room(server.tcp, "olga", "/create den --private").await;
    owner.say("den", "a secret").await.expect("said");
    let mut mia = registered(server.tcp, "mia").await;
    let mut guest = Lines::connect(server.tcp).await;
    for lines in [&mut mia, &mut guest] {
        let there = says(lines, "/join den").await;
        let absent = says(lines, "/join pit").await;
        assert_eq!(there.replace("den", "pit"), absent);
    }
    let session = http::connect(server.http, "gus").await;
    let as_guest = format!("?session_id={session}");
    for (method, path, body) in [
        ("GET", "/api/history/ROOM".to_owned(), None),
        ("GET", "/api/messages/ROOM".to_owned(), None),
        ("GET", format!("/api/messages/ROOM{as_guest}"), None),
        ("GET", "/api/messages/ROOM?after=0".to_owned(), None),
        (
            "POST",
            "/api/message".to_owned(),
            Some(json!({"session_id": session, "room": "ROOM", "content": "hello"})),
        ),
        (
            "POST",
            "/api/command".to_owned(),
            Some(json!({"session_id": session, "command": "/join ROOM"})),
        ),
    ] {
        let mut answers = Vec::new();
        for room in ["den", "pit"] {
            let path = path.replace("ROOM", room);
            let text = body
                .as_ref()
                .map(|body| body.to_string().replace("ROOM", room));
            let body = text.map(|text| serde_json::from_str(&text).expect("JSON"));
            let answer = http::request(server.http, method, &path, body).await;
            let answer = answer.expect("an answer");
            answers.push((answer.status, answer.body.to_string().replace("den", "pit")));
        }
        assert_eq!(answers[0].0, 404, "{path}");
        assert_eq!(answers[0], answers[1], "{path}");
    }
    tells(&mut owner, "/invite mia", "mia may join den now").await;
    crate::support::until!("she may", {
        mia.command("/join den")
            .await
            .is_ok_and(|told| told.contains("joined"))
    });
    assert_eq!(mia.see().await.content, "a secret");
    tells(&mut owner, "/invite gus", "has no account").await;
    server.stop().await;
}

pub(crate) async fn a_private_room_is_in_no_list_of_others(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut owner = in_room(server.tcp, "olga", "/create den --private").await;
    let mut mia = registered(server.tcp, "mia").await;
    let named = |answer: &[String]| answer.iter().any(|line| line.contains("den"));
    for command in ["/rooms", "/rooms den", "/list", "/list olga"] {
        assert!(named(&owner.answer(command).await), "{command}");
        assert!(!named(&mia.answer(command).await), "{command}");
    }
    for path in ["/api/rooms", "/api/rooms?filter=den", "/api/users"] {
        let answer = http::request(server.http, "GET", path, None)
            .await
            .expect("an answer");
        assert!(
            !answer.body.to_string().contains("den"),
            "{path}: {answer:?}"
        );
    }
    server.stop().await;
}

pub(crate) async fn who_is_put_out_of_a_private_room_reads_no_more(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut owner = in_room(server.tcp, "olga", "/create den --private").await;
    let mut mia = registered(server.tcp, "mia").await;
    says(&mut owner, "/invite mia").await;
    crate::support::until!("she may", {
        mia.command("/join den")
            .await
            .is_ok_and(|told| told.contains("joined"))
    });
    says(&mut owner, "/kick mia").await;
    mia.line_with("you may not read den any more").await;
    owner.say("den", "among us").await.expect("said");
    tells(&mut mia, "/join den", "there is no room 'den'").await;
    server.stop().await;
}

pub(crate) async fn a_room_that_becomes_private_ends_for_strangers(db: Db) {
    let server = serve(&db, |_| {}).await;
    let mut owner = in_room(server.tcp, "olga", "/create den").await;
    let path = "/api/messages/den?history=0";
    let stream = Events::open(server.http, path, None, Buffer::Usual, DEADLINE).await;
    let mut stream = stream.expect("a stream");
    owner.say("den", "for all").await.expect("said");
    db.sql("UPDATE rooms SET kind = 'private' WHERE name = 'den'")
        .await;
    db.sql("INSERT INTO rights_changes (room_id) SELECT id FROM rooms WHERE name = 'den'")
        .await;
    let mut ended = None;
    while let Some(event) = stream.next().await.expect("readable") {
        if let Event::Named { name, data, .. } = event
            && name == "end"
        {
            ended = Some(data);
        }
    }
    let ended = ended.expect("an end");
    assert!(ended.contains("\"code\":\"forbidden\""), "{ended}");
    owner.say("den", "among us").await.expect("said");
    server.stop().await;
}
