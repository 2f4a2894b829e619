//! What operators see of sizes, and that it fits on their screen.
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::db::{Db, Kind};
use crate::support::{Ran, Shell};
use crate::upkeep::log::{now, old};

pub(crate) async fn sizes_are_judged_and_their_growth_is_told(db: Db) {
    old(&db, 2, 500, now()).await;
    let shell = Shell::on(&db);
    let first = shell.run("storage").await.well();
    assert_eq!(first["schema"], "discordctl.storage/1");
    assert_eq!(first["state"], "ok");
    let messages = |report: &Value| {
        let tables = report["tables"].as_array().unwrap();
        let found = tables.iter().find(|table| table["name"] == "messages");
        found.expect("it is there").clone()
    };
    assert_eq!(messages(&first)["rows"], 1_000);
    let grown = &messages(&first)["grown_bytes"];
    assert!(grown.is_null(), "there was nothing before");
    assert!(first["disks"][0]["free_bytes"].as_u64() > Some(0));
    assert_eq!(first["archive"]["files"], 0);
    match db.kind {
        Kind::Sqlite => assert!(first["database"]["wal_bytes"].is_i64(), "{first}"),
        Kind::Postgres => assert!(messages(&first)["dead_rows"].is_i64(), "{first}"),
    }

    // A day later there is twice as much.
    db.age("table_sizes", "seen_at", Duration::from_secs(86_400))
        .await;
    db.sql(
        "INSERT INTO messages (room_id, seq, user_id, content)
        SELECT room_id, seq + 1000, user_id, content FROM messages",
    )
    .await;
    let later = messages(&shell.run("storage --dry-run").await.json());
    assert_eq!(
        (&later["rows"], &later["grown_rows"]),
        (&json!(2_000), &json!(1_000))
    );
    let number = |name: &str| later[name].as_f64().unwrap();
    let (grown, rate) = (number("grown_bytes"), number("bytes_per_day"));
    assert!(grown > 0.0 && (rate / grown - 1.0).abs() < 0.05, "{later}");
    let left = number("warning_bytes") - number("bytes");
    let days = number("days_to_warning");
    assert!((days * rate / left - 1.0).abs() < 0.01, "{later}");
    let seen = "SELECT count(*) FROM table_sizes WHERE name = 'messages'";
    assert_eq!(db.number(seen).await, 1, "a dry run writes nothing down");
    shell.run("storage").await;
    assert_eq!(db.number(seen).await, 2);

    let thresholds = [
        ("DISCORDCTL_THRESHOLDS_MESSAGES_TABLE_WARNING", "1KB"),
        ("DISCORDCTL_THRESHOLDS_MESSAGES_TABLE_CRITICAL", "2KB"),
    ];
    let warned = shell.run_with("storage", &thresholds[..1]).await;
    assert_eq!(warned.exits(1).json()["state"], "warning");
    let alarmed = shell.run_with("storage", &thresholds).await;
    assert_eq!(alarmed.exits(2).json()["state"], "critical");
}

pub(crate) async fn tables_fit_on_a_screen(db: Db) {
    old(&db, 3, 300, now()).await;
    let shell = Shell::on(&db);
    for line in [
        "storage",
        "cleanup --dry-run",
        "cleanup",
        "jobs run cleanup",
        "jobs list",
        "storage",
        "backup --to copy --dry-run",
    ] {
        let text = Ran::of(shell.command(line)).await.stdout;
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest.is_some_and(|widest| widest <= 80), "{line}:\n{text}");
    }
}

pub(crate) async fn without_a_database_it_says_so(db: Db) {
    let shell = Shell::on(&db);
    let (url, of_backup, why) = match db.kind {
        Kind::Sqlite => ("sqlite://nothing/there.db", 66, ""),
        Kind::Postgres => (
            "postgres://nobody@127.0.0.1:1/nothing",
            69,
            "Connection refused",
        ),
    };
    for (line, code) in [
        ("storage", 69),
        ("jobs list", 69),
        ("cleanup --dry-run", 69),
        ("backup --to copy", of_backup),
    ] {
        let refused = shell.run(&format!("{line} --db-url {url}")).await;
        refused.exits(code).says(why);
        assert!(!shell.path("nothing").exists() && !shell.path("copy").exists());
    }
}
