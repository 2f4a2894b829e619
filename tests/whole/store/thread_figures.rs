//! Figures: what lists of threads cost, and messages in a room with many.
use std::sync::Arc;

use discordctl::model::{MessageKind, RoomName, RoomRef, Seq, UserKey};
use discordctl::store::{Draft, Operation, Store};
use tokio::time::Instant;

use super::log::{append, draft, found};
use crate::support::db::{self, Db, Kind};

/// Threads of the rooms, by whose number the rooms are called.
const ROOMS: [i64; 4] = [0, 100, 10_000, 100_000];
const PEOPLE: i64 = 2_000;
const TIMES: usize = 200;

#[test]
#[ignore = "measures, and proves nothing"]
fn figures_of_threads_on_sqlite() {
    db::run(Kind::Sqlite, figures);
}

#[test]
#[ignore = "measures, and proves nothing"]
fn figures_of_threads_on_postgres() {
    db::run(Kind::Postgres, figures);
}

async fn figures(db: Db) {
    let store = db.open().await;
    people(&db).await;
    for (n, threads) in ROOMS.into_iter().enumerate() {
        fill(&db, 1 + n as i64, threads).await;
    }
    if db.kind == Kind::Postgres {
        db.sql("VACUUM ANALYZE").await;
    }
    let user = store.user("p1").await.unwrap();
    for threads in ROOMS {
        let name = RoomName::stored(&format!("r{threads}"));
        let (room, last) = found(&store, &name).await;
        println!("{threads} threads, {last} messages");
        lists(&store, &room, user).await;
        let message = |_| draft(&room, user, "hello");
        says(&store, "a message", message).await;
        if threads > 0 {
            says(&store, "a reply", |n| {
                reply(&room, user, 1 + n as i64 % 100)
            })
            .await;
        }
    }
}

fn reply(room: &RoomRef, user: UserKey, root: i64) -> Draft {
    Draft {
        operation: Operation::Say {
            content: "hello".into(),
            kind: MessageKind::Text,
            thread: Some(Seq::new(root)),
            reply_to: None,
            mentions: None,
        },
        ..draft(room, user, "")
    }
}

async fn people(db: &Db) {
    let numbers = "WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < ";
    db.sql(&format!(
        "{numbers} {PEOPLE}) INSERT INTO users (nickname, uid, registered_at)
         SELECT 'p' || n, n, CURRENT_TIMESTAMP FROM t"
    ))
    .await;
}

/// A room with so many threads of three replies each, by three accounts.
async fn fill(db: &Db, uid: i64, threads: i64) {
    let count = (4 * threads).max(1_000);
    let numbers = format!(
        "WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < {count})"
    );
    let room = format!("(SELECT id FROM rooms WHERE uid = {uid})");
    let person = |n: &str| format!("(SELECT min(id) FROM users WHERE uid = 1) + ({n}) % {PEOPLE}");
    let at = match db.kind {
        Kind::Sqlite => "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
        Kind::Postgres => "now()",
    };
    for sql in [
        format!("INSERT INTO rooms (name, uid, last_seq) VALUES ('r{threads}', {uid}, {count})"),
        format!(
            "{numbers} INSERT INTO messages (room_id, seq, number, user_id, content, thread, gone)
             SELECT {room}, n, n, {}, 'what is said in it', CASE
               WHEN n > {threads} AND {threads} > 0 THEN 1 + n % {threads} END,
               CASE WHEN n % 97 = 0 AND {threads} > 0 AND n > {threads} THEN 1 END FROM t",
            person("n * 7")
        ),
        format!(
            "INSERT INTO threads (room_id, root, replies, last_seq, last_at)
             SELECT room_id, thread, count(*), max(seq), {at} FROM messages
             WHERE room_id = {room} AND thread IS NOT NULL GROUP BY room_id, thread"
        ),
        format!(
            "INSERT INTO thread_marks (user_id, room_id, root, read_replies, interest, replied)
             SELECT user_id, room_id, thread, 1, 1, max(seq) FROM messages
             WHERE room_id = {room} AND thread IS NOT NULL GROUP BY user_id, room_id, thread"
        ),
    ] {
        db.sql(&sql).await;
    }
}

async fn lists(store: &Arc<dyn Store>, room: &RoomRef, user: UserKey) {
    let mut times = Vec::new();
    let mut count = 0;
    for _ in 0..TIMES {
        let began = Instant::now();
        count = store
            .threads(room, Some(user), None, 100)
            .await
            .unwrap()
            .len();
        times.push(began.elapsed());
    }
    println!("  a list of {count}: {}", spread(times));
}

async fn says(store: &Arc<dyn Store>, what: &str, of: impl Fn(usize) -> Draft) {
    let mut times = Vec::new();
    for n in 0..TIMES * 5 {
        let began = Instant::now();
        append(store, &[of(n)]).await;
        times.push(began.elapsed());
    }
    println!("  {what}: {}", spread(times));
}

fn spread(mut times: Vec<std::time::Duration>) -> String {
    times.sort_unstable();
    let at = |share: usize| times[times.len() * share / 100];
    format!("P50 {:?}, P99 {:?}", at(50), at(99))
}
