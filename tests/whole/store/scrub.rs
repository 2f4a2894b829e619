//! Words that are deleted leave the files of a SQLite database: the main one, its log and what is beside them.
use std::fs;

use discordctl::model::{Gone, Seq};
use discordctl::store::{Draft, Operation, Record};
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use super::log::{append, draft, room};
use crate::support::db::Db;

const FIRST: &str = "the aardvark of the first text";
const SHORT: &str = "a wombat";
const OTHER: &str = "an okapi of another room";

/// The files of the database in which one of these texts is.
fn holding(db: &Db, texts: &[&str]) -> Vec<String> {
    let main = db.url.strip_prefix("sqlite://").expect("a file");
    let files = ["", "-wal", "-shm"].map(|suffix| format!("{main}{suffix}"));
    let holds = |file: &String| {
        let bytes = fs::read(file).unwrap_or_default();
        let has = |text: &&str| {
            bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes())
        };
        texts.iter().any(has)
    };
    files.into_iter().filter(holds).collect()
}

pub(crate) async fn deleted_words_leave_the_files_beside_what_is_said(db: Db) {
    let store = db.open().await;
    let user = store.user("alice").await.expect("a user");
    let (den, pit) = (room(&store, "den").await, room(&store, "pit").await);
    // Long enough for pages of its own.
    let long = "capybara! ".repeat(400);
    for text in [FIRST, SHORT, &long, "what stays"] {
        append(&store, &[draft(&den, user, text)]).await;
    }
    append(&store, &[draft(&pit, user, OTHER)]).await;
    let gone = [FIRST, SHORT, &long[..40], OTHER];
    assert!(!holding(&db, &gone).is_empty(), "they are there");

    let mut reader = SqliteConnection::connect(&db.url).await.expect("a reader");
    let mut reading = reader.begin().await.expect("begun");
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM messages")
        .fetch_one(&mut *reading)
        .await
        .expect("a number");
    assert_eq!(count, 5);
    let why = Gone::Author;
    let (first, second, third) = (Seq::new(1), Seq::new(2), Seq::new(3));
    for operation in [
        Operation::Edit {
            target: first,
            content: "another".into(),
        },
        Operation::Delete {
            target: second,
            why,
        },
        Operation::Delete { target: third, why },
    ] {
        let draft = Draft {
            operation,
            ..draft(&den, user, "")
        };
        append(&store, &[draft]).await;
    }
    let record = Record {
        actor: "alice",
        action: "delete_room",
        ..Record::default()
    };
    assert!(store.delete_room(pit.key, &record).await.expect("deleted"));
    // As long as another reads what was there before, it stays; others go on speaking.
    append(&store, &[draft(&den, user, "meanwhile")]).await;
    assert!(!holding(&db, &gone).is_empty(), "a reader needs them");
    reading.rollback().await.expect("ended");
    crate::support::until!("no file has the words", holding(&db, &gone).is_empty());
    assert!(!holding(&db, &["what stays", "meanwhile"]).is_empty());
}
