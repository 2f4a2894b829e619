//! What operators see of sizes, and that it fits on their screen.
use std::time::Duration;

use crate::support::Ran;
use crate::support::db::{Db, Kind};
use crate::upkeep::log::{now, old};
use crate::upkeep::program::Program;

pub(crate) async fn sizes_are_judged_and_their_growth_is_told(db: Db) {
    old(&db, 2, 500, now()).await;
    let program = Program::on(&db);
    let first = program.run(&["storage"]).await;
    assert_eq!(first.code, Some(0), "{first:?}");
    assert_eq!(
        (&*first.json()["schema"].to_string(), &first.json()["state"]),
        ("\"discordctl.storage/1\"", &"ok".into())
    );
    let messages = |ended: &Ran| {
        let report = ended.json();
        let tables = report["tables"].as_array().expect("a list");
        let found = tables.iter().find(|table| table["name"] == "messages");
        found.expect("it is there").clone()
    };
    assert_eq!(messages(&first)["rows"], 1_000);
    assert!(
        messages(&first)["grown_bytes"].is_null(),
        "there was nothing before"
    );
    assert!(first.json()["disks"][0]["free_bytes"].as_u64() > Some(0));
    assert_eq!(first.json()["archive"]["files"], 0);
    match db.kind {
        Kind::Sqlite => assert!(first.json()["database"]["wal_bytes"].is_i64(), "{first:?}"),
        Kind::Postgres => assert!(messages(&first)["dead_rows"].is_i64(), "{first:?}"),
    }

    // A day later there is twice as much.
    db.age("table_sizes", "seen_at", Duration::from_secs(86_400))
        .await;
    db.sql(
        "INSERT INTO messages (room_id, seq, user_id, content)
        SELECT room_id, seq + 1000, user_id, content FROM messages",
    )
    .await;
    let dry = program.run(&["storage", "--dry-run"]).await;
    let later = messages(&dry);
    assert_eq!(
        (later["rows"].as_i64(), later["grown_rows"].as_i64()),
        (Some(2_000), Some(1_000))
    );
    let (grown, rate) = (
        later["grown_bytes"].as_f64(),
        later["bytes_per_day"].as_f64(),
    );
    let (grown, rate) = (grown.expect("a number"), rate.expect("a number"));
    assert!(grown > 0.0 && (rate / grown - 1.0).abs() < 0.05, "{later}");
    let left = later["warning_bytes"].as_f64().expect("a number")
        - later["bytes"].as_f64().expect("a number");
    let days = later["days_to_warning"].as_f64().expect("a number");
    assert!((days * rate / left - 1.0).abs() < 0.01, "{later}");
    let seen = "SELECT count(*) FROM table_sizes WHERE name = 'messages'";
    assert_eq!(db.number(seen).await, 1, "a dry run writes nothing down");
    program.run(&["storage"]).await;
    assert_eq!(db.number(seen).await, 2);

    let warning = [("DISCORDCTL_THRESHOLDS_MESSAGES_TABLE_WARNING", "1KB")];
    let warned = program.run_with(&["storage"], &warning).await;
    assert_eq!(
        (warned.code, &warned.json()["state"]),
        (Some(1), &"warning".into())
    );
    let critical = [
        warning[0],
        ("DISCORDCTL_THRESHOLDS_MESSAGES_TABLE_CRITICAL", "2KB"),
    ];
    let alarmed = program.run_with(&["storage"], &critical).await;
    assert_eq!(
        (alarmed.code, &alarmed.json()["state"]),
        (Some(2), &"critical".into())
    );
}

pub(crate) async fn tables_fit_on_a_screen(db: Db) {
    old(&db, 3, 300, now()).await;
    let program = Program::on(&db);
    let shown = async |args: &[&str]| {
        let mut command = program.command(args);
        let output = tokio::task::spawn_blocking(move || command.output());
        let output = output.await.expect("no panic").expect("discordctl runs");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    for args in [
        &["storage"][..],
        &["cleanup", "--dry-run"],
        &["cleanup"],
        &["jobs", "run", "cleanup"],
        &["jobs", "list"],
        &["storage"],
        &["backup", "--to", "copy", "--dry-run"],
    ] {
        let text = shown(args).await;
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(
            widest.is_some_and(|widest| widest <= 80),
            "{args:?}:\n{text}"
        );
    }
}

pub(crate) async fn without_a_database_it_says_so(db: Db) {
    let program = Program::on(&db);
    let url = match db.kind {
        Kind::Sqlite => "sqlite://nothing/there.db",
        Kind::Postgres => "postgres://nobody@127.0.0.1:1/nothing",
    };
    for args in [
        &["storage"][..],
        &["jobs", "list"],
        &["cleanup", "--dry-run"],
        &["backup", "--to", "copy"],
    ] {
        let refused = program.run(&[args, &["--db-url", url]].concat()).await;
        let expected = match (db.kind, args[0]) {
            (Kind::Sqlite, "backup") => 66,
            _ => 69,
        };
        assert_eq!(refused.code, Some(expected), "{args:?}: {refused:?}");
        let why = refused.stderr.contains("Connection refused");
        assert!(why || db.kind == Kind::Sqlite, "{args:?}: {refused:?}");
        assert!(!program.path("nothing").exists() && !program.path("copy").exists());
    }
}
