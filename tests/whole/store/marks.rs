//! Figures: what read marks cost the database and commits beside them.
use std::sync::Arc;
use std::time::Duration;

use discordctl::clock::SystemClock;
use discordctl::delivery::ReadMarks;
use discordctl::model::{InstanceId, RoomKey, RoomName, Seq, UserKey};
use discordctl::random;
use discordctl::store::{Mark, Store};
use tokio::time::{Instant, interval, sleep};

use crate::support::db::{self, Db, Kind};

const PEOPLE: i64 = 2_000;
const ROOMS: i64 = 50;
const MARKS: u64 = 1_000_000;
const A_SECOND: u64 = 5_000;
const HERE: InstanceId = InstanceId::new(1);

#[test]
#[ignore = "measures, and proves nothing"]
fn figures_of_marks_on_sqlite() {
    db::run(Kind::Sqlite, figures);
}

#[test]
#[ignore = "measures, and proves nothing"]
fn figures_of_marks_on_postgres() {
    db::run(Kind::Postgres, figures);
}

async fn figures(db: Db) {
    let store = db.open().await;
    people_and_rooms(&db).await;
    let quiet = pings(&store, Duration::from_secs(10)).await;
    println!("a statement beside nothing: {quiet}");
    one_at_a_time(&store, Duration::from_secs(10)).await;
    let beside = tokio::spawn({
        let store = store.clone();
        async move { pings(&store, Duration::from_secs(MARKS / A_SECOND)).await }
    });
    gathered(&store).await;
    println!("a statement beside marks: {}", beside.await.unwrap());
    let read = "SELECT count(*) FROM read_marks";
    println!("{} rows of marks", db.number(read).await);
}

async fn people_and_rooms(db: &Db) {
    for n in 1..=PEOPLE {
        if n % 500 == 1 {
            let row = |n: i64| format!("('p{n}', {n}, CURRENT_TIMESTAMP)");
            let rows: Vec<String> = (n..(n + 500).min(PEOPLE + 1)).map(row).collect();
            let rows = rows.join(", ");
            db.sql(&format!(
                "INSERT INTO users (nickname, uid, registered_at) VALUES {rows}"
            ))
            .await;
        }
    }
    for n in 1..=ROOMS {
        db.sql(&format!(
            "INSERT INTO rooms (name, uid) VALUES ('r{n}', {n})"
        ))
        .await;
        let of = "(SELECT min(id) FROM users), 'hello' FROM users LIMIT 1000";
        db.sql(&format!(
            "INSERT INTO messages (room_id, seq, number, user_id, content)
             SELECT (SELECT id FROM rooms WHERE uid = {n}),
               row_number() OVER (), row_number() OVER (), {of}"
        ))
        .await;
    }
    db.sql("UPDATE rooms SET last_seq = 1000").await;
}

fn any(most: i64) -> i64 {
    1 + (random::share() * most as f64) as i64
}

fn mark(first: (i64, i64)) -> Mark {
    let (user, room) = (any(PEOPLE), any(ROOMS));
    Mark {
        user: UserKey::new(first.0 + user - 1, user),
        room: RoomKey::new(first.1 + room - 1, room),
        thread: None,
        seq: Seq::new(any(1_000)),
    }
}

/// The first ids of people and rooms, which were made in the order of their uids.
async fn first(store: &Arc<dyn Store>) -> (i64, i64) {
    let user = store.user("p1").await.unwrap();
    let room = store.room(&RoomName::stored("r1")).await.unwrap().unwrap();
    (user.id.get(), room.0.key.id.get())
}

async fn one_at_a_time(store: &Arc<dyn Store>, length: Duration) {
    let (first, began, mut count) = (first(store).await, Instant::now(), 0);
    while began.elapsed() < length {
        store.mark_read(&[mark(first)], HERE).await.unwrap();
        count += 1;
    }
    let each = began.elapsed().as_secs_f64();
    println!(
        "one at a time: {:.0} marks a second",
        f64::from(count) / each
    );
}

async fn gathered(store: &Arc<dyn Store>) {
    let (first, marks) = (first(store).await, Arc::new(ReadMarks::default()));
    let writer = tokio::spawn({
        let (store, marks) = (store.clone(), marks.clone());
        async move {
            let (mut statements, mut rows, mut busy) = (0, 0, Duration::ZERO);
            loop {
                let late = sleep(Duration::from_secs(5));
                tokio::select! {
                    () = marks.gathered(&SystemClock) => {}
                    () = late => return (statements, rows, busy),
                }
                let batch = marks.batch();
                let all: Vec<Mark> = batch.iter().map(|pending| pending.mark).collect();
                let began = Instant::now();
                rows += store.mark_read(&all, HERE).await.unwrap().len();
                busy += began.elapsed();
                statements += 1;
                marks.written(&batch);
                marks.pace(&SystemClock).await;
            }
        }
    });
    let mut tick = interval(Duration::from_millis(10));
    let name = RoomName::stored("r");
    let began = Instant::now();
    for _ in 0..MARKS / (A_SECOND / 100) {
        tick.tick().await;
        for _ in 0..A_SECOND / 100 {
            marks.ask(mark(first), &name).unwrap();
        }
    }
    let took = began.elapsed();
    let (statements, rows, busy) = writer.await.unwrap();
    println!(
        "{MARKS} marks in {took:?}: {statements} statements, {rows} rows written, {busy:?} in the \
         database"
    );
}

/// How long a statement of another kind takes meanwhile, twenty times a second.
async fn pings(store: &Arc<dyn Store>, length: Duration) -> String {
    let (began, mut tick, mut times) = (
        Instant::now(),
        interval(Duration::from_millis(50)),
        Vec::new(),
    );
    let session = discordctl::model::SessionId::random().key();
    while began.elapsed() < length {
        tick.tick().await;
        let one = Instant::now();
        store.session_from(&session, None).await.unwrap();
        times.push(one.elapsed());
    }
    times.sort_unstable();
    let at = |share: usize| times[times.len() * share / 100];
    format!("P50 {:?}, P99 {:?}", at(50), at(99))
}
