//! How long searches take among a million messages, and how large their index is.
use std::sync::Arc;
use std::time::{Duration, Instant};

use discordctl::clock::SystemClock;
use discordctl::model::RoomRef;
use discordctl::search::write::{Progress, Writer};
use discordctl::store::Store;

use super::log::room;
use super::search::{query, searcher};
use crate::support::db::{self, Db, Kind};

const MESSAGES: i64 = 1_000_000;
const ROOMS: i64 = 100;
const LOOKS: usize = 200;

#[test]
#[ignore = "measures, and proves nothing"]
fn figures_of_search_on_sqlite() {
    db::run(Kind::Sqlite, figures);
}

#[test]
#[ignore = "measures, and proves nothing"]
fn figures_of_search_on_postgres() {
    db::run(Kind::Postgres, figures);
}

/// Words by how many messages have them: 1 of 3 in each of seven, and fewer and fewer.
async fn fill(db: &Db, store: &Arc<dyn Store>) -> Vec<RoomRef> {
    let mut rooms = Vec::new();
    for n in 0..ROOMS {
        rooms.push(room(store, &format!("room{n}")).await);
    }
    db.sql("INSERT INTO users (nickname) VALUES ('anna')").await;
    let text = "'the commit ' || (n * 7919 % 20011) || ' of branch' || (n % 97) || ' is ready for review by team'
        || (n % 1013) || CASE WHEN n % 20 = 0 THEN ' \u{8a2d}\u{5b9a}\u{3092}\u{5909}\u{66f4}' ELSE '' END
        || ' word' || (n * 104729 % 65537) || ' part' || (n * 31 % 5003)";
    let rows = match db.kind {
        Kind::Sqlite => format!(
            "WITH RECURSIVE k (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM k WHERE n < {MESSAGES} - 1)
             INSERT INTO messages (room_id, seq, number, user_id, content)
             SELECT n % {ROOMS} + 1, n / {ROOMS} + 1, n / {ROOMS} + 1, 1, {text} FROM k"
        ),
        Kind::Postgres => format!(
            "INSERT INTO messages (room_id, seq, number, user_id, content)
             SELECT n % {ROOMS} + 1, n / {ROOMS} + 1, n / {ROOMS} + 1, 1, {text}
             FROM generate_series(0, {MESSAGES} - 1) n ORDER BY n"
        ),
    };
    db.sql(&rows).await;
    db.sql(&format!("UPDATE rooms SET last_seq = {MESSAGES} / {ROOMS}"))
        .await;
    if db.kind == Kind::Postgres {
        db.sql("ANALYZE").await;
    }
    rooms
}

#[allow(clippy::disallowed_methods, reason = "it measures real time")]
async fn figures(db: Db) {
    let store = db.open().await;
    let rooms = fill(&db, &store).await;
    let began = Instant::now();
    let writer = Writer::new(store.clone(), Arc::new(SystemClock), Arc::default());
    let mut term = writer.term(false).await.unwrap().expect("none");
    let mut longest = Duration::ZERO;
    loop {
        let look = Instant::now();
        let progress = term.look().await.unwrap();
        longest = longest.max(look.elapsed());
        if progress == Progress::Current {
            break;
        }
    }
    println!(
        "indexed in {:?}, the longest look {longest:?}",
        began.elapsed()
    );
    for _ in 0..20 {
        term.look().await.unwrap();
    }
    term.delete_all_dead().await.unwrap();
    let text = db.number("SELECT sum(length(content)) FROM messages").await;
    let index = db
        .number("SELECT sum(length(key) + length(data)) FROM search_blocks")
        .await;
    let packs = db.number("SELECT count(*) FROM search_packs").await;
    let share = index as f64 / text as f64;
    println!("{packs} packs of {index} bytes for {text} characters: {share:.2}");
    let some: Vec<RoomRef> = rooms.iter().take(59).cloned().collect();
    let searcher = searcher(&store);
    let asked = [
        ("rare", "word4711"),
        ("medium", "team12"),
        ("common", "review"),
        ("two words", "branch5 team12"),
        ("CJK", "\u{5b9a}\u{3092}"),
        ("prefix", "word471*"),
        ("phrase", "\"ready for review by team12\""),
    ];
    for (name, typed) in asked {
        let query = query(typed);
        let mut times = Vec::with_capacity(LOOKS);
        let mut hits = 0;
        for _ in 0..LOOKS {
            let began = Instant::now();
            let found = searcher.find(&query, &some, None, 20).await.unwrap();
            times.push(began.elapsed());
            hits = found.hits.len();
            assert!(found.complete);
        }
        times.sort_unstable();
        println!(
            "{name}: {hits} hits, P50 {:?}, P99 {:?}",
            times[LOOKS / 2],
            times[LOOKS * 99 / 100]
        );
    }
}
