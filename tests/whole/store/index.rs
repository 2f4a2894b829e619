//! The index of words: what it finds is what a look at all messages finds, whatever was done to them since.
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use chrono::{DateTime, Utc};
use discordctl::clock::{Clock, SystemClock};
use discordctl::model::{Gone, MessageId, RoomRef, Seq, UserKey};
use discordctl::search::write::{Progress, Term, Writer};
use discordctl::search::{Found, LONGEST, Searcher};
use discordctl::store::{Draft, Operation, Store};

use super::log::{append, draft, room};
use super::search::{edit, find, query, searcher, texts};
use crate::archive::operator::Operator;
use crate::support::db::{Db, Kind};

pub(super) async fn term(store: &Arc<dyn Store>) -> Term {
    let writer = Writer::new(store.clone(), Arc::new(SystemClock), Arc::default());
    writer.term(false).await.unwrap().expect("no other writes")
}

/// Writes until all is in the index that there was at first.
pub(super) async fn write(term: &mut Term) {
    while term.look().await.unwrap() != Progress::Current {}
}

fn delete(room: &RoomRef, user: UserKey, target: i64) -> Draft {
    Draft {
        operation: Operation::Delete {
            target: Seq::new(target),
            why: Gone::Author,
        },
        ..draft(room, user, "")
    }
}

/// Words that are in few or many messages, in several scripts.
fn text(n: usize) -> String {
    const WORDS: [&str; 8] = [
        "getUserById",
        "127.0.0.1",
        "\u{8a2d}\u{5b9a}\u{3092}\u{5909}\u{66f4}\u{3057}\u{305f}",
        "r\u{e9}sum\u{e9}",
        "v2.0 is out",
        "green tea",
        "https://example.org/a?b=c",
        "the meeting is at noon",
    ];
    let (one, other) = (WORDS[n % 8], WORDS[(n / 8) % 7]);
    format!("{one} said {n} times, {other} row{}", n % 97)
}

async fn corpus(store: &Arc<dyn Store>, many: usize) -> (Vec<RoomRef>, Vec<UserKey>) {
    let mut users = Vec::new();
    for name in ["anna", "ben", "carol"] {
        users.push(store.user(name).await.unwrap());
    }
    let mut rooms = Vec::new();
    for name in ["tea", "den", "attic"] {
        rooms.push(room(store, name).await);
    }
    let drafts: Vec<Draft> = (0..many)
        .map(|n| draft(&rooms[n % 3], users[(n / 3) % 3], &text(n)))
        .collect();
    for drafts in drafts.chunks(1_000) {
        append(store, drafts).await;
    }
    (rooms, users)
}

/// All pages of a search, as room and place.
async fn all(
    searcher: &Searcher,
    typed: &str,
    rooms: &[RoomRef],
    limit: usize,
) -> Vec<(String, i64)> {
    let (query, mut before, mut seen) = (query(typed), None, Vec::new());
    loop {
        let page: Found = searcher.find(&query, rooms, before, limit).await.unwrap();
        assert!(page.complete, "{typed}");
        let hit = |hit: &discordctl::search::Hit| (hit.room.name.to_string(), hit.entry.seq.get());
        seen.extend(page.hits.iter().map(hit));
        before = page.next;
        if before.is_none() {
            return seen;
        }
    }
}

const QUERIES: [&str; 24] = [
    "tea",
    "row13",
    "said",
    "getUserById",
    "user",
    "getuser*",
    "127.0.0.1",
    "127.0",
    "\u{5b9a}\u{3092}",
    "\u{8a2d}",
    "\u{5909}\u{66f4}\u{3057}",
    "resume",
    "v2.0",
    "\"green tea\"",
    "\"tea row1\"",
    "meeting noon",
    "row1*",
    "has:link row5",
    "from:anna tea",
    "from:nobody tea",
    "-tea row3",
    "noon -from:ben",
    "said before:2020-01-01",
    "water",
];

pub(crate) async fn packs_find_what_a_look_at_all_finds(db: Db) {
    let store = db.open().await;
    let searcher = searcher(&store);
    let (rooms, users) = corpus(&store, 5_000).await;
    let mut by_scan = Vec::new();
    for typed in QUERIES {
        by_scan.push(all(&searcher, typed, &rooms, 200).await);
    }
    let mut term = term(&store).await;
    write(&mut term).await;
    let few = [draft(&rooms[0], users[0], "just a little green tea")];
    append(&store, &few).await;
    for (typed, scanned) in QUERIES.iter().zip(&by_scan) {
        let packed = all(&searcher, typed, &rooms, 200).await;
        let new = usize::from(packed.len() > scanned.len());
        assert_eq!(&packed[new..], &scanned[..], "{typed}");
    }
    assert!(texts(&find(&searcher, "little", &rooms).await).len() == 1);
    // In smaller pages, and in one room alone.
    let pages = all(&searcher, "tea", &rooms, 7).await;
    assert_eq!(pages[1..], by_scan[0][..]);
    let one = all(&searcher, "tea", &rooms[1..2], 50).await;
    let wanted = by_scan[0].iter().filter(|(room, _)| room == "den");
    assert_eq!(one, wanted.cloned().collect::<Vec<_>>());
    // More than enough for packs of what was said lately, which are merged in the end.
    for n in 0..20 {
        let drafts: Vec<Draft> = (0..520)
            .map(|m| draft(&rooms[m % 3], users[m % 3], &format!("later {n} {m}")))
            .collect();
        append(&store, &drafts).await;
        write(&mut term).await;
    }
    assert_eq!(all(&searcher, "later", &rooms, 500).await.len(), 20 * 520);
    assert_eq!(all(&searcher, "later 519", &rooms, 500).await.len(), 20);
    let packs: i64 = db
        .number("SELECT count(*) FROM search_packs WHERE live = 1")
        .await;
    assert!(packs < 20, "{packs} packs");
}

/// A clock by which a search has its time until it has asked so often, and none from then on.
struct Hasty {
    start: Instant,
    left: AtomicUsize,
}

impl Clock for Hasty {
    fn now(&self) -> Instant {
        let none = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            })
            .is_err();
        self.start + LONGEST * u32::from(none)
    }

    fn utc(&self) -> DateTime<Utc> {
        SystemClock.utc()
    }
}

pub(crate) async fn pages_go_down_however_short_the_time_is(db: Db) {
    let store = db.open().await;
    let (rooms, _) = corpus(&store, 5_000).await;
    let mut term = term(&store).await;
    write(&mut term).await;
    let middle = Some(MessageId::new(2_500));
    let all_searcher = searcher(&store);
    for typed in ["tea", "row1*", "said"] {
        let query = query(typed);
        let wanted = all_searcher.find(&query, &rooms, middle, 5_000).await;
        let wanted = wanted.unwrap().hits;
        for often in 0..16 {
            let (mut before, mut found) = (middle, Vec::new());
            while let Some(last) = before {
                let clock = Hasty {
                    start: SystemClock.now(),
                    left: AtomicUsize::new(often),
                };
                let searcher = Searcher::new(store.clone(), Arc::new(clock), Arc::default(), true);
                let page = searcher.find(&query, &rooms, before, 300).await.unwrap();
                before = page.next;
                assert!(before < Some(last), "{typed}, {often}: {last} again");
                found.extend(page.hits);
                assert_eq!(found[..], wanted[..found.len()], "{typed}, {often}");
                if before.is_none() && page.complete {
                    assert_eq!(found.len(), wanted.len(), "{typed}, {often}");
                }
            }
        }
    }
}

pub(crate) async fn words_that_are_gone_leave_the_index(db: Db) {
    let store = db.open().await;
    let searcher = searcher(&store);
    let (rooms, users) = corpus(&store, 600).await;
    let said = [
        draft(&rooms[0], users[0], "the zanzibar plan"),
        draft(&rooms[0], users[0], "an ouagadougou plan"),
        draft(&rooms[1], users[1], "a timbuktu plan"),
    ];
    append(&store, &said).await;
    let mut term = term(&store).await;
    write(&mut term).await;
    let keys = "SELECT count(*) FROM search_blocks WHERE ";
    let has = async |word: &str| {
        let sql = match db.kind {
            Kind::Sqlite => format!(
                "{keys} instr(data, CAST('{word}' AS BLOB)) > 0 OR instr(key, CAST('{word}' AS BLOB)) > 0"
            ),
            Kind::Postgres => format!(
                "{keys} position('{word}'::bytea in data) > 0 OR position('{word}'::bytea in key) > 0"
            ),
        };
        let found: i64 = db.number(&sql).await;
        found > 0
    };
    // Terms leave out what they share with the one before: their ends are there.
    assert!(has("nzibar").await && has("uagadougou").await && has("imbuktu").await);
    append(
        &store,
        &[
            edit(&rooms[0], users[0], 201, "the kinshasa plan"),
            delete(&rooms[0], users[0], 202),
        ],
    )
    .await;
    assert_eq!(find(&searcher, "kinshasa", &rooms).await.hits.len(), 1);
    assert!(find(&searcher, "zanzibar", &rooms).await.hits.is_empty());
    term.look().await.unwrap();
    assert!(!has("nzibar").await && !has("uagadougou").await);
    assert_eq!(find(&searcher, "kinshasa", &rooms).await.hits.len(), 1);
    // The new words are in a pack when there are enough, and stay in it when packs are merged.
    let more: Vec<Draft> = (0..600)
        .map(|n| draft(&rooms[2], users[2], &text(n)))
        .collect();
    append(&store, &more).await;
    write(&mut term).await;
    assert!(has("inshasa").await);
    assert_eq!(find(&searcher, "kinshasa plan", &rooms).await.hits.len(), 1);
    // A room that was deleted.
    db.sql("DELETE FROM rooms WHERE name = 'den'").await;
    term.look().await.unwrap();
    assert!(!has("imbuktu").await);
    assert_eq!(find(&searcher, "plan", &rooms).await.hits.len(), 1);
}

pub(crate) async fn one_writes_at_a_time_and_a_killed_one_loses_nothing(db: Db) {
    let (one, other) = (db.open().await, db.open().await);
    let (rooms, users) = corpus(&one, 3_000).await;
    let searcher = searcher(&other);
    let wanted = all(&searcher, "tea", &rooms, 500).await;
    let mut first = term(&one).await;
    let writer = Writer::new(other.clone(), Arc::new(SystemClock), Arc::default());
    assert!(writer.term(false).await.unwrap().is_none());
    first.look().await.unwrap();
    // Another takes its place in the middle of it all: the first can write nothing from then on.
    let mut second = writer.term(true).await.unwrap().expect("by force");
    assert!(first.look().await.is_err());
    let said: Vec<Draft> = (0..700)
        .map(|n| draft(&rooms[0], users[0], &format!("then {n}")))
        .collect();
    append(&one, &said).await;
    assert!(first.look().await.is_err());
    write(&mut second).await;
    assert_eq!(all(&searcher, "tea", &rooms, 500).await, wanted);
    assert_eq!(all(&searcher, "then", &rooms, 500).await.len(), 700);
    second.leave().await;
    let mut third = term(&one).await;
    append(
        &one,
        &[edit(&rooms[0], users[0], 1_001, "quite another thing")],
    )
    .await;
    write(&mut third).await;
    assert_eq!(all(&searcher, "then", &rooms, 500).await.len(), 699);
    // An index that is made anew is complete again at its end.
    third.begin_anew().await.unwrap();
    assert_eq!(all(&searcher, "tea", &rooms, 500).await, wanted);
    write(&mut third).await;
    third.delete_all_dead().await.unwrap();
    assert_eq!(all(&searcher, "tea", &rooms, 500).await, wanted);
    assert_eq!(all(&searcher, "quite another", &rooms, 500).await.len(), 1);
}

pub(crate) async fn an_index_is_made_anew_and_follows_what_is_put_back(db: Db) {
    let operator = Operator::new(db).await;
    operator.fill(&["general", "other"], 120).await;
    let look = async |words: &str| {
        let found = operator
            .run(&format!("search {words} --limit 300"))
            .await
            .well();
        assert_eq!(found["complete"], true, "{words}");
        found["hits"].as_array().expect("a list").len()
    };
    let alices = look("from:alice").await;
    assert!(alices > 0);
    let rebuilt = operator.run("search rebuild").await.well();
    let messages = operator.db.number("SELECT count(*) FROM messages").await;
    assert_eq!(rebuilt["messages"], messages);
    assert_eq!(look("from:alice").await, alices);
    // What cleanup took away is found in the archive, and in the database when it is put back.
    operator.run("archive").await.well();
    operator
        .db
        .sql("DELETE FROM messages WHERE seq <= 60")
        .await;
    assert_eq!(look("from:alice").await, alices);
    operator.run("replay rooms").await.well();
    assert_eq!(look("from:alice").await, alices);
    operator.run("search rebuild").await.well();
    assert_eq!(look("from:alice").await, alices);
}
