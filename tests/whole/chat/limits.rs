//! Limits: a client that asks for too much is told so, and the others notice nothing.
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::client::{Browser, Lines, Person, Socket, get, post};
use crate::support::in_time;
use crate::support::server::{Local, start};

/// What a connection that says this is told up to its end.
async fn heard(local: &Local, said: &[u8]) -> String {
    let mut stream = TcpStream::connect(local.tcp).await.expect("accepted");
    stream.write_all(said).await.expect("written");
    let mut heard = String::new();
    let reading = stream.read_to_string(&mut heard);
    in_time("an end", reading).await.expect("read");
    heard
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_messages_are_refused_over_each_transport() {
    let local = start(|config| {
        config.limits.messages_per_minute = 1;
        config.limits.burst = 3;
    })
    .await;
    let mut nc = Lines::enter(local.tcp, "nc").await;
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

    let mut browser = Browser::connect(local.http, "bea").await;
    for n in 0..3 {
        let said = browser.say("general", &n.to_string()).await;
        said.expect("within the burst");
    }
    let asked = json!({ "session_id": browser.session, "room": "general", "content": "more" });
    let (status, answer) = post(local.http, "/api/message", asked).await;
    assert_eq!((status, &answer["code"]), (429, &json!("rate_limited")));
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_says_so_and_has_room_again() {
    let local = start(|config| config.limits.connections = 2).await;
    let first = Lines::connect(local.tcp).await;
    let _second = Lines::connect(local.tcp).await;
    let told = heard(&local, b"").await;
    assert_eq!(told, "[system] the server is full; try again later\n");
    let (status, answer) = get(local.http, "/api/rooms").await;
    assert_eq!((status, &answer["code"]), (503, &json!("full")));
    drop(first);
    loop {
        let mut again = TcpStream::connect(local.tcp).await.expect("accepted");
        let mut word = [0u8; 16];
        in_time("a word", again.read_exact(&mut word))
            .await
            .expect("told");
        if &word == b"[system] welcome" {
            break;
        }
    }
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_sleeps_is_cut_off_only_without_progress_and_others_go_on() {
    let local = start(|config| {
        config.limits.write_timeout = "500ms".parse().expect("a duration");
    })
    .await;
    let mut sleeper = TcpStream::connect(local.tcp).await.expect("accepted");
    let written = sleeper.write_all(b"/nick sleeper\n/join general\n").await;
    written.expect("written");
    let mut talker = Lines::enter(local.tcp, "talker").await;
    let text = "x".repeat(4_000);
    // More than any socket buffer: the sleeper takes nothing, the talker sees every one.
    let mut sent = 0;
    loop {
        talker.say("general", &text).await.expect("committed");
        sent += 1;
        let (_, users) = get(local.http, "/api/users").await;
        if !users.to_string().contains("sleeper") {
            break;
        }
        assert!(sent < 20_000, "the sleeper is never cut off");
    }
    for _ in 0..sent {
        assert_eq!(talker.see().await.content.len(), 4_000);
    }
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_dozes_off_reads_on_from_the_store() {
    let local = start(|_| {}).await;
    let mut dozer = Lines::enter(local.tcp, "dozer").await;
    let mut talker = Lines::enter(local.tcp, "talker").await;
    let count = 10_000;
    let text = "y".repeat(1_000);
    for n in 0..count {
        talker.write(format!("{n} {text}\n")).await;
        let seen = talker.see().await;
        assert!(seen.content.starts_with(&format!("{n} ")));
    }
    for n in 0..count {
        let seen = dozer.see().await;
        assert!(seen.content.starts_with(&format!("{n} ")), "{n} is next");
    }
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_not_taken_wait_as_questions_and_all_come() {
    let local = start(|_| {}).await;
    let mut talker = Lines::enter(local.tcp, "talker").await;
    let text = "z".repeat(4_000);
    for n in 0..40 {
        talker
            .say("general", &format!("{n} {text}"))
            .await
            .expect_err("too long");
        let said = talker
            .say("general", &format!("{n} {}", &text[..3_900]))
            .await;
        said.expect("committed");
    }
    let mut asker = TcpStream::connect(local.tcp).await.expect("accepted");
    let questions = 200;
    let asked = format!(
        "/join general\n{}/quit\n",
        "/history 40\n".repeat(questions)
    );
    asker.write_all(asked.as_bytes()).await.expect("written");
    // 30 MB of answers: they are made as they are taken.
    let (_, list) = get(local.http, "/metrics").await;
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
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_none_are_answered() {
    use tokio_tungstenite::tungstenite::Message;
    let local = start(|_| {}).await;
    let mut socket = Socket::open(local.http).await;
    let frame = json!({ "type": "message", "room": "general", "content": "x", "ref": 1 });
    socket.send(frame).await;
    let answer = socket.next().await;
    assert_eq!(
        (&answer["code"], &answer["ref"]),
        (&json!("not_connected"), &json!(1))
    );
    for frame in [Message::text("{\"type\":"), Message::text("[]")] {
        socket.socket.write(frame).await.expect("open");
        assert_eq!(socket.next().await["code"], "bad_frame");
    }
    let frame = json!({ "type": "connect", "session_id": "f".repeat(32) });
    socket.send(frame).await;
    assert_eq!(socket.next().await["code"], "unknown_session");
    let frame = json!({ "type": "connect", "nickname": "eve" });
    socket.send(frame).await;
    assert_eq!(socket.next().await["type"], "connected");
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_for_too_much_is_told_over_each_transport() {
    let local = start(|config| config.limits.requests_per_minute = 50).await;
    let refused = "too many requests; try again in";
    let mut nc = Lines::connect(local.tcp).await;
    nc.command("/nick first").await.expect("within the limit");
    nc.command("/join general").await.expect("within the limit");
    let told = nc.command("/nick third").await.expect_err("too many");
    assert!(told.starts_with(refused), "{told}");
    // What is said has a limit of its own.
    nc.say("general", "hello").await.expect("committed");

    let browser = Browser::connect(local.http, "bea").await;
    let ask = |command: &str| {
        let asked = json!({ "session_id": browser.session, "command": command });
        post(local.http, "/api/command", asked)
    };
    assert_eq!(ask("/create one").await.0, 200);
    assert_eq!(ask("/create two").await.0, 200);
    let (status, answer) = ask("/create three").await;
    assert_eq!((status, &answer["code"]), (429, &json!("rate_limited")));

    let mut socket = Socket::connect(local.http, "eve").await;
    for n in 0..3 {
        let frame = json!({ "type": "command", "command": format!("/nick eve{n}"), "ref": n });
        socket.send(frame).await;
    }
    assert_eq!(socket.next().await["type"], "reply");
    assert_eq!(socket.next().await["type"], "reply");
    let answer = socket.next().await;
    assert_eq!(
        (&answer["code"], &answer["ref"]),
        (&json!("rate_limited"), &json!(2))
    );
    let (_, metrics) = get(local.http, "/metrics").await;
    assert!(metrics["limited"]["requests"].as_u64() >= Some(3));
    local.stop().await;
}

/// A session is begun anew in a moment; where it comes from stays the same.
#[tokio::test(flavor = "multi_thread")]
async fn to_connect_again_brings_nothing() {
    let local = start(|config| {
        config.bind = "0.0.0.0".parse().expect("an address");
        config.limits.messages_per_minute = 1;
        config.limits.burst = 2;
        config.limits.new_sessions_per_minute = 12;
    })
    .await;
    let mut begun = 0;
    let refused = loop {
        let heard = heard(&local, b"/join general\none\ntwo\n/quit\n").await;
        if !heard.contains("] welcome") {
            break heard;
        }
        begun += 1;
        assert!(begun < 30, "it goes on for ever");
    };
    assert!(refused.starts_with("[system] too many new sessions from your address"));
    let history = "/api/history/general?limit=500";
    let (_, history) = get(local.http, history).await;
    let stored = history["messages"].as_array().map_or(0, Vec::len);
    // Ten times what one session may say at once, and what comes back meanwhile.
    assert!(
        (20..2 * begun).contains(&stored),
        "{stored} of {begun} sessions"
    );
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_answers_probes() {
    let local = start(|config| config.limits.connections = 2).await;
    let _held = [
        Lines::connect(local.tcp).await,
        Lines::connect(local.tcp).await,
    ];
    let http = local.http;
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(get(http, path).await.0, 200, "{path}");
    }
    let (status, health) = get(http, "/health").await;
    assert_eq!((status, &health["status"]), (200, &json!("degraded")));
    let detail = health["checks"]["connections"]["detail"].as_str();
    assert!(detail.is_some_and(|detail| detail.starts_with("connections used up: 2 of 2")));
    let (status, answer) = get(http, "/api/rooms").await;
    assert_eq!((status, &answer["code"]), (503, &json!("full")));
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_connection_that_is_silent_and_nowhere_ends() {
    let local = start(|config| {
        config.limits.idle_timeout = "2s".parse().expect("a duration");
    })
    .await;
    let mut reader = Lines::enter(local.tcp, "reader").await;
    for said in [&b""[..], b"/nick somebody\n", b"half a line"] {
        let heard = heard(&local, said).await;
        let goodbye = "[system] goodbye: you are in no room";
        assert!(heard.contains(goodbye), "{heard}");
    }
    // A connection in a room is a reader, and stays.
    let said = reader.say("general", "still here").await;
    said.expect("committed");
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connect_frame_names_so_many_rooms() {
    let local = start(|_| {}).await;
    let rooms = |count: usize| -> serde_json::Value {
        let named = (0..count).map(|n| (format!("room-{n}"), json!(0)));
        serde_json::Value::Object(named.collect())
    };
    let mut browser = Browser::connect(local.http, "maker").await;
    for n in 0..40 {
        let told = browser.command(&format!("/create room-{n}")).await;
        told.expect("made");
    }
    let mut socket = Socket::open(local.http).await;
    let frame = json!({ "type": "connect", "nickname": "ann", "rooms": rooms(3_000) });
    socket.send(frame).await;
    assert_eq!(socket.next().await["code"], "too_many_rooms");
    let frame = json!({ "type": "connect", "nickname": "ann", "rooms": rooms(50) });
    socket.send(frame).await;
    assert_eq!(socket.next().await["type"], "connected");
    let mut missing = 0;
    while missing < 10 {
        let frame = socket.next().await;
        missing += usize::from(frame["code"] == "no_such_room");
    }
    let (_, users) = get(local.http, "/api/users?filter=ANN").await;
    assert_eq!(
        users["users"][0]["rooms"].as_array().map(Vec::len),
        Some(40)
    );
    let (_, page) = get(local.http, "/api/rooms?filter=room-&limit=30").await;
    assert_eq!(page["rooms"].as_array().map(Vec::len), Some(30));
    let next = page["next"].as_str().expect("there are more");
    let rest = format!("/api/rooms?filter=room-&limit=30&cursor={next}");
    let (_, page) = get(local.http, &rest).await;
    assert_eq!(page["rooms"].as_array().map(Vec::len), Some(10));
    assert!(page["next"].is_null());
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms_and_unused_sessions_have_an_end() {
    let local = start(|config| {
        config.limits.rooms = 4;
        config.limits.rooms_per_user_per_day = 2;
    })
    .await;
    let mut one = Browser::connect(local.http, "one").await;
    one.command("/create a").await.expect("made");
    one.command("/create b").await.expect("made");
    let told = one.command("/create c").await.expect_err("two a day");
    assert!(
        told.contains("you have created 2 rooms in 24 hours"),
        "{told}"
    );
    let mut two = Browser::connect(local.http, "two").await;
    two.command("/create c").await.expect("made");
    two.command("/create d").await.expect("made");
    let mut three = Browser::connect(local.http, "three").await;
    let told = three.command("/create e").await.expect_err("four in all");
    assert!(told.contains("there are 4 rooms"), "{told}");

    let begun = |n: usize| {
        let body = json!({ "nickname": format!("bot-{n}") });
        post(local.http, "/api/connect", body)
    };
    let (_, first) = begun(0).await;
    for portion in 0..21 {
        let many = (1..=50).map(|n| begun(50 * portion + n));
        for (status, _) in futures_util::future::join_all(many).await {
            assert_eq!(status, 200);
        }
    }
    let asked = |session: &serde_json::Value| {
        let body = json!({ "session_id": session, "command": "/help" });
        post(local.http, "/api/command", body)
    };
    assert_eq!(asked(&first["session_id"]).await.0, 401);
    // One that is in use is none of them, however old.
    assert_eq!(asked(&json!(one.session)).await.0, 200);
    local.stop().await;
}
