//! What cleanup leaves: never less than it should, and the same however often it is killed.
use std::collections::BTreeMap;
use std::time::Duration;

use discordctl::config::{ArchiveUrl, Config, HumanDuration};
use discordctl::ops::cleanup::{Options, Report, perform};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use rustix::process::Signal;
use tokio_util::sync::CancellationToken;

use crate::support::db::Db;
use crate::support::{Running, Shell, Stream, eventually};
use crate::upkeep::leases::{given, open};
use crate::upkeep::log::{archived, empty, now, old, say};

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
    config.retention.min_age = HumanDuration::hours(1);
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
            let room = at + 1;
            let marked =
                format!("INSERT INTO room_archive (room_id, last_seq) VALUES ({room}, {mark})");
            db.sql(&marked).await;
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
pub(crate) async fn a_batch_does_not_read_the_whole_table(db: Db) {
    const STORED: i64 = 60_000;
    empty(&db).await;
    let room = format!("INSERT INTO rooms (id, name, last_seq) VALUES (1, 'room1', {STORED})");
    db.sql(&room).await;
    let messages = format!(
        "INSERT INTO messages (room_id, seq, number, user_id, content, created_at)
         SELECT 1, n, n, 1, repeat('x', 100), now() - interval '1 day'
         FROM generate_series(1, {STORED}) n ORDER BY random()"
    );
    db.sql(&messages).await;
    db.sql("ANALYZE messages").await;
    let mut config = Config {
        db_url: db.url.parse().unwrap(),
        ..Config::default()
    };
    config.retention.min_age = HumanDuration::hours(1);
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
    let deleted = async || of_table("n_tup_del").await >= STORED - 1_000;
    eventually("what was deleted is counted", deleted).await;
    let read = of_table("seq_tup_read").await;
    assert!(read < 5 * STORED, "{read} rows for {STORED}");
}

const ROOMS: i64 = 4;
const MESSAGES: usize = 300;
const KEEP: i64 = 10;

/// Everything but the newest is in the archive, once, and nowhere else.
async fn is_done(db: &Db, shell: &Shell) {
    let archive = archived(&shell.path("archive"));
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
    shell.run("archive verify").await.exits(0);
}

pub(crate) async fn killed_at_each_step_it_ends_the_same(db: Db) {
    old(&db, ROOMS, MESSAGES, now()).await;
    for fault in [
        "archive:written",
        "archive:read-back",
        "archive:entered",
        "archive:marked",
        "archive:marked:3",
        "cleanup:archived",
        "cleanup:archived:2",
        "cleanup:deleted",
        "cleanup:deleted:4",
    ] {
        let shell = Shell::on(&db);
        shell.killed("cleanup", fault).await;
        // Its lease is free at once: that it is dead can be proved here.
        shell.run("cleanup").await.exits(0);
        is_done(&db, &shell).await;
        for table in ["messages", "room_archive", "rooms", "users", "leases"] {
            db.sql(&format!("DELETE FROM {table}")).await;
        }
        old(&db, ROOMS, MESSAGES, now()).await;
    }
}

pub(crate) async fn killed_at_any_moment_it_ends_the_same(db: Db) {
    old(&db, ROOMS, MESSAGES, now()).await;
    let shell = Shell::on(&db);
    let mut killed = 0;
    for wait in [20_u64, 45, 60, 75, 90, 110, 130, 160] {
        let mut child = shell.command("cleanup").spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(wait)).await;
        child.kill().expect("ours");
        killed += usize::from(!child.wait().expect("ended").success());
        // As if its leases had run out.
        db.age("leases", "until", Duration::from_secs(60)).await;
    }
    println!("{killed} were killed before their end");
    shell.run("cleanup").await.exits(0);
    is_done(&db, &shell).await;
}

pub(crate) async fn only_what_is_asked_for_is_trimmed(db: Db) {
    old(&db, ROOMS, MESSAGES, now()).await;
    let shell = Shell::on(&db);
    let one = shell.run("cleanup --room room2=100").await.well();
    assert_eq!(one["schema"], "discordctl.cleanup/1");
    assert_eq!(one["rooms"].as_array().map(Vec::len), Some(1));
    let room = &one["rooms"][0];
    let numbers = ["candidates", "archived", "deleted", "left", "oldest_seq"];
    assert_eq!(
        numbers.map(|name| room[name].as_i64()),
        [200, 200, 200, 100, 201].map(Some)
    );
    shell.run("cleanup --room nowhere").await.exits(66);

    // There is no terminal to ask on.
    shell.run("cleanup --no-archive").await.exits(64);
    let all = "cleanup --no-archive --keep 50 --yes";
    assert_eq!(shell.run(all).await.well()["archived"], 0);
    let mut left = BTreeMap::new();
    for room in 1..=ROOMS as usize {
        left.insert(room, places(&db, room).await.0);
    }
    assert!(left.values().all(|count| *count == 50), "{left:?}");
    assert_eq!(archived(&shell.path("archive")).len(), 200);
}

pub(crate) async fn a_large_room_does_not_keep_the_others_waiting(db: Db) {
    empty(&db).await;
    for (room, messages) in [(1, 300), (2, 50), (3, 100)] {
        say(&db, room, &vec![100_000; messages], now()).await;
    }
    let done = Shell::on(&db).run("cleanup").await.well();
    let rooms = done["rooms"].as_array().expect("a list");
    let names: Vec<_> = rooms.iter().map(|room| &room["room"]).collect();
    assert_eq!(names, ["room2", "room3", "room1"]);
}

pub(crate) async fn another_that_is_at_work_is_let_be(db: Db) {
    old(&db, 1, 50, now()).await;
    let shell = Shell::on(&db);
    let upkeep = open(&db).await;
    for lease in ["cleanup", "archive"] {
        given(&upkeep, lease, "somebody").await;
        let report = shell.run("cleanup").await.well();
        let why = report["skipped"].as_str().unwrap_or_default();
        assert!(why.contains("somebody"), "{report}");
        upkeep.release_lease(lease, "somebody").await.unwrap();
    }
    assert_eq!(places(&db, 1).await.0, 50);
}

pub(crate) async fn it_ends_when_its_time_is_over_and_goes_on(db: Db) {
    old(&db, ROOMS, MESSAGES, now()).await;
    let shell = Shell::on(&db);
    let short = shell.run("cleanup --max-run 1ms").await.exits(1);
    assert_eq!(short.json()["unfinished"], true, "there is more to do");
    shell.run("cleanup").await.exits(0);
    is_done(&db, &shell).await;
}

pub(crate) async fn an_interrupted_one_says_how_to_go_on(db: Db) {
    old(&db, ROOMS, MESSAGES, now()).await;
    let shell = Shell::on(&db);
    // Held up where it cannot end by itself before the signal comes.
    let lock = crate::upkeep::jobs::hold_room(&db, 1).await;
    let mut run = Running::start(shell.command("cleanup"), Stream::Stderr);
    let waits = async || {
        let waiting = "SELECT count(*) FROM pg_stat_activity
            WHERE application_name LIKE 'discordctl cleanup%' AND wait_event_type = 'Lock'
              AND datname = current_database()";
        db.number(waiting).await > 0
    };
    eventually("cleanup waits for the room", waits).await;
    run.signal(Signal::INT);
    run.until("stopping at the next safe point").await;
    lock.release().await;
    let (said, code) = run.ends().await;
    assert_eq!(code, Some(130), "{said:?}");
    assert!(
        said.concat().contains("to go on:  discordctl cleanup"),
        "{said:?}"
    );
    shell.run("cleanup").await.exits(0);
    is_done(&db, &shell).await;
}
