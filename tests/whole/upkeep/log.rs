//! Messages as a test wants them: how many, how old.
use std::collections::BTreeMap;
use std::path::Path;

use chrono::{DateTime, Utc};
use discordctl::clock::{Clock, SystemClock};
use discordctl::model::format_time;
use serde_json::Value;

use crate::support::db::Db;

pub(crate) fn now() -> DateTime<Utc> {
    SystemClock.utc()
}

/// A room's messages, oldest first, each by its age in seconds.
pub(crate) async fn say(db: &Db, room: i64, ages: &[i64], now: DateTime<Utc>) {
    let last = ages.len();
    db.sql(&format!(
        "INSERT INTO rooms (id, name, last_seq) VALUES ({room}, 'room{room}', {last})"
    ))
    .await;
    let rows: Vec<String> = ages
        .iter()
        .zip(1..)
        .map(|(age, seq)| {
            let time = format_time(now - chrono::Duration::seconds(*age));
            format!("({room}, {seq}, {seq}, 1, 'room {room} says {seq}', '{time}')")
        })
        .collect();
    for rows in rows.chunks(500) {
        let rows = rows.join(", ");
        db.sql(&format!(
            "INSERT INTO messages (room_id, seq, number, user_id, content, created_at)
             VALUES {rows}"
        ))
        .await;
    }
}

/// A database with its schema and one user.
pub(crate) async fn empty(db: &Db) {
    db.open().await;
    db.sql("INSERT INTO users (id, nickname) VALUES (1, 'alice')")
        .await;
}

/// So many old messages in each of so many rooms.
pub(crate) async fn old(db: &Db, rooms: i64, messages: usize, now: DateTime<Utc>) {
    empty(db).await;
    for room in 1..=rooms {
        let ages: Vec<i64> = (0..messages as i64).map(|n| 100_000 - n).collect();
        say(db, room, &ages, now).await;
    }
}

/// How often each message is in the documents of an archive, by room and `seq`.
pub(crate) fn archived(folder: &Path) -> BTreeMap<(String, i64), usize> {
    let mut found = BTreeMap::new();
    let Ok(entries) = std::fs::read_dir(folder) else {
        return found;
    };
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            for (message, times) in archived(&path) {
                *found.entry(message).or_default() += times;
            }
        } else if path.extension().is_some_and(|e| e == "json") {
            let text = std::fs::read(&path).expect("a file");
            let document: Value = serde_json::from_slice(&text).expect("JSON");
            let room = document["room"].as_str().unwrap_or_default().to_owned();
            for message in document["messages"].as_array().into_iter().flatten() {
                let seq = message["seq"].as_i64().expect("a number");
                *found.entry((room.clone(), seq)).or_default() += 1;
            }
        }
    }
    found
}
