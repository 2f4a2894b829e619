//! Kills, restarts and several processes: what was acknowledged is there, once, in order.
use discordctl::client::Frame;
use serde_json::json;

use crate::support::client::{Browser, Lines, Person, Socket, get, post};
use crate::support::db::sqlite;
use crate::support::server::{spawn, start};
use crate::support::{eventually, in_time};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_kill_9() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = spawn(folder.path(), "one", (0, 0)).await;
    let mut browser = Browser::connect(server.http, "keeper").await;
    browser.command("/join general").await.expect("joined");
    let mut acknowledged = Vec::new();
    for round in 0..5 {
        let mut talker = Lines::enter(server.tcp, "talker").await;
        let flood: String = (0..3_000).map(|n| format!("{round}-{n}\n")).collect();
        talker.write(flood.as_bytes()).await;
        // A message that its sender saw is acknowledged; the kill comes among them.
        for _ in 0..500 {
            acknowledged.push(loop {
                let seen = talker.see().await.content;
                if seen.starts_with(&format!("{round}-")) {
                    break seen;
                }
            });
        }
        let ports = server.ports();
        server.kill();
        server = spawn(folder.path(), "one", ports).await;
    }
    let stored = read_all(server.http).await;
    let seqs: Vec<i64> = stored.iter().map(|(seq, _)| *seq).collect();
    assert!(seqs.iter().copied().eq(1..=seqs.len() as i64), "gapless");
    let kept: Vec<&String> = stored.iter().map(|(_, content)| content).collect();
    let mut places = acknowledged
        .iter()
        .map(|a| kept.iter().filter(|k| **k == a).count());
    assert!(
        places.all(|count| count == 1),
        "each acknowledged message once"
    );
    // The session, the name and the memberships are there as well.
    let said = browser.say("general", "still me").await;
    said.expect("the session survived");
    let (_, rooms) = get(server.http, "/api/rooms").await;
    assert_eq!(rooms["rooms"][0]["name"], "general");
    assert_eq!(server.terminate().await, Some(0));
}

/// Says `after` until it is taken.
pub(crate) async fn again(person: &mut Browser) {
    in_time("that it goes on", async {
        while person.say("general", "after").await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

pub(crate) async fn read_all(http: std::net::SocketAddr) -> Vec<(i64, String)> {
    let (mut all, mut before) = (Vec::new(), i64::MAX);
    loop {
        let path = format!("/api/history/general?limit=500&before={before}");
        let (_, page) = get(http, &path).await;
        let messages = page["messages"].as_array().expect("messages").clone();
        let text = |m: &serde_json::Value| m["content"].as_str().expect("a text").to_owned();
        let rows: Vec<_> = messages
            .iter()
            .map(|m| (m["seq"].as_i64().expect("a seq"), text(m)))
            .collect();
        before = rows.first().map_or(0, |(seq, _)| *seq);
        all.splice(0..0, rows);
        if page["has_more"] != true {
            return all;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_processes_on_one_file_are_one_chat() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut first = spawn(folder.path(), "one", (0, 0)).await;
    let second = spawn(folder.path(), "two", (0, 0)).await;
    let mut alice = Lines::enter(first.tcp, "alice").await;
    let mut bob = Lines::connect(second.tcp).await;
    assert!(
        bob.command("/nick Alice").await.is_err(),
        "unique over both"
    );
    bob.command("/nick bob").await.expect("free");
    bob.command("/join general").await.expect("joined");
    let names = bob.command("/list").await.expect("a list");
    assert!(names.starts_with("2 users online"), "{names}");
    for n in 0..20 {
        alice.write(format!("a{n}\n")).await;
        bob.write(format!("b{n}\n")).await;
    }
    let (mut one, mut other) = (Vec::new(), Vec::new());
    for _ in 0..40 {
        one.push(alice.see().await);
        other.push(bob.see().await);
    }
    assert_eq!(one, other, "one order for both");
    first.kill();
    // The dead instance's names come free with its lease; the living one goes on.
    bob.say("general", "alone").await.expect("committed");
    assert_eq!(second.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_inserted_by_hand_is_seen_like_any_message() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = spawn(folder.path(), "one", (0, 0)).await;
    let mut nc = Lines::enter(server.tcp, "nc").await;
    let url = format!("sqlite://{}/discord.db", folder.path().display());
    // The named columns are enough.
    let by_hand = "BEGIN IMMEDIATE;
         INSERT INTO users (nickname) VALUES ('operator');
         INSERT INTO messages (room_id, seq, user_id, content) SELECT r.id, r.last_seq + 1, u.id,
           'by ' || char(27) || 'hand' FROM rooms r, users u WHERE u.nickname = 'operator';
         UPDATE rooms SET last_seq = last_seq + 1;
         COMMIT";
    sqlite(&url, by_hand).await;
    let seen = nc.see().await;
    assert_eq!(
        (seen.user.as_str(), seen.content.as_str()),
        ("operator", "by \u{fffd}hand")
    );
    assert_eq!(server.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_tells_everyone_and_loses_nothing() {
    let local = start(|_| {}).await;
    let mut nc = Lines::enter(local.tcp, "nc").await;
    let mut socket = Socket::greet(
        local.http,
        json!({ "nickname": "sue", "rooms": { "general": 0 } }),
    )
    .await;
    nc.write(b"last words\n").await;
    assert_eq!(nc.see().await.content, "last words");
    local.stop().await;
    assert_eq!(nc.told().await, "sue joined general");
    assert_eq!(
        nc.told().await,
        "the server is restarting; connect again in a moment"
    );
    assert_eq!(nc.line().await, None);
    let mut kinds = Vec::new();
    let code = loop {
        match socket.socket.next().await.expect("told") {
            Frame::Json(frame) => kinds.push(frame["type"].as_str().expect("a type").to_owned()),
            Frame::Closed(code) => break code,
        }
    };
    assert_eq!(
        (kinds.last().map(String::as_str), code),
        (Some("system"), Some(1012))
    );
    assert!(kinds.contains(&"message".to_owned()), "{kinds:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_disconnected_is_over_everywhere() {
    let local = start(|_| {}).await;
    let browser = Browser::connect(local.http, "zoe").await;
    let mut socket = Socket::greet(local.http, json!({ "session_id": browser.session })).await;
    let (_, users) = get(local.http, "/api/users").await;
    assert_eq!(users["users"][0]["transport"], "websocket");
    let asked = json!({ "session_id": browser.session });
    let (status, _) = post(local.http, "/api/disconnect", asked).await;
    assert_eq!(status, 200);
    assert!(socket.closed().await.is_some(), "told");
    let asked = json!({ "session_id": browser.session, "room": "general", "content": "x" });
    let (status, answer) = post(local.http, "/api/message", asked).await;
    assert_eq!((status, &answer["code"]), (401, &json!("unknown_session")));
    local.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ended_elsewhere_is_over_here_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = spawn(folder.path(), "one", (0, 0)).await;
    let second = spawn(folder.path(), "two", (0, 0)).await;
    let browser = Browser::connect(first.http, "yan").await;
    let message = json!({ "session_id": browser.session, "room": "general", "content": "x" });
    let (status, _) = post(second.http, "/api/message", message.clone()).await;
    assert_eq!(status, 200, "any instance takes it");
    let asked = json!({ "session_id": browser.session });
    let (status, _) = post(first.http, "/api/disconnect", asked).await;
    assert_eq!(status, 200);
    eventually("the session has ended", async || {
        post(second.http, "/api/message", message.clone()).await.0 == 401
    })
    .await;
    assert_eq!(first.terminate().await, Some(0));
    assert_eq!(second.terminate().await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_taken_away_is_told_and_not_written_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = spawn(folder.path(), "one", (0, 0)).await;
    let mut browser = Browser::connect(server.http, "keeper").await;
    let mut nc = Lines::connect(server.tcp).await;
    for person in [&mut browser as &mut dyn Person, &mut nc] {
        person.command("/join general").await.expect("joined");
    }
    browser.say("general", "before").await.expect("committed");
    assert_eq!(nc.see().await.content, "before");
    let main = folder.path().join("discord.db");
    let away = folder.path().join("away");
    for file in [main.clone(), folder.path().join("discord.db-wal")] {
        std::fs::rename(&file, &away).expect("ours");
        for another in [false, true] {
            if another {
                std::fs::copy(&away, &file).expect("another in its place");
            }
            let why = browser.say("general", "lost").await;
            let why = why.expect_err("it would go nowhere");
            assert!(why.contains("taken away or replaced"), "{why}");
            nc.write(b"lost too\n").await;
            let told = nc.told().await;
            let told = if told.contains("joined") {
                nc.told().await
            } else {
                told
            };
            assert!(told.contains("taken away or replaced"), "{told}");
            let (status, ready) = get(server.http, "/readyz").await;
            let name = file.display().to_string();
            let reason = ready["reason"].as_str().expect("a reason");
            assert!(status == 503 && reason.contains(&name), "{ready}");
            let (status, health) = get(server.http, "/health").await;
            assert_eq!((status, &health["status"]), (503, &json!("unhealthy")));
            assert_eq!(health["checks"]["database"]["runbook"], "restore-backup");
        }
        std::fs::rename(&away, &file).expect("back");
        again(&mut browser).await;
        assert_eq!(nc.see().await.content, "after");
    }
    let said: Vec<String> = read_all(server.http)
        .await
        .into_iter()
        .map(|m| m.1)
        .collect();
    assert_eq!(said, ["before", "after", "after"]);
    assert_eq!(server.terminate().await, Some(0));
    assert!(!folder.path().join("discord.db-wal").exists());
}
