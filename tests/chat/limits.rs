//! Limits: whoever asks for too much is told so, and nobody else notices.
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Browser, Lines, Person, Socket, in_time, request};
use crate::server::start;

#[tokio::test(flavor = "multi_thread")]
async fn too_many_messages_are_refused_over_each_transport() {
    let local = start(|config| {
        config.limits.messages_per_minute = 1;
        config.limits.burst = 3;
    })
    .await;
    let mut nc = Lines::connect(local.server.tcp).await;
    nc.command("/join general").await.expect("joined");
    for n in 0..3 {
        nc.say("general", &n.to_string())
            .await
            .expect("within the burst");
    }
    let refused = nc.say("general", "more").await.expect_err("too many");
    assert!(
        refused.starts_with("not sent: too many messages"),
        "{refused}"
    );

    let mut browser = Browser::connect(local.server.http, "bea").await;
    for n in 0..3 {
        browser
            .say("general", &n.to_string())
            .await
            .expect("within the burst");
    }
    let asked = json!({ "session_id": browser.session, "room": "general", "content": "more" });
    let (status, answer) = request(local.server.http, "POST", "/api/message", Some(asked)).await;
    assert_eq!((status, &answer["code"]), (429, &json!("rate_limited")));
    local.server.stop().await.expect("a clean stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_says_so_and_has_room_again() {
    let local = start(|config| config.limits.connections = 2).await;
    let first = Lines::connect(local.server.tcp).await;
    let _second = Lines::connect(local.server.tcp).await;
    let mut third = TcpStream::connect(local.server.tcp)
        .await
        .expect("accepted");
    let mut word = String::new();
    in_time("a word", third.read_to_string(&mut word))
        .await
        .expect("told");
    assert_eq!(word, "[system] the server is full; try again later\n");
    let (status, answer) = request(local.server.http, "GET", "/api/rooms", None).await;
    assert_eq!((status, &answer["code"]), (503, &json!("full")));
    drop(first);
    loop {
        let mut again = TcpStream::connect(local.server.tcp)
            .await
            .expect("accepted");
        let mut word = [0u8; 16];
        in_time("a word", again.read_exact(&mut word))
            .await
            .expect("told");
        if &word == b"[system] welcome" {
            break;
        }
    }
    local.server.stop().await.expect("a clean stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_sleeps_is_cut_off_only_without_progress_and_others_go_on() {
    let local = start(|config| {
        config.limits.write_timeout = "500ms".parse().expect("a duration");
    })
    .await;
    let mut sleeper = TcpStream::connect(local.server.tcp)
        .await
        .expect("accepted");
    sleeper
        .write_all(b"/nick sleeper\n/join general\n")
        .await
        .expect("written");
    let mut talker = Lines::connect(local.server.tcp).await;
    talker.command("/join general").await.expect("joined");
    let text = "x".repeat(4_000);
    // More than any socket buffer: the sleeper takes nothing, the talker sees every one.
    let mut sent = 0;
    loop {
        talker.say("general", &text).await.expect("committed");
        sent += 1;
        let (_, users) = request(local.server.http, "GET", "/api/users", None).await;
        if !users.to_string().contains("sleeper") {
            break;
        }
        assert!(sent < 20_000, "the sleeper is never cut off");
    }
    for _ in 0..sent {
        assert_eq!(talker.see().await.content.len(), 4_000);
    }
    local.server.stop().await.expect("a clean stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_dozes_off_reads_on_from_the_store() {
    let local = start(|_| {}).await;
    let mut dozer = Lines::connect(local.server.tcp).await;
    dozer.command("/join general").await.expect("joined");
    let mut talker = Lines::connect(local.server.tcp).await;
    talker.command("/join general").await.expect("joined");
    let count = 10_000;
    let text = "y".repeat(1_000);
    for n in 0..count {
        talker.write(format!("{n} {text}\n").as_bytes()).await;
        let seen = talker.see().await;
        assert!(seen.content.starts_with(&format!("{n} ")));
    }
    for n in 0..count {
        let seen = dozer.see().await;
        assert!(seen.content.starts_with(&format!("{n} ")), "{n} is next");
    }
    local.server.stop().await.expect("a clean stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_not_taken_wait_as_questions_and_all_come() {
    let local = start(|_| {}).await;
    let mut talker = Lines::connect(local.server.tcp).await;
    talker.command("/join general").await.expect("joined");
    let text = "z".repeat(4_000);
    for n in 0..40 {
        talker
            .say("general", &format!("{n} {text}"))
            .await
            .expect_err("too long");
        talker
            .say("general", &format!("{n} {}", &text[..3_900]))
            .await
            .expect("committed");
    }
    let mut asker = TcpStream::connect(local.server.tcp)
        .await
        .expect("accepted");
    let questions = 200;
    let asked = format!(
        "/join general\n{}/quit\n",
        "/history 40\n".repeat(questions)
    );
    asker.write_all(asked.as_bytes()).await.expect("written");
    // 30 MB of answers: they are made as they are taken.
    let (_, list) = request(local.server.http, "GET", "/metrics", None).await;
    assert_eq!(list["active_connections"], 2);
    let mut answers = String::new();
    in_time("every answer", asker.read_to_string(&mut answers))
        .await
        .expect("read");
    let shown = answers.matches("] general: 40 messages, 1 to 40").count();
    assert_eq!(shown, questions);
    // Ten came with the joining.
    assert_eq!(answers.matches(": 39 zzz").count(), questions + 1);
    assert_eq!(answers.matches(": 0 zzz").count(), questions);
    assert!(answers.ends_with("[system] goodbye\n"));
    local.server.stop().await.expect("a clean stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_none_are_answered() {
    use futures_util::SinkExt;
    use tokio_tungstenite::tungstenite::Message;
    let local = start(|_| {}).await;
    let mut socket = Socket::open(local.server.http).await;
    socket
        .send(json!({ "type": "message", "room": "general", "content": "x", "ref": 1 }))
        .await;
    let answer = socket.next().await;
    assert_eq!(
        (&answer["code"], &answer["ref"]),
        (&json!("not_connected"), &json!(1))
    );
    for frame in [
        Message::binary(vec![1, 2, 3]),
        Message::text("{\"type\":"),
        Message::text("[]"),
    ] {
        socket.socket.send(frame).await.expect("open");
        assert_eq!(socket.next().await["code"], "bad_frame");
    }
    socket
        .send(json!({ "type": "connect", "session_id": "f".repeat(32) }))
        .await;
    assert_eq!(socket.next().await["code"], "unknown_session");
    socket
        .send(json!({ "type": "connect", "nickname": "eve" }))
        .await;
    assert_eq!(socket.next().await["type"], "connected");
    local.server.stop().await.expect("a clean stop");
}
