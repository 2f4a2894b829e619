//! What must hold after every fault: what is delivered is what is stored is what was
//! acknowledged, in one order without a gap, once, on every reader.
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::time::{Instant, sleep};

use super::DEADLINE;
use super::reader::{Reader, Seen};
use super::sender::{Place, Told};

/// The room as it is stored, by `seq`.
pub(crate) async fn stored(database: &mut PgConnection, room: &str) -> Vec<Place> {
    let rows: Vec<(i64, i64, String)> = sqlx::query_as(
        "SELECT m.id, m.seq, m.content FROM messages m JOIN rooms r ON r.id = m.room_id
         WHERE r.name = $1 ORDER BY m.seq",
    )
    .bind(room)
    .fetch_all(database)
    .await
    .expect("the database answers");
    let place = |(id, seq, content)| Place { id, seq, content };
    rows.into_iter().map(place).collect()
}

/// Waits until all readers have seen what is stored, and holds it against what was told.
/// Returns how many messages there are.
pub(crate) async fn prove(
    database: &mut PgConnection,
    room: &str,
    told: &Told,
    readers: &[Reader],
) -> usize {
    let stored = delivered(database, room, readers).await;
    gapless(database, room, &stored).await;
    agrees(&stored, told);
    println!(
        "{} stored: {} acknowledged, {} refused, {} unknown; {} tries, the slowest {:?}, refusal {:?}; {} readers",
        stored.len(),
        told.acknowledged.len(),
        told.refused.len(),
        told.unknown.len(),
        told.tries,
        told.slowest,
        told.slowest_refusal,
        readers.len()
    );
    stored.len()
}

/// Waits until every reader has seen what is stored.
async fn delivered(database: &mut PgConnection, room: &str, readers: &[Reader]) -> Vec<Place> {
    let start = Instant::now();
    loop {
        let stored = stored(database, room).await;
        let wrong = readers.iter().find_map(|reader| differs(reader, &stored));
        match wrong {
            None => return stored,
            Some(wrong) => assert!(start.elapsed() < DEADLINE, "{wrong}"),
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// How what a reader saw differs from what is stored.
fn differs(reader: &Reader, stored: &[Place]) -> Option<String> {
    reader.look(|notes| {
        let pairs = stored.iter().zip(&notes.seen);
        let fits = |place: &Place, seen: &Seen| {
            seen.content == place.content && seen.seq.is_none_or(|seq| seq == place.seq)
        };
        let same = pairs.take_while(|(place, seen)| fits(place, seen)).count();
        let all = same == stored.len() && same == notes.seen.len();
        let well = all && notes.faults.is_empty();
        (!well).then(|| {
            format!(
                "{}: {} of {} stored seen, agreeing on the first {same}: then {:?} stored and {:?} seen; \
                 {} connections, faults {:?}",
                reader.name,
                notes.seen.len(),
                stored.len(),
                stored.get(same),
                notes.seen.get(same),
                notes.connections,
                notes.faults
            )
        })
    })
}

async fn gapless(database: &mut PgConnection, room: &str, stored: &[Place]) {
    let seqs: Vec<i64> = stored.iter().map(|place| place.seq).collect();
    let expected: Vec<i64> = (1..).take(seqs.len()).collect();
    assert_eq!(seqs, expected, "1, 2, 3, …");
    let head: i64 = sqlx::query_scalar("SELECT last_seq FROM rooms WHERE name = $1")
        .bind(room)
        .fetch_one(database)
        .await
        .expect("the room");
    assert_eq!(head, seqs.last().copied().unwrap_or(0), "the room's head");
}

fn agrees(stored: &[Place], told: &Told) {
    let mut by_content = HashMap::new();
    for place in stored {
        let twin = by_content.insert(place.content.as_str(), place);
        assert!(twin.is_none(), "stored twice: {place:?} and {twin:?}");
    }
    for place in &told.acknowledged {
        let found = by_content.remove(place.content.as_str());
        assert_eq!(found, Some(place), "acknowledged, stored otherwise");
    }
    for (content, code) in &told.refused {
        let found = by_content.get(content.as_str());
        assert_eq!(found, None, "refused ({code}) and stored");
    }
    let unknown: HashSet<&str> = told.unknown.iter().map(String::as_str).collect();
    by_content.retain(|content, _| !unknown.contains(content));
    assert!(
        by_content.is_empty(),
        "no sender was told of {by_content:?}"
    );
}
