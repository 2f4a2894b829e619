//! Pages of a SQLite database are overwritten: a backup and the archive bring it back.
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::background::Background;
use super::site::Site;
use crate::support::db::sqlite;

const PAGE: u64 = 4_096;

/// Messages `first` to `last` of a room, as a commit leaves them.
fn said(room: &str, first: u32, last: u32) -> String {
    format!(
        "INSERT OR IGNORE INTO users (nickname) VALUES ('alice');
         INSERT OR IGNORE INTO rooms (name) VALUES ('{room}');
         WITH RECURSIVE n (seq) AS (SELECT {first} UNION ALL SELECT seq + 1 FROM n WHERE seq < {last})
           INSERT INTO messages (room_id, seq, user_id, content)
           SELECT rooms.id, seq, users.id, hex(randomblob(300)) FROM n, rooms, users
           WHERE rooms.name = '{room}' AND users.nickname = 'alice';
         UPDATE rooms SET last_seq = {last} WHERE name = '{room}'"
    )
}

/// Writes over the third quarter of the file, where only messages are.
fn damage(file: &Path) {
    let opened = OpenOptions::new().write(true).open(file).unwrap();
    let pages = opened.metadata().unwrap().len() / PAGE;
    for page in pages / 2..pages * 3 / 4 {
        opened.write_all_at(&[0xa5; 4_096], page * PAGE).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_were_written_over() {
    let Some(mut site) = Site::bare().await else {
        return;
    };
    let file = site.path().join("chat.db");
    site.db_url = format!("sqlite://{}", file.display());
    let archive = site.path().join("archive").display().to_string();
    site.shell
        .set("DISCORDCTL_ARCHIVE_URL", &format!("file:{archive}"));
    site.shell.set("DISCORDCTL_RETENTION_SCHEDULE", "off");
    let _instances = Background::start(&site).await;
    sqlite(&site.db_url, &said("attic", 1, 300)).await;
    let backup = site.path().join("copy.db");
    let backup = backup.to_str().unwrap();
    site.run(&format!("backup --to {backup}")).await.exits(0);
    sqlite(&site.db_url, &said("attic", 301, 500)).await;
    site.run("archive --keep-rows --older-than 0s")
        .await
        .exits(0);
    sqlite(&site.db_url, "PRAGMA wal_checkpoint(TRUNCATE)").await;
    damage(&file);

    let refused = site.run("backup --to another.db").await.exits(65);
    let problem = refused.problem();
    let runbook = problem["runbook"].as_str().unwrap();
    assert!(runbook.contains("damaged-database"), "{problem}");
    let variables = [
        ("BACKUP", backup),
        ("DB_KIND", "sqlite"),
        ("ARCHIVE", &archive),
    ];
    let walked = site.mend("damaged-database", &variables).await;
    assert_eq!(walked.exit, Some(0), "{}", walked.said);
    let outcomes = walked.outcomes();
    assert_eq!(outcomes[0], "nothing-to-do");
    assert_eq!(outcomes[4..], ["helped", "helped", "helped"]);

    let stored = site.run("storage").await.json();
    let tables = stored["tables"].as_array().unwrap();
    let messages = tables.iter().find(|table| table["name"] == "messages");
    assert_eq!(messages.unwrap()["rows"], 500, "{stored}");
    site.run("status").await.exits(0);
    let again = site.mend("damaged-database", &variables).await;
    assert_eq!((again.exit, again.outcomes().len()), (Some(0), 0));
}
