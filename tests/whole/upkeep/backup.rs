//! Backups: whole, proved, never in another's place, and put back exactly.
use std::path::Path;
use std::time::Duration;

use discordctl::ops::migrate::Migrator;
use serde_json::Value;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

use crate::support::db::{Db, Kind};
use crate::upkeep::log::{empty, now, old, say};
use crate::upkeep::program::Program;

/// These dumps are ours, and the tests' role is a superuser.
const TRUSTED: &str = "--as-superuser";

/// Another, empty database of the same kind, gone when its test is over.
pub(crate) struct Other {
    pub(crate) url: String,
    server: Option<(String, String)>,
}

impl Other {
    pub(crate) async fn beside(db: &Db, program: &Program, name: &str) -> Self {
        if db.kind == Kind::Sqlite {
            let url = format!("sqlite://{}", program.path(name).display());
            return Self { url, server: None };
        }
        let options: PgConnectOptions = db.url.parse().expect("a URL");
        let of = options.get_database().expect("it has a name").to_owned();
        let name = format!("{of}_{name}");
        admin(&db.url, &format!("CREATE DATABASE {name}")).await;
        let url = options.database(&name).to_url_lossy().to_string();
        Self {
            url,
            server: Some((db.url.clone(), name)),
        }
    }

    pub(crate) async fn end(self) {
        if let Some((server, name)) = self.server {
            admin(&server, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }
}

async fn admin(url: &str, sql: &str) {
    let mut connection = PgConnection::connect(url).await.expect("a connection");
    let done = sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut connection)
        .await;
    done.unwrap_or_else(|e| panic!("{sql}: {e}"));
    connection.close().await.expect("closed");
}

/// Every row of the tables that matter, as text.
async fn dump(url: &str, kind: Kind) -> Vec<String> {
    let mut rows = Vec::new();
    for (table, columns) in [
        ("users", "id, nickname, created_at"),
        ("rooms", "id, name, last_seq, created_at"),
        ("messages", "id, room_id, seq, user_id, content, created_at"),
    ] {
        rows.extend(match kind {
            Kind::Postgres => {
                let mut connection = PgConnection::connect(url).await.expect("a connection");
                let sql = format!("SELECT concat_ws('|', {columns}) FROM {table} ORDER BY id");
                let all = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut connection);
                let all: Vec<String> = all.await.expect("rows");
                all
            }
            Kind::Sqlite => {
                let mut connection = url
                    .parse::<sqlx::sqlite::SqliteConnectOptions>()
                    .expect("a URL")
                    .connect()
                    .await
                    .expect("a connection");
                let columns = columns.replace(", ", " || '|' || ");
                let sql = format!("SELECT {columns} FROM {table} ORDER BY id");
                let all = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut connection);
                let all: Vec<String> = all.await.expect("rows");
                connection.close().await.expect("closed");
                all
            }
        });
    }
    rows
}

fn json(path: &Path) -> Value {
    let bytes = std::fs::read(path).expect("a file");
    serde_json::from_slice(&bytes).expect("JSON")
}

pub(crate) async fn what_was_backed_up_comes_back(db: Db) {
    old(&db, 3, 200, now()).await;
    let program = Program::on(&db);
    let server = program.serve("live", &[]).await;
    let planned = program.run(&["backup", "--to", "copy", "--dry-run"]).await;
    assert_eq!(planned.code, Some(0), "{planned:?}");
    assert!(!program.path("copy").exists(), "it was only planned");
    let made = program.run(&["backup", "--to", "copy"]).await;
    assert_eq!(
        (made.code, made.json()["messages"].as_i64()),
        (Some(0), Some(600)),
        "{made:?}"
    );
    drop(server);
    let manifest = json(&program.path("copy.json"));
    assert_eq!(manifest["sha256"], made.json()["sha256"]);
    assert_eq!(manifest["contents"]["rooms"][2]["last_seq"], 200);

    let before = dump(&db.url, db.kind).await;
    let sound = program
        .run(&["backup", "verify", "copy", "--restore-drill", TRUSTED])
        .await;
    assert_eq!(
        (sound.code, sound.json()["restored"].as_bool()),
        (Some(0), Some(true)),
        "{sound:?}"
    );
    let other = Other::beside(&db, &program, "other").await;
    let args = ["restore", "copy", TRUSTED, "--db-url", &other.url];
    let asked = program.run(&args).await;
    assert_eq!(asked.code, Some(64), "nobody is there to ask: {asked:?}");
    let planned = program.run(&[&args[..], &["--dry-run"]].concat()).await;
    assert_eq!(
        (planned.code, planned.json()["restored"].as_bool()),
        (Some(0), Some(false))
    );
    let restored = program.run(&[&args[..], &["--yes"]].concat()).await;
    assert_eq!(restored.code, Some(0), "{restored:?}");
    assert_eq!(restored.json()["schema_state"], "applied");
    assert_eq!(dump(&other.url, db.kind).await, before);
    let again = program.run(&[&args[..], &["--yes"]].concat()).await;
    assert_eq!(again.code, Some(73), "it has messages now: {again:?}");
    other.end().await;
}

pub(crate) async fn nothing_is_ever_overwritten(db: Db) {
    old(&db, 1, 20, now()).await;
    let program = Program::on(&db);
    std::fs::write(program.path("mine"), "my file").expect("written");
    let refused = program.run(&["backup", "--to", "mine"]).await;
    assert_eq!(refused.code, Some(73), "{refused:?}");
    let kept = std::fs::read_to_string(program.path("mine")).expect("there");
    assert_eq!(kept, "my file");
    assert!(!program.path("mine.json").exists() && !program.path("mine.partial").exists());
}

pub(crate) async fn a_flipped_bit_is_found_before_anything_is_changed(db: Db) {
    old(&db, 1, 50, now()).await;
    let program = Program::on(&db);
    assert_eq!(program.run(&["backup", "--to", "copy"]).await.code, Some(0));
    let mut bytes = std::fs::read(program.path("copy")).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(program.path("copy"), bytes).expect("written");
    let found = program.run(&["backup", "verify", "copy"]).await;
    assert_eq!(found.code, Some(65), "{found:?}");
    let other = Other::beside(&db, &program, "other").await;
    let refused = program
        .run(&["restore", "copy", "--yes", TRUSTED, "--db-url", &other.url])
        .await;
    assert_eq!(refused.code, Some(65), "{refused:?}");
    other.end().await;
    for (name, content, code) in [("empty", "", 65), ("text", "SELECT 1;", 65)] {
        std::fs::write(program.path(name), content).expect("written");
        let refused = program.run(&["backup", "verify", name]).await;
        assert_eq!(refused.code, Some(code), "{name}: {refused:?}");
    }
    assert_eq!(
        program.run(&["backup", "verify", "absent"]).await.code,
        Some(66)
    );
}

pub(crate) async fn a_database_in_use_is_not_replaced(db: Db) {
    old(&db, 1, 50, now()).await;
    let program = Program::on(&db);
    assert_eq!(program.run(&["backup", "--to", "copy"]).await.code, Some(0));
    db.sql("DELETE FROM messages").await;
    let server = program.serve("live", &[]).await;
    let refused = program.run(&["restore", "copy", "--yes", TRUSTED]).await;
    assert_eq!(refused.code, Some(75), "{refused:?}");
    assert!(refused.stderr.contains("instance live"), "{refused:?}");
    drop(server);
    db.age("instances", "heartbeat_at", Duration::from_secs(60))
        .await;
    let lease = crate::upkeep::leases::open(&db).await;
    let taken = lease
        .take_lease("archive", "somebody", Duration::from_secs(30))
        .await;
    assert_eq!(taken.expect("an answer"), None, "free");
    let refused = program.run(&["restore", "copy", "--yes", TRUSTED]).await;
    assert_eq!(refused.code, Some(75), "somebody is at work: {refused:?}");
    lease
        .release_lease("archive", "somebody")
        .await
        .expect("released");
    lease.close().await;
    if db.kind == Kind::Sqlite {
        // The test's own store still has it open.
        let refused = program.run(&["restore", "copy", "--yes", TRUSTED]).await;
        assert_eq!(refused.code, Some(75), "{refused:?}");
    }
    db.let_go().await;
    let done = program.run(&["restore", "copy", "--yes", TRUSTED]).await;
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(db.number("SELECT count(*) FROM messages").await, 50);
}

pub(crate) async fn killed_at_each_step_it_can_be_made_again(db: Db) {
    old(&db, 2, 100, now()).await;
    let program = Program::on(&db);
    for fault in ["backup:written", "backup:described", "backup:published"] {
        let to = fault.replace(':', "-");
        let killed = program
            .run_with(
                &["backup", "--to", &to],
                &[("DISCORDCTL_TEST_FAULT", fault)],
            )
            .await;
        assert_eq!(killed.code, None, "{fault}: {killed:?}");
        let again = program.run(&["backup", "--to", &to]).await;
        let expected = match fault {
            "backup:published" => 73,
            _ => 0,
        };
        assert_eq!(again.code, Some(expected), "{fault}: {again:?}");
        let sound = program
            .run(&["backup", "verify", &to, "--restore-drill", TRUSTED])
            .await;
        assert_eq!(sound.code, Some(0), "{fault}: {sound:?}");
        assert!(!program.path(&format!("{to}.partial")).exists(), "{fault}");
    }
    let other = Other::beside(&db, &program, "other").await;
    let args = [
        "restore",
        "backup-written",
        "--yes",
        TRUSTED,
        "--db-url",
        &other.url,
    ];
    for fault in ["restore:copied", "restore:alone"] {
        if db.kind == Kind::Sqlite {
            let killed = program
                .run_with(&args, &[("DISCORDCTL_TEST_FAULT", fault)])
                .await;
            assert_eq!(killed.code, None, "{fault}: {killed:?}");
        }
    }
    let done = program.run(&args).await;
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(
        dump(&other.url, db.kind).await,
        dump(&db.url, db.kind).await
    );
    other.end().await;
}

pub(crate) async fn a_password_is_on_no_command_line(db: Db) {
    if db.kind == Kind::Sqlite {
        return;
    }
    empty(&db).await;
    let program = Program::on(&db);
    // Stands in for pg_dump, and says how it was called.
    let bin = program.path("bin");
    std::fs::create_dir(&bin).expect("a folder");
    let script = "#!/bin/sh\n[ \"$1\" = --version ] && echo 'pg_dump (PostgreSQL) 99.0' && exit\n\
        echo \"$@\" > called; echo \"$PGPASSWORD\" > password; exit 3\n";
    std::fs::write(bin.join("pg_dump"), script).expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(bin.join("pg_dump"), mode).expect("ours");
    let (scheme, rest) = db.url.split_once("://").expect("a URL");
    let host = rest.split_once('@').map_or(rest, |(_, host)| host);
    let url = format!("{scheme}://postgres:s3cr%2Fet@{host}");
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let failed = program
        .run_with(
            &["backup", "--to", "copy", "--db-url", &url],
            &[("PATH", &path)],
        )
        .await;
    assert_eq!(failed.code, Some(69), "{failed:?}");
    let read = |name: &str| std::fs::read_to_string(program.path(name)).expect("there");
    assert!(!read("called").contains("s3cr"), "{}", read("called"));
    assert_eq!(read("password").trim(), "s3cr/et");
    assert!(!failed.stderr.contains("s3cr"), "{failed:?}");
    assert!(!program.path("copy").exists() && !program.path("copy.partial").exists());
}

pub(crate) async fn messages_go_on_while_it_is_made(db: Db) {
    old(&db, 1, 2_000, now()).await;
    let program = Program::on(&db);
    let mut backup = program.start(&["backup", "--to", "copy"]);
    let mut said = 0;
    while backup.try_wait().expect("ours").is_none() {
        said += 1;
        say(&db, 100 + said, &[5, 4, 3], now()).await;
    }
    assert!(backup.wait().expect("ended").success());
    let drilled = program
        .run(&["backup", "verify", "copy", "--restore-drill", TRUSTED])
        .await;
    assert_eq!(drilled.code, Some(0), "of one moment: {drilled:?}");
    let manifest = json(&program.path("copy.json"));
    let rooms = manifest["contents"]["rooms"].as_array().expect("a list");
    let messages: Vec<_> = rooms.iter().map(|room| room["messages"].as_i64()).collect();
    let whole = |messages: &Option<i64>| matches!(messages, Some(0 | 3 | 2_000));
    assert!(
        messages.iter().all(whole),
        "each was said at once: {messages:?}"
    );
    assert!(Migrator::new(&db.url).status().await.is_ok());
}
