//! Every entry as lines for another program: in order, resumable, and honest about a past that changed.
use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::support::db::Db;
use crate::support::http::{connect, post};
use crate::support::{Ran, Shell};
use crate::support::{Running, Stream};
use crate::upkeep::log::{now, old, say};

/// What each line is about: its event, room and place.
fn told(lines: &str) -> Vec<(String, String, i64)> {
    lines.lines().map(about).collect()
}

fn about(line: &str) -> (String, String, i64) {
    let line: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    let text = |key: &str| line[key].as_str().expect(key).to_owned();
    let at = ["seq", "to", "last_seq"];
    let at = at.iter().find_map(|key| line[*key].as_i64());
    assert!(line["epoch"].is_string(), "{line}");
    (text("event"), text("room"), at.expect("a place"))
}

fn events<const N: usize>(rows: [(&str, &str, i64); N]) -> Vec<(String, String, i64)> {
    let row = |(event, room, at): (&str, &str, i64)| (event.to_owned(), room.to_owned(), at);
    rows.map(row).into()
}

async fn told_by(shell: &Shell, line: &str) -> String {
    let ran = Ran::of(shell.command(line)).await;
    ran.exits(0).stdout
}

fn follow(shell: &Shell, line: &str) -> Running {
    let command = shell.command(&format!("events --follow {line}"));
    Running::start(command, Stream::Stdout)
}

async fn next(running: &mut Running) -> (String, String, i64) {
    about(&running.next().await.expect("it goes on"))
}

pub(crate) async fn entries_are_told_in_order_and_resumed(db: Db) {
    old(&db, 1, 450, now()).await;
    say(&db, 2, &[60, 50, 40, 30], now()).await;
    db.sql("DELETE FROM messages WHERE room_id = 2 AND seq IN (1, 2)")
        .await;
    let shell = Shell::on(&db);
    let all = told_by(&shell, "events").await;
    let of = |room: &str| {
        let all = told(&all).into_iter();
        let rows = all.filter(|(_, of, _)| of == room);
        rows.map(|(event, _, at)| (event, at)).collect::<Vec<_>>()
    };
    let whole: Vec<_> = (1..=450).map(|seq| ("message".to_owned(), seq)).collect();
    assert_eq!(of("room1"), whole);
    let holed = [("gap", 2), ("message", 3), ("message", 4)];
    assert_eq!(of("room2"), holed.map(|(event, at)| (event.to_owned(), at)));
    let first: Value = serde_json::from_str(all.lines().next().expect("a line")).expect("JSON");
    for key in ["id", "seq", "room", "user", "content", "created_at"] {
        assert!(!first[key].is_null(), "no {key}: {first}");
    }

    // By a place, by a room, and by what was told.
    let some = told_by(&shell, "events --after ROOM1=448 --room room1").await;
    let rest = [("message", "room1", 449), ("message", "room1", 450)];
    assert_eq!(told(&some), events(rest));
    fs::write(shell.path("told"), &all).expect("written");
    assert_eq!(told_by(&shell, "events --after @told").await, "");
    // One that was killed may have left half a line.
    let cut: String = all
        .lines()
        .take(449)
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(shell.path("told"), format!("{cut}{{\"event\":\"mess")).expect("written");
    let rest = told_by(&shell, "events --after @told").await;
    assert_eq!(told(&rest).len(), all.lines().count() - 449);
    let beyond = told_by(&shell, "events --after room1=900 --after room2=4").await;
    assert_eq!(told(&beyond), events([("reset", "room1", 450)]));
    shell.run("events --after general").await.exits(64);
    shell.run("events --after @nowhere").await.exits(66);
}

pub(crate) async fn what_is_said_is_told_as_it_comes(db: Db) {
    old(&db, 1, 3, now()).await;
    let shell = Shell::on(&db);
    // Nothing runs, then a server does, and then none again.
    let mut running = follow(&shell, "--after room1=2");
    assert_eq!(next(&mut running).await.2, 3);
    say(&db, 2, &[5], now()).await;
    assert_eq!(
        next(&mut running).await,
        ("message".into(), "room2".into(), 1)
    );
    let server = shell.serve("one", &[]).await;
    let session = connect(server.http, "bob").await;
    let message = json!({ "session_id": session, "room": "room1", "content": "live" });
    let answer = post(server.http, "/api/message", message).await;
    assert_eq!(answer.expect("answered").status, 200);
    assert_eq!(
        next(&mut running).await,
        ("message".into(), "room1".into(), 4)
    );
    drop(server);
    say(&db, 3, &[5], now()).await;
    assert_eq!(
        next(&mut running).await,
        ("message".into(), "room3".into(), 1)
    );
    running.signal(Signal::INT);
    assert_eq!(running.ends().await.1, Some(130));
    // A reader that has seen enough is no error.
    let mut running = follow(&shell, "");
    running.next().await.expect("a line");
    assert_eq!(running.unread().await, Some(0), "it ends with its reader");
    let from_now = told_by(&shell, "events --after end").await;
    assert_eq!(from_now, "");
}

pub(crate) async fn a_past_that_went_back_is_told(db: Db) {
    old(&db, 1, 5, now()).await;
    let shell = Shell::on(&db);
    let before = told_by(&shell, "events").await;
    fs::write(shell.path("told"), &before).expect("written");
    let mut running = follow(&shell, "");
    for seq in 1..=5 {
        assert_eq!(next(&mut running).await.2, seq);
    }
    // In one step, as a failover shows it: the last two are gone, and others come in their places.
    db.sql(
        "BEGIN;
         DELETE FROM messages WHERE seq > 3;
         INSERT INTO messages (room_id, seq, user_id, content) VALUES
           (1, 4, 1, 'other 4'), (1, 5, 1, 'other 5'), (1, 6, 1, 'other 6');
         UPDATE rooms SET last_seq = 6;
         COMMIT",
    )
    .await;
    let anew = events([
        ("reset", "room1", 3),
        ("message", "room1", 4),
        ("message", "room1", 5),
        ("message", "room1", 6),
    ]);
    for expected in &anew {
        assert_eq!(next(&mut running).await, *expected);
    }
    // The same for one that comes back with what it was told.
    let resumed = told_by(&shell, "events --after @told").await;
    assert_eq!(told(&resumed), anew);
    // Another epoch in which all is as it was, and then a room that is not there any more.
    db.sql("UPDATE epoch SET epoch = 'another'").await;
    assert_eq!(
        next(&mut running).await,
        ("reset".into(), "room1".into(), 6)
    );
    db.sql("DELETE FROM messages; DELETE FROM rooms").await;
    assert_eq!(
        next(&mut running).await,
        ("reset".into(), "room1".into(), 0)
    );
}

/// Its id was given before that of a message that was told already.
pub(crate) async fn what_is_committed_late_is_not_missed(db: Db) {
    old(&db, 2, 1, now()).await;
    let shell = Shell::on(&db);
    let mut running = follow(&shell, "");
    for room in ["room1", "room2"] {
        assert_eq!(next(&mut running).await.1, room);
    }
    let mut late = PgConnection::connect(&db.url).await.expect("connected");
    let sql = |room: i64, text: &str| {
        format!(
            "UPDATE rooms SET last_seq = last_seq + 1 WHERE id = {room};
             INSERT INTO messages (room_id, seq, user_id, content) VALUES ({room}, 2, 1, '{text}')"
        )
    };
    let begun = sqlx::raw_sql(sqlx::AssertSqlSafe(format!("BEGIN; {}", sql(1, "late"))));
    begun.execute(&mut late).await.expect("begun");
    db.sql(&format!("BEGIN; {}; COMMIT", sql(2, "early"))).await;
    let early = running.until("early").await;
    let commit = sqlx::raw_sql("COMMIT").execute(&mut late).await;
    commit.expect("committed");
    let late = running.until("late").await;
    let id = |line: &str| serde_json::from_str::<Value>(line).expect("JSON")["id"].as_i64();
    assert!(id(&late) < id(&early), "{early} {late}");
}
