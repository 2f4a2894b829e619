//! Migrations over both databases: once, however many start them, and with a way out.
use std::time::Duration;

use discordctl::model::{Role, RoomKind, RoomName, Seq};
use discordctl::store::migrations::{MigrateError, Migrator, Patience, State, Step};
use discordctl::store::{Part, StoreError};

use crate::support::db::{Db, Kind, connect};
use crate::support::eventually;
use crate::support::postgres::run;

fn first() -> Step {
    Step::new(1, "one", "CREATE TABLE one (a integer);", "DROP TABLE one;")
}

fn second() -> Step {
    let up = "-- floor: 1\nALTER TABLE one ADD COLUMN b text DEFAULT 'x';";
    Step::new(2, "two", up, "ALTER TABLE one DROP COLUMN b;")
}

/// A migrator of its own steps, over a database without any.
async fn bare(db: &Db, steps: Vec<Step>) -> Migrator {
    db.bare().await;
    Migrator::with_steps(&db.url, steps)
}

async fn verdict(migrator: &Migrator) -> State {
    migrator.status().await.expect("a status").verdict()
}

async fn versions(migrator: &Migrator) -> Vec<i32> {
    let taken = migrator.up(None).await.expect("migrated");
    taken.into_iter().map(|t| t.version).collect()
}

pub(crate) async fn four_at_once_apply_once(db: Db) {
    let migrator = bare(&db, vec![first(), second()]).await;
    assert_eq!(verdict(&migrator).await, State::Pending);
    let all = [(); 4].map(|()| {
        let migrator = migrator.clone();
        tokio::spawn(async move { versions(&migrator).await })
    });
    let mut applied = Vec::new();
    for one in all {
        applied.extend(one.await.expect("no panic"));
    }
    applied.sort_unstable();
    assert_eq!(applied, [1, 2], "each step once, over all four");
    assert_eq!(verdict(&migrator).await, State::Applied);
    db.sql("INSERT INTO one (a, b) VALUES (1, 'there')").await;
}

pub(crate) async fn what_was_applied_can_be_taken_back(db: Db) {
    let migrator = bare(&db, vec![first(), second()]).await;
    assert_eq!(versions(&migrator).await, [1, 2]);
    let back = migrator.rollback(0).await.expect("back");
    assert!(back.iter().map(|t| t.version).eq([2, 1]));
    assert_eq!(verdict(&migrator).await, State::Pending);
    let plan = migrator.plan(Some(1)).await.expect("a plan");
    assert_eq!(plan[0].sql(), "CREATE TABLE one (a integer);");
    let to_one = migrator.up(Some(1)).await.expect("migrated");
    assert_eq!(to_one.len(), 1);
    assert_eq!(versions(&migrator).await, [2]);
}

pub(crate) async fn a_step_that_fails_leaves_nothing(db: Db) {
    let broken = Step::new(
        2,
        "two",
        "CREATE TABLE two (a integer); INSERT INTO nowhere VALUES (1);",
        "",
    );
    let migrator = bare(&db, vec![first(), broken]).await;
    let error = migrator.up(None).await.expect_err("it fails");
    assert!(
        matches!(&error, MigrateError::Failed { step, .. } if step == "V2__two"),
        "{error}"
    );
    assert!(error.to_string().contains("nowhere"), "{error}");
    assert_eq!(verdict(&migrator).await, State::Pending);
    let right = Migrator::with_steps(&db.url, vec![first(), second()]);
    assert_eq!(versions(&right).await, [2], "the first stayed");
    db.sql("CREATE TABLE two (a integer)").await;
}

pub(crate) async fn a_comment_is_no_change(db: Db) {
    let migrator = bare(&db, vec![first()]).await;
    versions(&migrator).await;
    let commented = Step::new(
        1,
        "one",
        "-- Why.\nCREATE  TABLE one -- what\n(a integer);\n",
        "",
    );
    let migrator = Migrator::with_steps(&db.url, vec![commented]);
    assert_eq!(verdict(&migrator).await, State::Applied);
}

pub(crate) async fn a_changed_step_is_named_and_can_be_accepted(db: Db) {
    versions(&bare(&db, vec![first()]).await).await;
    let changed = Step::new(1, "one", "CREATE TABLE one (a bigint);", "DROP TABLE one;");
    let migrator = Migrator::with_steps(&db.url, vec![changed, second()]);
    assert_eq!(verdict(&migrator).await, State::Changed);
    let error = migrator.up(None).await.expect_err("refused");
    assert!(matches!(error, MigrateError::Changed { step } if step == "V1__one"));
    assert_eq!(migrator.repair(true).await.expect("a plan").len(), 1);
    assert_eq!(
        verdict(&migrator).await,
        State::Changed,
        "a dry run changes nothing"
    );
    migrator.repair(false).await.expect("accepted");
    assert_eq!(versions(&migrator).await, [2]);
}

pub(crate) async fn a_newer_program_was_here(db: Db) {
    let embedded = Migrator::new(&db.url);
    embedded.up(None).await.expect("migrated");
    let known = embedded.known_steps().len() as i32;
    let next = known + 1;
    let newer = |floor: i32| {
        let up = format!("-- floor: {floor}\nCREATE TABLE more (a integer);");
        Step::new(next, "more", &up, "DROP TABLE more;")
    };
    let with = |floor| {
        let mut steps = embedded.known_steps().to_vec();
        steps.push(newer(floor));
        Migrator::with_steps(&db.url, steps)
    };
    assert_eq!(versions(&with(known)).await, [next]);
    assert_eq!(verdict(&embedded).await, State::Newer);
    let store = db.open().await;
    store.ping().await.expect("this program works with it");
    let error = embedded
        .rollback(0)
        .await
        .expect_err("it knows no way back");
    assert!(matches!(error, MigrateError::NoWayBack { version } if version == next));
    with(next).rollback(known).await.expect("back");
    assert_eq!(versions(&with(next)).await, [next]);
    let opened = discordctl::store::open(&db.options(), Default::default()).await;
    let error = opened.err().expect("too new");
    assert!(
        matches!(&error, StoreError::Schema(text) if text.contains("newer discordctl")),
        "{error}"
    );
}

pub(crate) async fn the_embedded_steps_go_there_and_back(db: Db) {
    let migrator = Migrator::new(&db.url);
    for _ in 0..2 {
        migrator.up(None).await.expect("up");
        assert_eq!(verdict(&migrator).await, State::Applied);
        migrator.rollback(0).await.expect("back");
        assert_eq!(verdict(&migrator).await, State::Pending);
    }
    let left = match db.kind {
        Kind::Sqlite => {
            "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'schema%'"
        }
        Kind::Postgres => {
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'schema%'"
        }
    };
    assert_eq!(db.number(left).await, 0);
}

/// What a program of the version before writes: it names the columns that it knows.
async fn writes_as_before(db: &Db, name: &str) {
    for sql in [
        format!("INSERT INTO users (nickname) VALUES ('{name}')"),
        format!(
            "INSERT INTO rooms (name, created_by)
             SELECT 'of-{name}', id FROM users WHERE nickname = '{name}'"
        ),
        format!(
            "INSERT INTO messages (room_id, seq, user_id, content)
             SELECT r.id, 1, u.id, 'hello' FROM rooms r, users u
             WHERE r.name = 'of-{name}' AND u.nickname = '{name}'"
        ),
        format!("UPDATE rooms SET last_seq = 1 WHERE name = 'of-{name}'"),
        format!(
            "INSERT INTO room_members (room_id, user_id)
             SELECT r.id, u.id FROM rooms r, users u
             WHERE r.name = 'of-{name}' AND u.nickname = '{name}'"
        ),
        format!(
            "INSERT INTO sessions (id, user_id, nickname, transport, online)
             SELECT 'session-{name}', id, '{name}', 'http', true FROM users
             WHERE nickname = '{name}'"
        ),
    ] {
        db.sql(&sql).await;
    }
}

pub(crate) async fn what_the_version_before_accounts_writes_is_read_after_the_step(db: Db) {
    const BEFORE_ACCOUNTS: i32 = 6;
    db.bare().await;
    let migrator = Migrator::new(&db.url);
    migrator.up(Some(BEFORE_ACCOUNTS)).await.expect("migrated");
    writes_as_before(&db, "ann").await;
    migrator.up(None).await.expect("migrated");
    // It runs on, beside this program.
    writes_as_before(&db, "bob").await;
    let store = db.open().await;
    assert!(!store.has_accounts().await.expect("readable"));
    for name in ["ann", "bob"] {
        let room = RoomName::stored(&format!("of-{name}"));
        let (room, last) = store.room(&room).await.expect("readable").expect("there");
        assert_eq!(last.get(), 1);
        let of = store.room_details(room.key).await.expect("readable");
        let of = of.expect("there");
        let by = of.created_by.as_deref();
        assert_eq!((of.kind, by, of.members), (RoomKind::Public, Some(name), 1));
        let members = store.members(room.key, "", 10).await.expect("readable");
        assert_eq!(members[0].role(), Role::Guest);
        let said = store.read(&room, Part::After(Seq::START), 10).await;
        assert_eq!(said.expect("readable")[0].user.as_ref(), name);
    }
    let guests = "SELECT count(*) FROM sessions WHERE online AND NOT account";
    assert_eq!(db.number(guests).await, 2);
}

fn concurrent() -> Step {
    let up = "-- no-transaction\nCREATE TABLE half (a integer);\nSELECT pg_sleep(600);";
    Step::new(2, "half", up, "DROP TABLE IF EXISTS half;")
}

pub(crate) async fn a_step_without_a_transaction_that_dies_is_dirty_until_repaired(db: Db) {
    let migrator = bare(&db, vec![first(), concurrent()]).await;
    let own = migrator.clone();
    let up = tokio::spawn(async move { own.up(None).await });
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'SELECT pg_sleep%'";
    eventually("it was killed", async || db.number(kill).await > 0).await;
    up.await.expect("no panic").expect_err("it was killed");
    assert_eq!(verdict(&migrator).await, State::Dirty);
    let error = migrator.up(None).await.expect_err("not from here");
    assert!(matches!(error, MigrateError::Dirty { step } if step == "V2__half"));
    let mended = migrator.repair(false).await.expect("repaired");
    assert_eq!((mended.len(), mended[0].what), (1, "undone"));
    assert_eq!(verdict(&migrator).await, State::Pending);
    let right = "-- no-transaction\nCREATE TABLE half (a integer);\n
        CREATE INDEX CONCURRENTLY half_a ON half (a);";
    let right = Step::new(2, "half", right, "DROP TABLE IF EXISTS half;");
    let migrator = Migrator::with_steps(&db.url, vec![first(), right]);
    assert_eq!(versions(&migrator).await, [2]);
    assert_eq!(verdict(&migrator).await, State::Applied);
    migrator.rollback(1).await.expect("back");
}

pub(crate) async fn the_holder_of_the_lock_is_named_when_the_wait_is_over(db: Db) {
    let mut migrator = bare(&db, vec![first(), concurrent()]).await;
    let own = migrator.clone();
    let up = tokio::spawn(async move { own.up(None).await });
    let running = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'SELECT pg_sleep%'";
    eventually("it runs", async || db.number(running).await > 0).await;
    migrator.patience.lock = Duration::ZERO;
    let error = migrator.rollback(0).await.expect_err("locked");
    let holder = format!("discordctl migrate, pid {}", std::process::id());
    assert!(matches!(&error, MigrateError::Locked { .. }));
    assert!(error.to_string().contains(&holder), "{error}");
    up.abort();
}

pub(crate) async fn a_table_in_use_is_waited_for_in_small_portions(db: Db) {
    let mut migrator = bare(&db, vec![first(), second()]).await;
    migrator.up(Some(1)).await.expect("migrated");
    let mut reader = connect(&db.url).await;
    run(&mut reader, "BEGIN; SELECT * FROM one").await;
    migrator.patience = Patience {
        lock_timeout: Duration::from_millis(50),
        tries: 1,
        ..Patience::default()
    };
    let error = migrator.up(None).await.expect_err("in use");
    assert!(
        matches!(&error, MigrateError::Busy { step, .. } if step == "V2__two"),
        "{error}"
    );
    assert_eq!(verdict(&migrator).await, State::Pending);
    migrator.patience.tries = 100;
    let (taken, ()) = tokio::join!(migrator.up(None), run(&mut reader, "COMMIT"));
    assert_eq!(taken.expect("migrated").len(), 1);
}
