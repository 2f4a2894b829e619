//! Everything that a log's entries can have, out, gone, and back.
use std::path::Path;

use serde_json::{Value, json};

use super::operator::Operator;
use crate::support::db::{Db, Kind};

/// All but rooms: where the database knew of none of it, it goes with the rest.
const FORGET: &str = "DELETE FROM messages; DELETE FROM reactions; DELETE FROM mentions;
    DELETE FROM threads; DELETE FROM room_archive; DELETE FROM rooms; DELETE FROM users";

async fn varied(db: Db) -> Operator {
    let operator = Operator::new(db).await;
    operator.fill(&["general", "other"], 300).await;
    operator.vary().await;
    operator
}

/// The lines of all documents of a folder, by the names of the documents.
fn lines(folder: &Path) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if path.is_dir() {
            found.extend(lines(&path));
        } else if name != "manifest.json" && !name.ends_with(".places") && !name.ends_with(".words")
        {
            let text = std::fs::read_to_string(&path).expect("text");
            found.push((name, text.lines().skip(1).map(str::to_owned).collect()));
        }
    }
    found.sort();
    found
}

pub(crate) async fn every_kind_of_entry_comes_back(db: Db) {
    let operator = varied(db).await;
    let before = operator.everything().await;
    for start in ["entry", "reaction", "mention", "thread"] {
        assert!(
            before.iter().any(|line| line.starts_with(start)),
            "no {start}"
        );
    }
    operator.run("archive").await.well();
    let left = operator.everything().await;
    let of = |what: &str| left.iter().filter(|line| line.starts_with(what)).count();
    assert!(of("entry") < 40 && of("reaction") < 8, "{left:?}");
    assert_eq!(
        of("thread"),
        2,
        "a thread is listed wherever its messages are"
    );
    let verified = operator.run("archive verify").await.well();
    assert_eq!(verified["damaged"], 0, "{verified}");
    let list = operator.run("archive list").await.well();
    assert!(
        list["messages"].as_u64() < list["entries"].as_u64(),
        "{list}"
    );
    let replayed = operator.run("replay archive").await.well();
    assert!(replayed["messages"].as_u64() < replayed["entries"].as_u64());
    assert!(operator.everything().await == before, "every row as it was");

    // Into a database that knows none of it.
    operator
        .run("archive --older-than 0s --keep-rows")
        .await
        .well();
    operator.db.sql(FORGET).await;
    operator.run("replay archive").await.well();
    let after = operator.everything().await;
    let differs = before.iter().zip(&after).find(|(one, other)| one != other);
    assert_eq!(differs, None);
    assert_eq!(before.len(), after.len());
    from_one_kind_to_the_other(&operator).await;
}

/// What a server's database held, an embedded one holds then, and archives in the same words.
async fn from_one_kind_to_the_other(operator: &Operator) {
    if operator.db.kind == Kind::Sqlite {
        return;
    }
    let file = operator.path("other.db");
    let mut other = operator.db.at(&file);
    other.kind = Kind::Sqlite;
    drop(other.open().await);
    let there = format!("--db-url sqlite://{}", file.display());
    operator
        .run(&format!("replay archive {there}"))
        .await
        .well();
    let mut again = operator.command(&format!("archive --older-than 0s --keep-rows {there}"));
    again.env(
        "DISCORDCTL_ARCHIVE_URL",
        format!("file:{}", operator.path("again").display()),
    );
    assert!(again.status().expect("it runs").success());
    let (first, second) = (
        lines(&operator.path("archive")),
        lines(&operator.path("again")),
    );
    let all = |documents: Vec<(String, Vec<String>)>| -> Vec<String> {
        let lines = documents.into_iter().flat_map(|document| document.1);
        let mut lines: Vec<String> = lines
            .filter(|line| line.starts_with('{'))
            .map(|line| line.trim_end_matches(',').to_owned())
            .collect();
        lines.sort();
        lines
    };
    assert!(all(first) == all(second), "the same words");
}

pub(crate) async fn killed_anywhere_nothing_of_an_entry_is_lost(db: Db) {
    let operator = varied(db).await;
    let before = operator.everything().await;
    for point in ["archive:marked", "archive:deleted"] {
        operator.killed("archive", point).await;
        operator.run("archive").await.well();
        for point in ["replay:claimed", "replay:restored", "replay:restored:2"] {
            operator.killed("replay archive", point).await;
        }
        operator.run("replay archive").await.well();
        assert!(operator.everything().await == before, "killed at {point}");
    }
}

fn document(id: i64, day: u32, count: i64) -> Value {
    let message = |n| {
        json!({"id": id + n, "user": "carol", "content": "hello",
            "created_at": format!("2023-01-{day:02}T00:{n:02}:00Z")})
    };
    json!({"room": "general", "messages": (0..count).map(message).collect::<Vec<_>>()})
}

/// As rows of before the numbers, which an older version archived: theirs are their places.
pub(crate) async fn numbers_go_on_where_documents_do_not_tell_them(db: Db) {
    let operator = Operator::new(db).await;
    let mut first = document(10, 1, 5);
    for (n, message) in first["messages"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .enumerate()
    {
        message["seq"] = (n + 1).into();
    }
    let save = |name: &str, document: &Value| {
        std::fs::write(operator.path(name), document.to_string()).unwrap();
    };
    save("first.json", &first);
    operator.run("replay first.json").await.well();
    // Of five messages the last two are events by now, and the first three are gone.
    let events =
        "UPDATE messages SET kind = 12, content = '', target = 3, number = 3 WHERE seq > 3;
        UPDATE rooms SET events = 2; DELETE FROM messages WHERE seq <= 3";
    operator.db.sql(events).await;
    save("later.json", &document(20, 2, 2));
    operator.killed("replay later.json", "replay:claimed").await;
    operator.run("replay later.json").await.well();
    save("old.json", &document(1, 1, 3));
    operator.run("replay old.json").await.well();
    let numbers = "SELECT seq || ' ' || number FROM messages ORDER BY seq";
    let expected = ["1 1", "2 2", "3 3", "4 3", "5 3", "6 4", "7 5"];
    assert_eq!(operator.db.texts(numbers).await, expected);
    let room = "SELECT last_seq || ' ' || last_number FROM rooms";
    assert_eq!(operator.db.texts(room).await, ["7 5"]);
    for (key, value, why) in [
        ("target", json!(1), "no seq"),
        ("kind", json!("deleted"), "no seq"),
        ("kind", json!("joke"), "expected one of"),
    ] {
        let mut bad = document(50, 3, 1);
        bad["messages"][0][key] = value;
        save("bad.json", &bad);
        operator.run("replay bad.json").await.exits(65).says(why);
    }
    let mut newer = document(60, 4, 1);
    newer["version"] = 3.into();
    save("newer.json", &newer);
    operator
        .run("replay newer.json")
        .await
        .exits(65)
        .says("take a newer one");
}

/// The run that wrote it was killed, and then its author edited it.
pub(crate) async fn an_entry_that_changed_before_it_was_entered_is_archived_as_it_is(db: Db) {
    let operator = varied(db).await;
    operator.killed("archive", "archive:read-back").await;
    let edited =
        "UPDATE messages SET content = 'better said', edited_at = created_at WHERE seq = 8";
    operator.db.sql(edited).await;
    let before = operator.everything().await;
    operator.run("archive").await.well();
    operator.run("archive verify").await.well();
    operator.run("replay archive").await.well();
    assert!(operator.everything().await == before, "every row as it is");
    // What is there by now is left alone, whatever a document says of it.
    operator
        .db
        .sql("UPDATE messages SET content = 'best', edited_at = created_at WHERE seq = 8")
        .await;
    let again = operator.run("replay archive").await.well();
    assert_eq!(again["restored"], 0, "{again}");
}

pub(crate) async fn what_stays_is_counted_in_messages(db: Db) {
    let operator = varied(db).await;
    let done = operator.run("cleanup --keep 20").await.well();
    assert_eq!(done["rooms"].as_array().map(Vec::len), Some(2), "{done}");
    let kept = "SELECT count(*) FROM messages WHERE kind < 10";
    assert_eq!(operator.db.number(kept).await, 40);
    let events = "SELECT count(*) FROM messages WHERE kind >= 10";
    assert!(operator.db.number(events).await > 0);
    // Nothing but events before them is as much as messages.
    let events = "UPDATE messages SET kind = 12, target = 1 WHERE seq <= 290";
    operator.db.sql(events).await;
    let done = operator.run("cleanup --keep 5").await.well();
    assert_eq!(done["unfinished"], false, "{done}");
    let kept = "SELECT count(*) FROM messages WHERE kind < 10";
    assert_eq!(operator.db.number(kept).await, 10);
    let again = operator.run("cleanup --keep 5").await.well();
    assert_eq!(again["deleted"], 0, "{again}");
}

/// Rows that are in the archive, and still in the database, can be edited and deleted.
pub(crate) async fn what_changes_after_it_was_archived_is_archived_as_it_is(db: Db) {
    let operator = Operator::new(db).await;
    operator.fill(&["general"], 60).await;
    operator
        .run("archive --older-than 0s --keep-rows")
        .await
        .well();
    let change = |seq: i64, event: i64, kind: i64, set: &str| {
        format!(
            "UPDATE messages SET {set} WHERE seq = {seq};
             INSERT INTO messages (room_id, seq, number, kind, target, content, created_at)
             SELECT room_id, {event}, 60, {kind}, {seq}, '', created_at FROM messages WHERE seq = 60;"
        )
    };
    let edited = change(5, 61, 10, "content = 'better said', edited_at = created_at");
    let deleted = change(6, 62, 11, "content = '', gone = 1");
    let ends = "UPDATE rooms SET last_seq = 62, events = 2";
    operator.db.sql(&format!("{edited}{deleted}{ends}")).await;
    let before = operator.everything().await;
    operator
        .killed("archive --older-than 0s", "rewrite:entered")
        .await;
    operator.run("archive --older-than 0s").await.well();
    let left = operator.db.number("SELECT count(*) FROM messages").await;
    assert_eq!(left, 12, "ten messages, and the events after them");
    let verified = operator.run("archive verify").await.well();
    assert_eq!(
        (&verified["damaged"], &verified["unlisted"]),
        (&0.into(), &0.into())
    );
    operator.run("replay archive").await.well();
    assert!(operator.everything().await == before, "every row as it is");

    // What is changed between the archive and the deletion stays until the next run.
    let mut history = discordctl::store::history::open(&operator.db.url, "test")
        .await
        .expect("opens");
    let stand = history.rooms().await.expect("rooms").remove(0);
    let late = change(7, 63, 11, "content = '', gone = 1");
    operator
        .db
        .sql(&format!(
            "{late} UPDATE rooms SET last_seq = 63, events = 3"
        ))
        .await;
    let (room, up_to) = (stand.room.key.id, stand.archived);
    let deleting = history.delete_archived(room, up_to, 1_000, stand.last_seq);
    assert_eq!(deleting.await.expect("an answer"), 0);
    history.close().await;
    let before = operator.everything().await;
    operator.run("archive --older-than 0s").await.well();
    operator.run("replay archive").await.well();
    assert!(operator.everything().await == before, "every row as it is");
}
