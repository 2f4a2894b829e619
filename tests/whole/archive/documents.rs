//! Documents that are damaged, foreign, or do not fit.
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::archive::operator::Operator;
use crate::support::db::Db;

pub(crate) async fn a_flipped_bit_is_refused_and_nothing_is_written(db: Db) {
    let operator = Operator::new(db).await;
    operator.fill(&["general"], 400).await;
    operator.run("archive").await.well();
    let archive = operator.path("archive");
    let manifest = archive.join("manifest.json");
    let written = operator
        .documents()
        .await
        .into_iter()
        .map(|document| archive.join(document.0));
    for private in written.chain([archive.clone(), manifest]) {
        let mode = std::fs::metadata(&private).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} is open to others", private.display());
    }
    let before = (operator.dump().await, operator.stands().await);
    let documents = operator.documents().await;
    let path = operator.path("archive").join(&documents[0].0);
    let good = std::fs::read(&path).unwrap();
    for nth in 0..8 {
        let place = nth * (good.len() - 1) / 7;
        let mut bad = good.clone();
        bad[place] ^= 1 << (nth % 8);
        std::fs::write(&path, &bad).unwrap();
        let problem = operator.run("replay archive").await.exits(65).problem();
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(&documents[0].0), "{detail}");
        assert!(
            detail.contains("byte") || detail.contains("line"),
            "{detail}"
        );
        assert_eq!(before, (operator.dump().await, operator.stands().await));
    }
    operator.run("archive verify").await.exits(2);
    std::fs::remove_file(&path).unwrap();
    operator.run("archive verify").await.exits(2);
    std::fs::write(&path, &good).unwrap();
    operator.run("archive verify").await.exits(0);
    std::fs::write(path.with_file_name("general_900-901.json"), "{}").unwrap();
    operator.run("archive verify").await.exits(1);
    operator.run("replay archive").await.exits(65);
}

/// A document with what others write, and no more.
fn document(room: &str, first_id: i64, day: u32, count: i64) -> Value {
    let messages: Vec<_> = (0..count)
        .map(|n| {
            json!({"id": first_id + n, "user": "carol", "content": format!("of day {day}"),
                   "created_at": format!("2023-01-{day:02}T00:{:02}:00Z", n)})
        })
        .collect();
    json!({"room": room, "archived_at": "2024-01-15T10:30:00Z", "messages": messages})
}

fn save(operator: &Operator, name: &str, document: &Value) {
    std::fs::write(operator.path(name), document.to_string()).unwrap();
}

async fn places(operator: &Operator) -> Vec<String> {
    let dump = operator.dump().await;
    let place = |row: &String| row.split(' ').take(3).collect::<Vec<_>>().join(" ");
    dump.iter().map(place).collect()
}

pub(crate) async fn four_keys_are_enough(db: Db) {
    let operator = Operator::new(db).await;
    // Into a room that there is none of, in order; again, it is a no-op.
    save(&operator, "ten.json", &document("new", 100, 10, 3));
    operator.run("replay ten.json").await.well();
    assert_eq!(
        places(&operator).await,
        ["new 100 1", "new 101 2", "new 102 3"]
    );
    let again = operator.run("replay ten.json").await.well();
    assert_eq!(again["restored"], 0);
    // All newer, in two documents of which the later is named first.
    save(&operator, "twelve.json", &document("new", 300, 12, 1));
    save(&operator, "eleven.json", &document("New", 200, 11, 2));
    operator.run("replay twelve.json eleven.json").await.well();
    let newer = ["new 200 4", "new 201 5", "new 300 6"];
    assert_eq!(places(&operator).await[3..], newer);
    // An interrupted one goes on where it was.
    operator.db.sql("DELETE FROM messages WHERE id = 201").await;
    operator.run("replay eleven.json").await.well();
    assert_eq!(places(&operator).await[3..], newer);
    // All older, where the room's first messages are gone: into their places.
    operator.db.sql("DELETE FROM messages WHERE seq < 4").await;
    save(&operator, "nine.json", &document("new", 50, 9, 2));
    operator.run("replay nine.json").await.well();
    assert_eq!(places(&operator).await[..2], ["new 50 2", "new 51 3"]);
    // Killed between claiming places and filling them, it fills those.
    save(&operator, "thirteen.json", &document("new", 400, 13, 2));
    operator
        .killed("replay thirteen.json", "replay:claimed")
        .await;
    operator.run("replay thirteen.json").await.well();
    assert_eq!(places(&operator).await[5..], ["new 400 7", "new 401 8"]);
    assert_eq!(operator.stands().await, ["new 8 0"]);
}

pub(crate) async fn what_does_not_fit_is_refused(db: Db) {
    let operator = Operator::new(db).await;
    save(&operator, "ten.json", &document("new", 100, 10, 3));
    operator.run("replay ten.json").await.well();
    let before = (operator.dump().await, operator.stands().await);
    let mut between = document("new", 500, 9, 2);
    between["messages"][1]["created_at"] = "2023-01-11T00:00:00Z".into();
    let mut other = document("new", 100, 10, 3);
    other["messages"][2]["content"] = "something else".into();
    let mut with_seq = document("new", 600, 10, 1);
    with_seq["messages"][0]["seq"] = 2.into();
    let mut twice = document("new", 700, 12, 2);
    twice["messages"][1]["id"] = 700.into();
    let mut some = document("new", 800, 12, 2);
    some["messages"][1]["seq"] = 9.into();
    let mut nameless = document("new", 900, 12, 1);
    nameless["messages"][0]["user"] = "".into();
    for (what, document, why) in [
        ("between", between, "lie in time between"),
        ("older", document("new", 500, 9, 3), "no 3 places before"),
        ("other", other, "where another one is"),
        (
            "id",
            document("elsewhere", 101, 10, 1),
            "belongs to another message",
        ),
        ("seq", with_seq, "where another one is"),
        ("twice", twice, "comes twice"),
        ("some", some, "others have none"),
        ("nameless", nameless, "this has 0"),
    ] {
        save(&operator, "bad.json", &document);
        let refused = operator.run("replay bad.json").await.exits(65);
        refused.says(why).says("bad.json");
        let now = (operator.dump().await, operator.stands().await);
        assert_eq!(before, now, "{what} wrote something");
    }
    // One bad document, and the good one beside it is not written either.
    save(&operator, "good.json", &document("good", 1_000, 1, 2));
    operator.run("replay good.json bad.json").await.exits(65);
    assert_eq!(before, (operator.dump().await, operator.stands().await));
    let ran = operator.run("replay ten.json --room general").await;
    ran.exits(65);
    operator.run("replay nothing.json").await.exits(66);
}
