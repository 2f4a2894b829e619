//! What cleanup leaves: never less than it should, and the same however often it is killed.
use std::collections::BTreeMap;
use std::time::Duration;

use discordctl::config::{ArchiveUrl, Config};
use discordctl::ops::cleanup::{Options, Report, perform};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use tokio_util::sync::CancellationToken;

use crate::support::db::{self, Db, Kind};
use crate::upkeep::leases::open;
use crate::upkeep::log::{archived, empty, now, old, say};
use crate::upkeep::program::Program;

const MIN_AGE: i64 = 3_600;
const CASES: usize = 40;

/// A log, and how it is to be trimmed.
#[derive(Debug, Clone)]
struct Case {
    /// By room, the age of each message; mostly, but not always, older comes first.
    rooms: Vec<Vec<i64>>,
    /// How far each room's archive goes already.
    marks: Vec<usize>,
    keep: usize,
    archive_first: bool,
}

fn case() -> impl Strategy<Value = Case> {
    // Some are dated far ahead.
    let age = prop_oneof![
        3 => 0..2 * MIN_AGE,
        3 => 3_500..3_700_i64,
        3 => 50_000..100_000_i64,
        1 => -90_000_000..-100_000_i64,
    ];
    let ages = proptest::collection::vec(age, 0..25).prop_flat_map(|ages| {
        let mut ordered = ages.clone();
        ordered.sort_unstable_by(|a, b| b.cmp(a));
        prop_oneof![3 => Just(ordered), 1 => Just(ages)]
    });
    let rooms = proptest::collection::vec((ages, 0..25_usize), 1..4);
    (rooms, 0..12_usize, any::<bool>()).prop_map(|(rooms, keep, archive_first)| {
        let (rooms, marks): (Vec<Vec<i64>>, Vec<usize>) = rooms.into_iter().unzip();
        let marks = marks
            .iter()
            .zip(&rooms)
            .map(|(mark, room)| (*mark).min(room.len()));
        Case {
            marks: marks.collect(),
            rooms,
            keep,
            archive_first,
        }
    })
}

/// What may go of a room: the longest beginning in which nothing is young, and none of the
/// newest. What is dated ahead is as old as the next that is not.
fn may_go(ages: &[i64], keep: usize) -> usize {
    let beyond = ages.len().saturating_sub(keep);
    // The second that passes meanwhile must not matter.
    let young = ages.iter().position(|age| (0..MIN_AGE + 30).contains(age));
    let before = &ages[..young.unwrap_or(ages.len())];
    let old = before.iter().rposition(|age| *age >= 0);
    beyond.min(old.map_or(0, |old| old + 1))
}

fn config(db: &Db, archive: &std::path::Path, case: &Case) -> Config {
    let mut config = Config {
        db_url: db.url.parse().expect("a URL"),
        ..Config::default()
    };
    config.archive.url = ArchiveUrl::folder(archive.to_str().expect("UTF-8"));
    config.retention.keep_last = case.keep;
    config.retention.archive_first = case.archive_first;
    config
}

async fn trim(config: &Config, options: &Options) -> Report {
    let stop = CancellationToken::new();
    let done = perform(config, options, &(), &stop).await;
    done.expect("trimmed")
}

/// The places that a room still has.
async fn places(db: &Db, room: usize) -> (i64, i64, i64) {
    let ask = async |what: &str| {
        let query = format!("SELECT coalesce({what}, 0) FROM messages WHERE room_id = {room}");
        db.number(&query).await
    };
    (
        ask("count(*)").await,
        ask("min(seq)").await,
        ask("max(seq)").await,
    )
}

pub(crate) async fn what_must_stay_stays(db: Db) {
    empty(&db).await;
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(ProptestConfig::default(), rng);
    for _ in 0..CASES {
        let case = case().new_tree(&mut runner).expect("a case").current();
        check(&db, &case).await;
        for table in ["messages", "room_archive", "rooms"] {
            db.sql(&format!("DELETE FROM {table}")).await;
        }
    }
}

async fn check(db: &Db, case: &Case) {
    let folder = tempfile::tempdir().expect("a folder");
    let now = now();
    for (at, ages) in case.rooms.iter().enumerate() {
        // A little older each, so that those on the edge are on the same side of it.
        let ages: Vec<i64> = ages
            .iter()
            .map(|age| age - i64::from((0..MIN_AGE + 30).contains(age)) * 60)
            .collect();
        say(db, at as i64 + 1, &ages, now).await;
        let mark = case.marks[at];
        if mark > 0 {
            db.sql(&format!(
                "INSERT INTO room_archive (room_id, last_seq) VALUES ({}, {mark})",
                at + 1
            ))
            .await;
        }
    }
    let config = config(db, folder.path(), case);
    let dry = Options {
        dry_run: true,
        ..Options::default()
    };
    let foretold = trim(&config, &dry).await;
    let report = trim(&config, &Options::default()).await;
    assert_eq!(
        (foretold.candidates, foretold.deleted, foretold.archived),
        (report.candidates, report.deleted, report.archived),
        "{case:?}"
    );
    let archive = archived(folder.path());
    for (at, ages) in case.rooms.iter().enumerate() {
        let (gone, all) = (may_go(ages, case.keep) as i64, ages.len() as i64);
        let (count, first, last) = places(db, at + 1).await;
        assert_eq!(count, all - gone, "room {at} of {case:?}");
        if count > 0 {
            assert_eq!((first, last), (gone + 1, all), "room {at} of {case:?}");
        }
        let room = format!("room{}", at + 1);
        for seq in 1..=gone {
            let known = seq <= case.marks[at] as i64;
            let times = archive.get(&(room.clone(), seq)).copied().unwrap_or(0);
            let expected = usize::from(case.archive_first && !known);
            assert_eq!(times, expected, "{room} {seq} of {case:?}");
        }
    }
    let again = trim(&config, &Options::default()).await;
    assert_eq!((again.candidates, again.deleted), (0, 0), "{case:?}");
}

/// What a batch costs must not grow with what is stored. In no order on the disk, as rooms that are
/// talked in together are.
#[test]
fn a_batch_does_not_read_the_whole_table() {
    const STORED: i64 = 60_000;
    db::run(Kind::Postgres, |db| async move {
        empty(&db).await;
        db.sql(&format!(
            "INSERT INTO rooms (id, name, last_seq) VALUES (1, 'room1', {STORED})"
        ))
        .await;
        db.sql(&format!(
            "INSERT INTO messages (room_id, seq, user_id, content, created_at)
             SELECT 1, n, 1, repeat('x', 100), now() - interval '1 day'
             FROM generate_series(1, {STORED}) n ORDER BY random()"
        ))
        .await;
        db.sql("ANALYZE messages").await;
        let config = Config {
            db_url: db.url.parse().expect("a URL"),
            ..Config::default()
        };
        let keep = Options {
            keep: Some(1_000),
            no_archive: true,
            ..Options::default()
        };
        trim(&config, &keep).await;
        let of_table = async |what: &str| {
            let table = "pg_stat_user_tables WHERE relname = 'messages'";
            db.number(&format!("SELECT {what} FROM {table}")).await
        };
        // Sessions tell what they did a moment later.
        while of_table("n_tup_del").await < STORED - 1_000 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let read = of_table("seq_tup_read").await;
        assert!(read < 5 * STORED, "{read} rows for {STORED}");
    });
}

const ROOMS: i64 = 4;
const MESSAGES: usize = 300;
const KEEP: i64 = 10;

/// Everything but the newest is in the archive, once, and nowhere else.
async fn is_done(db: &Db, program: &Program) {
    let archive = archived(&program.path("archive"));
    for room in 1..=ROOMS {
        let (count, first, last) = places(db, room as usize).await;
        let all = MESSAGES as i64;
        assert_eq!((count, first, last), (KEEP, all - KEEP + 1, all));
        for seq in 1..=all - KEEP {
            let times = archive.get(&(format!("room{room}"), seq));
            assert_eq!(times, Some(&1), "room{room} {seq}");
        }
    }
    assert_eq!(archive.len() as i64, ROOMS * (MESSAGES as i64 - KEEP));
    let verdict = program.run(&["archive", "verify"]).await;
    assert_eq!(verdict.code, Some(0), "{verdict:?}");
}

/// As if the killed process's leases had run out.
async fn wait_for_leases(db: &Db) {
    db.age("leases", "until", Duration::from_secs(60)).await;
}

pub(crate) async fn killed_at_each_step_it_ends_the_same(db: Db) {
    for (at, fault) in [
        "archive:written",
        "archive:read-back",
        "archive:entered",
        "archive:marked",
        "archive:marked:3",
        "cleanup:archived",
        "cleanup:archived:2",
        "cleanup:deleted",
        "cleanup:deleted:4",
    ]
    .iter()
    .enumerate()
    {
        match at {
            0 => old(&db, ROOMS, MESSAGES, now()).await,
            _ => again(&db).await,
        }
        let program = Program::on(&db);
        let killed = program
            .run_with(&["cleanup"], &[("DISCORDCTL_TEST_FAULT", fault)])
            .await;
        assert_eq!(killed.code, None, "{fault}: {killed:?}");
        // Its lease is free at once: that it is dead can be proved here.
        let done = program.run(&["cleanup"]).await;
        assert_eq!(done.code, Some(0), "{fault}: {done:?}");
        is_done(&db, &program).await;
    }
}

async fn again(db: &Db) {
    for table in ["messages", "room_archive", "rooms", "users", "leases"] {
        db.sql(&format!("DELETE FROM {table}")).await;
    }
    old(db, ROOMS, MESSAGES, now()).await;
}

pub(crate) async fn killed_at_any_moment_it_ends_the_same(db: Db) {
    old(&db, ROOMS, MESSAGES, now()).await;
    let program = Program::on(&db);
    let mut killed = 0;
    for wait in [20_u64, 45, 60, 75, 90, 110, 130, 160] {
        let mut child = program.start(&["cleanup"]);
        tokio::time::sleep(Duration::from_millis(wait)).await;
        child.kill().expect("ours");
        killed += usize::from(!child.wait().expect("ended").success());
        wait_for_leases(&db).await;
    }
    let done = program.run(&["cleanup"]).await;
    assert_eq!(done.code, Some(0), "after {killed} kills: {done:?}");
    is_done(&db, &program).await;
}

pub(crate) async fn only_what_is_asked_for_is_trimmed(db: Db) {
    old(&db, ROOMS, MESSAGES, now()).await;
    let program = Program::on(&db);
    let one = program.run(&["cleanup", "--room", "room2=100"]).await;
    assert_eq!(one.code, Some(0), "{one:?}");
    assert_eq!(one.json()["schema"], "discordctl.cleanup/1");
    assert_eq!(one.json()["rooms"].as_array().map(Vec::len), Some(1));
    let room = &one.json()["rooms"][0];
    let numbers = ["candidates", "archived", "deleted", "left", "oldest_seq"];
    assert_eq!(
        numbers.map(|name| room[name].as_i64()),
        [200, 200, 200, 100, 201].map(Some)
    );
    let unknown = program.run(&["cleanup", "--room", "nowhere"]).await;
    assert_eq!(unknown.code, Some(66), "{unknown:?}");

    let asks = program.run(&["cleanup", "--no-archive"]).await;
    assert_eq!(asks.code, Some(64), "nobody is there to ask: {asks:?}");
    let gone = program
        .run(&["cleanup", "--no-archive", "--keep", "50", "--yes"])
        .await;
    assert_eq!(gone.code, Some(0), "{gone:?}");
    assert_eq!(gone.json()["archived"], 0);
    let mut left = BTreeMap::new();
    for room in 1..=ROOMS as usize {
        left.insert(room, places(&db, room).await.0);
    }
    assert!(left.values().all(|count| *count == 50), "{left:?}");
    assert_eq!(archived(&program.path("archive")).len(), 200);
}

pub(crate) async fn a_large_room_does_not_keep_the_others_waiting(db: Db) {
    empty(&db).await;
    for (room, messages) in [(1, 300), (2, 50), (3, 100)] {
        say(&db, room, &vec![100_000; messages], now()).await;
    }
    let done = Program::on(&db).run(&["cleanup"]).await;
    let done = done.json();
    let rooms = done["rooms"].as_array().expect("a list");
    let names: Vec<_> = rooms.iter().map(|room| &room["room"]).collect();
    assert_eq!(names, ["room2", "room3", "room1"]);
}

pub(crate) async fn who_else_is_at_work_is_let_be(db: Db) {
    old(&db, 1, 50, now()).await;
    let program = Program::on(&db);
    let upkeep = open(&db).await;
    for lease in ["cleanup", "archive"] {
        let life = Duration::from_secs(30);
        let taken = upkeep.take_lease(lease, "somebody", life).await;
        assert_eq!(taken.expect("an answer"), None, "free");
        let skipped = program.run(&["cleanup"]).await;
        assert_eq!(skipped.code, Some(0), "{skipped:?}");
        let report = skipped.json();
        let why = report["skipped"].as_str().unwrap_or_default();
        assert!(why.contains("somebody"), "{skipped:?}");
        upkeep
            .release_lease(lease, "somebody")
            .await
            .expect("released");
    }
    assert_eq!(places(&db, 1).await.0, 50);
}

pub(crate) async fn it_ends_when_its_time_is_over_and_goes_on(db: Db) {
    old(&db, ROOMS, MESSAGES, now()).await;
    let program = Program::on(&db);
    let short = program.run(&["cleanup", "--max-run", "1ms"]).await;
    assert_eq!(short.code, Some(1), "there is more to do: {short:?}");
    assert_eq!(short.json()["unfinished"], true);
    let done = program.run(&["cleanup"]).await;
    assert_eq!(done.code, Some(0), "{done:?}");
    is_done(&db, &program).await;
}

pub(crate) async fn an_interrupted_one_says_how_to_go_on(db: Db) {
    old(&db, ROOMS, MESSAGES, now()).await;
    let program = Program::on(&db);
    // Held up where it cannot end by itself before the signal comes.
    let lock = match db.kind {
        crate::support::db::Kind::Sqlite => None,
        Kind::Postgres => Some(crate::upkeep::jobs::hold_room(&db, 1).await),
    };
    let Some(lock) = lock else { return };
    let child = program.start(&["cleanup"]);
    let waits = async || {
        let waiting = "SELECT count(*) FROM pg_stat_activity
            WHERE application_name LIKE 'discordctl cleanup%' AND wait_event_type = 'Lock'
              AND datname = current_database()";
        db.number(waiting).await > 0
    };
    crate::support::eventually("cleanup waits for the room", waits).await;
    let pid = rustix::process::Pid::from_raw(child.id() as i32).expect("a pid");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
    // Nothing shows that it has heard; it does so before the lock is let go.
    tokio::time::sleep(Duration::from_millis(200)).await;
    lock.release().await;
    let ended = tokio::task::spawn_blocking(move || child.wait_with_output());
    let ended = ended.await.expect("no panic").expect("it ended");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(130), "{said}");
    assert!(said.contains("to go on:\n  discordctl cleanup"), "{said}");
    let done = program.run(&["cleanup"]).await;
    assert_eq!(done.code, Some(0), "{done:?}");
    is_done(&db, &program).await;
}
