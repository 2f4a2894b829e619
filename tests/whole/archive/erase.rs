//! Words that are erased: gone from rows, files and documents, and not brought back by anything.
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use super::operator::Operator;
use crate::support::db::{Db, Kind};

const SECRET: &str = "the \"secret\" of é";

async fn with_secrets(db: Db) -> Operator {
    let operator = Operator::new(db).await;
    operator.fill(&["general", "other"], 120).await;
    operator.vary().await;
    // By Alice, the first of them in a thread of its own, the last among the newest.
    let said = format!("UPDATE messages SET content = '{SECRET}' WHERE seq IN (3, 30, 117)");
    operator.db.sql(&said).await;
    operator
}

/// What is found of it, in whatever is looked at.
async fn look(operator: &Operator) -> Vec<Value> {
    std::fs::write(operator.path("words"), SECRET).expect("written");
    let words = std::fs::File::open(operator.path("words")).expect("a file");
    let mut look = operator.command("erase --verify --words-stdin -o json");
    let looked = look
        .stdin(words)
        .stdout(Stdio::piped())
        .output()
        .expect("it runs");
    let verdict: Value = serde_json::from_slice(&looked.stdout).expect("a verdict");
    verdict["found"].as_array().expect("a list").clone()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("copied");
        }
    }
}

const OF_ALICE: &str = "SELECT count(*) FROM messages m JOIN users u ON u.id = m.user_id
    WHERE u.nickname = 'Alice'";

pub(crate) async fn what_a_person_said_is_gone_everywhere_and_for_good(db: Db) {
    let operator = with_secrets(db).await;
    operator.run("backup --to before.backup").await.well();
    operator.run("archive").await.well();
    copy(&operator.path("archive/rooms"), &operator.path("kept"));
    assert!(!look(&operator).await.is_empty(), "it can be found");
    let events = "SELECT count(*) FROM messages WHERE kind = 11 AND seq > 120";
    let before = operator.dump().await;

    let would = operator.run("erase --user alice --dry-run").await.well();
    assert_eq!(operator.dump().await, before, "nothing was changed");
    operator.run("erase --user alice").await.exits(64);
    operator.run("erase --user nobody --yes").await.exits(66);
    let done = operator.run("erase --user alice --yes").await.well();
    for count in ["messages", "archived", "documents"] {
        assert_eq!(would[count], done[count], "{count}");
        assert!(done[count].as_u64() > Some(0), "{count}: {done}");
    }
    assert_eq!(operator.db.number(OF_ALICE).await, 0);
    assert_eq!(
        Some(operator.db.number(events).await),
        done["messages"].as_i64()
    );
    let found = look(&operator).await;
    assert!(found.is_empty(), "{found:?}");
    let verified = operator.run("archive verify").await.well();
    assert_eq!(
        (&verified["unlisted"], &verified["damaged"]),
        (&0.into(), &0.into())
    );
    assert_eq!(
        operator.run("erase --user ALICE --yes").await.well()["messages"],
        0
    );
    let audited = "SELECT count(*) FROM audit WHERE action = 'erase_words' AND target = 'Alice'";
    assert_eq!(operator.db.number(audited).await, 2);

    // Neither what was made anew, nor a copy of what was, brings it back.
    operator.run("replay archive").await.well();
    assert_eq!(operator.db.number(OF_ALICE).await, 0);
    operator
        .db
        .sql("DELETE FROM messages; DELETE FROM room_archive")
        .await;
    operator.run("replay kept").await.well();
    assert_eq!(operator.db.number(OF_ALICE).await, 0);
    let others = "SELECT count(*) FROM messages m JOIN users u ON u.id = m.user_id
        WHERE u.nickname = 'bob' AND m.content <> ''";
    assert!(
        operator.db.number(others).await > 0,
        "others' words are there"
    );
    let found = look(&operator).await;
    assert!(found.is_empty(), "{found:?}");
    a_backup_of_before_does_not_bring_it_back(&operator).await;
}

async fn a_backup_of_before_does_not_bring_it_back(operator: &Operator) {
    let other = operator.db.beside("restored").await;
    let trust = match operator.db.kind {
        Kind::Sqlite => "",
        Kind::Postgres => "--as-superuser",
    };
    let restore = format!("restore before.backup --db-url {} --yes {trust}", other.url);
    let restored = operator.run(&restore).await.well();
    assert!(restored["erased"].as_u64() > Some(0), "{restored}");
    assert_eq!(other.number(OF_ALICE).await, 0);
    let secret = format!("SELECT count(*) FROM messages WHERE content = '{SECRET}'");
    assert_eq!(other.number(&secret).await, 0);
    assert_eq!(other.number("SELECT count(*) FROM erasures").await, 1);
}

pub(crate) async fn killed_anywhere_it_is_erased_all_the_same(db: Db) {
    let operator = with_secrets(db).await;
    operator
        .run("archive --older-than 0s --keep-rows")
        .await
        .well();
    for (n, point) in [
        "erase:ledger",
        "erase:noted",
        "erase:batch",
        "erase:rows",
        "rewrite:written",
        "rewrite:entered",
        "rewrite:removed",
    ]
    .into_iter()
    .enumerate()
    {
        let (from, to) = (n * 16 + 1, n * 16 + 16);
        let line = format!("erase --room general --seq {from}-{to} --yes");
        operator.killed(&line, point).await;
        operator.run(&line).await.well();
        let left = format!(
            "SELECT count(*) FROM messages m JOIN rooms r ON r.id = m.room_id
             WHERE r.name = 'general' AND seq BETWEEN {from} AND {to} AND content <> ''"
        );
        assert_eq!(operator.db.number(&left).await, 0, "killed at {point}");
        let verified = operator.run("archive verify").await.well();
        assert_eq!(verified["unlisted"], 0, "killed at {point}: {verified}");
        let erasures = operator.db.number("SELECT count(*) FROM erasures").await;
        assert_eq!(erasures, n as i64 + 1, "killed at {point}");
    }
    // A message is told of once, and the places have no hole.
    let twice = "SELECT count(*) FROM (SELECT target FROM messages WHERE kind = 11 AND seq > 120
        GROUP BY room_id, target HAVING count(*) > 1) AS twice";
    assert_eq!(operator.db.number(twice).await, 0);
    let holes = "SELECT count(*) FROM rooms r WHERE last_seq <>
        (SELECT count(*) FROM messages m WHERE m.room_id = r.id)";
    assert_eq!(operator.db.number(holes).await, 0);
    let miscounted = "SELECT count(*) FROM rooms r WHERE last_number <>
        (SELECT count(*) FROM messages m WHERE m.room_id = r.id AND m.kind < 10)";
    assert_eq!(operator.db.number(miscounted).await, 0);
    // Only what was asked for.
    let kept = format!("SELECT count(*) FROM messages WHERE content = '{SECRET}'");
    assert_eq!(operator.db.number(&kept).await, 4);
}

pub(crate) async fn what_is_left_is_found(db: Db) {
    let operator = with_secrets(db).await;
    operator
        .run("archive --older-than 0s --keep-rows")
        .await
        .well();
    copy(&operator.path("archive"), &operator.path("kept"));
    operator
        .run("erase --room general --seq 30 --yes")
        .await
        .well();
    operator.run("erase --verify").await.exits(0);
    // The documents of before are put in their place again, and an operator writes words by hand.
    let ledger = std::fs::read(operator.path("archive/erasures.json")).expect("a ledger");
    std::fs::remove_dir_all(operator.path("archive")).expect("ours");
    copy(&operator.path("kept"), &operator.path("archive"));
    let rows = "UPDATE messages SET content = 'again', gone = NULL WHERE seq = 30";
    operator.db.sql(rows).await;
    let found = operator.run("erase --verify").await.exits(2).json();
    assert!(found.to_string().contains("lacks 1 erasures"), "{found}");
    std::fs::write(operator.path("archive/erasures.json"), ledger).expect("written");
    let found = operator.run("erase --verify").await.exits(2).json();
    let found = found["found"].as_array().expect("a list").len();
    assert_eq!(found, 2, "a row and a document");
    operator.run("erase --again --yes").await.well();
    operator.run("erase --verify").await.exits(0);
}
