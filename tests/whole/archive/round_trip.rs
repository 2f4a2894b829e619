//! Out, gone, and back.
use std::process::Command;

use discordctl::clock::{Clock, SystemClock};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use crate::archive::operator::Operator;
use crate::support::db::{Db, Kind};

pub(crate) async fn archived_and_replayed_rows_are_the_very_same(db: Db) {
    let operator = Operator::new(db).await;
    operator.fill(&["general", "a.Room"], 1_000).await;
    let (before, stands) = (
        operator.dump().await,
        ["a.Room 1000 1000", "general 1000 1000"],
    );
    for line in ["archive run", "archive run --zstd"] {
        let run = operator.run(line).await.well();
        assert_eq!(run["deleted"], 1_980, "{run}");
        assert_eq!(operator.dump().await.len(), 20);
        assert_eq!(operator.stands().await, stands);
        let verified = operator.run("archive verify").await.well();
        assert_eq!(verified["damaged"], 0, "{verified}");

        let replayed = operator.run("replay archive").await.well();
        assert_eq!(
            (&replayed["messages"], &replayed["restored"]),
            (&2_000.into(), &1_980.into())
        );
        assert!(operator.dump().await == before, "every row as it was");
        let again = operator.run("replay --file archive").await.well();
        assert_eq!(again["restored"], 0, "{again}");
        assert!(operator.dump().await == before, "every row once");
        assert_eq!(
            operator.stands().await,
            stands,
            "what is in the archive is known to be there"
        );
        if line == "archive run" {
            readable_by_jq(&operator).await;
            // As before there was an archive.
            std::fs::remove_dir_all(operator.path("archive")).unwrap();
            operator.db.sql("DELETE FROM room_archive").await;
        }
    }
    let mut documents = operator.documents().await;
    assert!(
        documents.iter().all(|d| d.0.ends_with(".json.zst")),
        "{documents:?}"
    );
    // January has 11 days and 23 hours left, from the 20th on.
    documents.retain(|d| d.0.contains("/general_"));
    assert_eq!(documents[0].1, 12 * 24 - 1, "{documents:?}");

    // Into a database that knows none of it.
    operator
        .db
        .sql("DELETE FROM messages; DELETE FROM room_archive; DELETE FROM rooms; DELETE FROM users")
        .await;
    operator.run("replay archive --room general").await.well();
    assert_eq!(operator.stands().await, ["general 1000 0"]);
    assert_eq!(operator.db.number("SELECT count(*) FROM users").await, 2);
    // What is said next has a place and an id beyond.
    let store = operator.db.open().await;
    let name = discordctl::model::RoomName::parse("GENERAL").unwrap();
    let (room, last) = store.room(&name).await.unwrap().unwrap();
    assert_eq!(last.get(), 1_000);
    let user = store.user("bob").await.unwrap();
    let draft = discordctl::store::Draft {
        room: room.key,
        user,
        operation: discordctl::store::Operation::say("next".into()),
        nonce: None,
    };
    let said = store.append(&[draft]).await.unwrap().remove(0).unwrap();
    assert_eq!(said.seq.get(), 1_001);
    let higher = format!("SELECT count(*) FROM messages WHERE id > {}", said.id);
    assert_eq!(operator.db.number(&higher).await, 0);
}

async fn readable_by_jq(operator: &Operator) {
    let (path, count, ..) = operator.documents().await.remove(0);
    let jq = Command::new("jq")
        .args([".messages | length"])
        .arg(operator.path("archive").join(path))
        .output();
    match jq {
        Ok(output) => assert_eq!(output.stdout, format!("{count}\n").as_bytes()),
        Err(error) => crate::support::need::left_out("tools", &format!("jq: {error}")),
    }
}

pub(crate) async fn the_newest_and_the_young_stay(db: Db) {
    let operator = Operator::new(db).await;
    operator.fill(&["general"], 50).await;
    let now = match operator.db.kind {
        Kind::Sqlite => "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
        Kind::Postgres => "now()",
    };
    // Of fifty, thirty are of today; one of those has an old time, which an operator gave it.
    operator
        .db
        .sql(&format!(
            "UPDATE messages SET created_at = {now} WHERE seq > 20 AND seq <> 22"
        ))
        .await;
    let kept = operator.run("archive --keep-rows").await.well();
    assert_eq!(
        (&kept["archived"], &kept["deleted"]),
        (&20.into(), &0.into())
    );
    assert_eq!(operator.dump().await.len(), 50);
    assert_eq!(operator.stands().await, ["general 50 20"]);
    let run = operator.run("archive --room General").await.well();
    assert_eq!((&run["archived"], &run["deleted"]), (&0.into(), &20.into()));
    // An age that is asked for is meant; the newest ten stay whatever is asked for.
    let run = operator.run("archive --older-than 0s").await.well();
    assert_eq!(
        (&run["archived"], &run["deleted"]),
        (&30.into(), &20.into())
    );
    let version = operator
        .db
        .number("SELECT history_version FROM rooms")
        .await;
    assert!(version > 0, "running instances are told");
    let run = operator.run("archive --older-than 0s").await.well();
    assert_eq!((&run["archived"], &run["deleted"]), (&0.into(), &0.into()));
    operator.run("archive --room nowhere").await.exits(66);
}

/// Any text that people, or an operator by hand, can have put into the database.
pub(crate) async fn whatever_was_said_comes_back(db: Db) {
    let operator = Operator::new(db).await;
    operator.fill(&["general"], 200).await;
    let mut runner = TestRunner::deterministic();
    let texts = proptest::collection::vec(".{0,40}|[\\x01-\\x7f\\u{80}-\\u{10ffff}]{0,40}", 200);
    let texts = texts.new_tree(&mut runner).unwrap().current();
    for (n, text) in texts.iter().enumerate() {
        let text = text.replace('\0', "0").replace('\'', "''");
        let seq = n + 1;
        let update = format!("UPDATE messages SET content = '{text}' WHERE seq = {seq}");
        operator.db.sql(&update).await;
    }
    let before = operator.dump().await;
    operator.run("archive").await.well();
    operator.run("replay archive").await.well();
    assert!(operator.dump().await == before, "every row as it was");
}

pub(crate) async fn a_dry_run_changes_nothing(db: Db) {
    let operator = Operator::new(db).await;
    operator.fill(&["general"], 300).await;
    let before = (operator.dump().await, operator.stands().await);
    let would = operator.run("archive --dry-run").await.well();
    assert_eq!(before, (operator.dump().await, operator.stands().await));
    assert!(!operator.path("archive").exists());
    let did = operator.run("archive").await.well();
    let paths = |report: &serde_json::Value| {
        let files = report["files"].as_array().unwrap().iter();
        files.map(|f| f["path"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(paths(&would), paths(&did));
    assert_eq!(would["deleted"], did["deleted"]);

    let before = (operator.dump().await, operator.stands().await);
    let would = operator.run("replay archive --dry-run").await.well();
    assert_eq!(would["restored"], 290);
    assert_eq!(before, (operator.dump().await, operator.stands().await));
}

pub(crate) async fn one_at_a_time(db: Db) {
    let operator = Operator::new(db).await;
    operator.fill(&["general"], 20).await;
    // A lease that ends later than any is given is one of a clock that was wrong.
    let later = SystemClock.utc() + std::time::Duration::from_secs(20);
    let later = later.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    operator
        .db
        .sql(&format!(
            "INSERT INTO leases (name, holder, until) VALUES ('archive', 'somebody', '{later}')"
        ))
        .await;
    let refused = operator.run("archive").await.exits(75);
    refused.says("somebody is at it");
    operator.run("archive --dry-run").await.exits(0);
    operator.forget_lease().await;
    operator.run("archive").await.well();
    assert_eq!(operator.db.number("SELECT count(*) FROM leases").await, 0);
}

pub(crate) async fn what_was_said_behind_walls_comes_back_behind_them(db: Db) {
    let operator = Operator::new(db).await;
    let rooms = ["acme/plans", "cellar", "@17+23", "square"];
    operator.fill(&rooms, 100).await;
    let db = &operator.db;
    db.sql(
        "INSERT INTO workspaces (name) VALUES ('acme');
         UPDATE rooms SET workspace_id = (SELECT id FROM workspaces WHERE name = 'acme')
           WHERE name = 'acme/plans';
         UPDATE rooms SET kind = 'private' WHERE name = 'cellar';
         UPDATE rooms SET kind = 'direct' WHERE name = '@17+23'",
    )
    .await;
    operator.run("archive run").await.well();
    // Into a database that knows none of it.
    db.sql(
        "DELETE FROM messages; DELETE FROM room_archive; DELETE FROM rooms;
         DELETE FROM workspaces WHERE name = 'acme'",
    )
    .await;
    operator.run("replay archive").await.well();
    let walls = "SELECT r.name || ' ' || r.kind || ' ' || w.name FROM rooms r
         JOIN workspaces w ON w.id = r.workspace_id ORDER BY r.kind, w.name";
    let expected = [
        "@17+23 direct main",
        "cellar private main",
        "acme/plans public acme",
        "square public main",
    ];
    assert_eq!(db.texts(walls).await, expected);
    let people = "SELECT count(*) FROM room_members";
    assert_eq!(db.number(people).await, 0, "nobody is let in");
    let odd = discordctl::store::check::Inspector::open(&db.url).await;
    let odd = odd
        .expect("a database")
        .odd_names()
        .await
        .expect("readable");
    assert_eq!(odd, discordctl::store::check::OddNames::default());
}
