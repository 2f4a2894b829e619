//! Backups: whole, proved, never in another's place, and put back exactly.
use std::path::Path;
use std::time::Duration;

use discordctl::ops::migrate::Migrator;
use serde_json::Value;

use crate::support::Shell;
use crate::support::db::{Db, Kind};
use crate::support::process::put_script;
use crate::upkeep::log::{empty, now, old, say};

/// A restore of dumps that are ours, where the tests' role is a superuser.
const RESTORE: &str = "restore copy --yes --as-superuser";
const DRILL: &str = "backup verify --restore-drill --as-superuser";

/// Every row of the tables that matter, as text.
async fn dump(db: &Db) -> Vec<String> {
    let mut rows = Vec::new();
    for (table, columns) in [
        ("users", "id, nickname, created_at"),
        ("rooms", "id, name, last_seq, created_at"),
        (
            "messages",
            "id, room_id, seq, user_id, content, created_at, coalesce(thread, 0), coalesce(reply_to, 0)",
        ),
        ("threads", "room_id, root, replies, last_seq, last_at"),
        (
            "thread_marks",
            "user_id, room_id, root, read_replies, interest, replied",
        ),
    ] {
        let columns = columns
            .replace(", ", " || '|' || ")
            .replace(" || '|' || 0)", ", 0)");
        let query = format!("SELECT {columns} FROM {table} ORDER BY 1");
        rows.extend(db.texts(&query).await);
    }
    rows
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub(crate) async fn what_was_backed_up_comes_back(db: Db) {
    old(&db, 3, 200, now()).await;
    let shell = Shell::on(&db);
    let server = shell.serve("live", &[]).await;
    shell.run("backup --to copy --dry-run").await.exits(0);
    assert!(!shell.path("copy").exists(), "it was only planned");
    for replies in [
        "UPDATE messages SET thread = 3, reply_to = 4 WHERE seq > 190",
        "INSERT INTO threads (room_id, root, replies, last_seq) SELECT id, 3, 10, 200 FROM rooms",
        "INSERT INTO thread_marks (user_id, room_id, root, read_replies, interest, replied)
         SELECT min(user_id), room_id, 3, 9, 2, 199 FROM messages GROUP BY room_id",
    ] {
        db.sql(replies).await;
    }
    let made = shell.run("backup --to copy").await.well();
    assert_eq!(made["messages"], 600, "{made}");
    drop(server);
    let manifest = json(&shell.path("copy.json"));
    assert_eq!(manifest["sha256"], made["sha256"]);
    assert_eq!(manifest["contents"]["rooms"][2]["last_seq"], 200);

    let before = dump(&db).await;
    let of_threads = |row: &&String| row.ends_with("|9|2|199");
    assert_eq!(before.iter().filter(of_threads).count(), 3);
    let sound = shell.run(&format!("{DRILL} copy")).await.well();
    assert_eq!(sound["restored"], true, "{sound}");
    let other = db.beside("other").await;
    let restore = format!("restore copy --as-superuser --db-url {}", other.url);
    // There is no terminal to ask on.
    shell.run(&restore).await.exits(64);
    let planned = shell.run(&format!("{restore} --dry-run")).await.well();
    assert_eq!(planned["restored"], false);
    let restored = shell.run(&format!("{restore} --yes")).await.well();
    assert_eq!(restored["schema_state"], "applied");
    assert_eq!(dump(&other).await, before);
    // It has messages now.
    shell.run(&format!("{restore} --yes")).await.exits(73);
}

pub(crate) async fn nothing_is_ever_overwritten(db: Db) {
    old(&db, 1, 20, now()).await;
    let shell = Shell::on(&db);
    std::fs::write(shell.path("mine"), "my file").unwrap();
    shell.run("backup --to mine").await.exits(73);
    let kept = std::fs::read_to_string(shell.path("mine")).unwrap();
    assert_eq!(kept, "my file");
    assert!(!shell.path("mine.json").exists() && !shell.path("mine.partial").exists());
}

pub(crate) async fn a_flipped_bit_is_found_before_anything_is_changed(db: Db) {
    old(&db, 1, 50, now()).await;
    let shell = Shell::on(&db);
    shell.run("backup --to copy").await.exits(0);
    let mut bytes = std::fs::read(shell.path("copy")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(shell.path("copy"), bytes).unwrap();
    shell.run("backup verify copy").await.exits(65);
    let other = db.beside("other").await.url;
    let restore = format!("{RESTORE} --db-url {other}");
    shell.run(&restore).await.exits(65);
    for (name, content) in [("empty", ""), ("text", "SELECT 1;")] {
        std::fs::write(shell.path(name), content).unwrap();
        let verify = format!("backup verify {name}");
        shell.run(&verify).await.exits(65);
    }
    shell.run("backup verify absent").await.exits(66);
}

pub(crate) async fn a_database_in_use_is_not_replaced(db: Db) {
    old(&db, 1, 50, now()).await;
    let shell = Shell::on(&db);
    shell.run("backup --to copy").await.exits(0);
    db.sql("DELETE FROM messages").await;
    let server = shell.serve("live", &[]).await;
    shell.run(RESTORE).await.exits(75).says("instance live");
    drop(server);
    db.age("instances", "heartbeat_at", Duration::from_secs(60))
        .await;
    let upkeep = crate::upkeep::leases::open(&db).await;
    crate::upkeep::leases::given(&upkeep, "archive", "somebody").await;
    shell.run(RESTORE).await.exits(75).says("somebody");
    upkeep.release_lease("archive", "somebody").await.unwrap();
    upkeep.close().await;
    if db.kind == Kind::Sqlite {
        // The test's own store still has it open.
        shell.run(RESTORE).await.exits(75);
    }
    db.let_go().await;
    shell.run(RESTORE).await.exits(0);
    assert_eq!(db.number("SELECT count(*) FROM messages").await, 50);
}

pub(crate) async fn killed_at_each_step_it_can_be_made_again(db: Db) {
    old(&db, 2, 100, now()).await;
    let shell = Shell::on(&db);
    for (step, again) in [("written", 0), ("described", 0), ("published", 73)] {
        let backup = format!("backup --to {step}");
        shell.killed(&backup, &format!("backup:{step}")).await;
        shell.run(&backup).await.exits(again);
        shell.run(&format!("{DRILL} {step}")).await.exits(0);
        assert!(!shell.path(&format!("{step}.partial")).exists(), "{step}");
    }
    let other = db.beside("other").await;
    let restore = RESTORE.replace("copy", "written");
    let restore = format!("{restore} --db-url {}", other.url);
    if db.kind == Kind::Sqlite {
        for fault in ["restore:copied", "restore:alone"] {
            shell.killed(&restore, fault).await;
        }
    }
    shell.run(&restore).await.exits(0);
    assert_eq!(dump(&other).await, dump(&db).await);
}

pub(crate) async fn a_password_is_on_no_command_line(db: Db) {
    empty(&db).await;
    let shell = Shell::on(&db);
    // Stands in for pg_dump, and says how it was called.
    let bin = shell.path("bin");
    std::fs::create_dir(&bin).unwrap();
    let script = "#!/bin/sh\n[ \"$1\" = --version ] && echo 'pg_dump (PostgreSQL) 99.0' && exit\n\
        echo \"$@\" > called; echo \"$PGPASSWORD\" > password; exit 3\n";
    put_script(script, &bin.join("pg_dump"));
    let (scheme, rest) = db.url.split_once("://").unwrap();
    let host = rest.split_once('@').map_or(rest, |(_, host)| host);
    let backup = format!("backup --to copy --db-url {scheme}://postgres:s3cr%2Fet@{host}");
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let failed = shell.run_with(&backup, &[("PATH", &path)]).await;
    assert_eq!(failed.code, Some(69), "{failed:?}");
    let read = |name: &str| std::fs::read_to_string(shell.path(name)).unwrap();
    assert!(!read("called").contains("s3cr"), "{}", read("called"));
    assert_eq!(read("password").trim(), "s3cr/et");
    assert!(!failed.stderr.contains("s3cr"), "{failed:?}");
    assert!(!shell.path("copy").exists() && !shell.path("copy.partial").exists());
}

pub(crate) async fn messages_go_on_while_it_is_made(db: Db) {
    old(&db, 1, 2_000, now()).await;
    let shell = Shell::on(&db);
    let mut backup = shell.command("backup --to copy").spawn().unwrap();
    let mut said = 0;
    while backup.try_wait().unwrap().is_none() {
        said += 1;
        say(&db, 100 + said, &[5, 4, 3], now()).await;
    }
    assert!(backup.wait().unwrap().success());
    shell.run(&format!("{DRILL} copy")).await.exits(0);
    let manifest = json(&shell.path("copy.json"));
    let rooms = manifest["contents"]["rooms"].as_array().unwrap();
    let messages: Vec<_> = rooms.iter().map(|room| room["messages"].as_i64()).collect();
    let whole = |messages: &Option<i64>| matches!(messages, Some(0 | 3 | 2_000));
    assert!(
        messages.iter().all(whole),
        "each was said at once: {messages:?}"
    );
    assert!(Migrator::new(&db.url).status().await.is_ok());
}
