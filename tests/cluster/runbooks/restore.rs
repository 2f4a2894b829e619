//! The database is lost while instances run, and restored from a backup.
use sqlx::{Connection, SqliteConnection};

use super::background::Background;
use super::site::Site;
use crate::support::db::{connect, sqlite};
use crate::support::postgres::{run, scalar};

const SAID: &str = "INSERT INTO users (nickname) VALUES ('alice');
    INSERT INTO rooms (name, last_seq) VALUES ('attic', 2);
    INSERT INTO messages (room_id, seq, user_id, content)
      SELECT rooms.id, seq, users.id, 'kept' FROM rooms, users, (VALUES (1), (2)) AS n (seq)
      WHERE rooms.name = 'attic' AND users.nickname = 'alice'";

const KEPT: &str = "SELECT count(*) FROM messages WHERE content = 'kept'";

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_database() {
    let Some(mut site) = Site::bare().await else {
        return;
    };
    // No superuser: a dump is a program.
    site.postgres.sql("CREATE ROLE chat LOGIN CREATEDB").await;
    site.postgres.sql("CREATE DATABASE chat OWNER chat").await;
    let port = site.postgres.port;
    site.db_url = format!("postgresql://chat@127.0.0.1:{port}/chat");
    let _instances = Background::start(&site).await;
    run(&mut connect(&site.db_url).await, SAID).await;
    let backup = site.path().join("chat.dump");
    let backup = backup.to_str().unwrap();
    site.run(&format!("backup --to {backup}")).await.exits(0);

    site.postgres.sql("DROP DATABASE chat WITH (FORCE)").await;
    let walked = site.mend("restore-backup", &[("BACKUP", backup)]).await;
    assert_eq!(walked.exit, Some(0));
    let outcomes = ["nothing-to-do", "helped", "helped", "helped", "helped"];
    assert_eq!(walked.outcomes(), outcomes);

    let mut database = connect(&site.db_url).await;
    assert_eq!(scalar(&mut database, KEPT).await, 2);
    site.run("status").await.exits(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_main_file_that_was_moved_away_alone() {
    let Some(mut site) = Site::bare().await else {
        return;
    };
    let file = site.path().join("chat.db");
    site.db_url = format!("sqlite://{}", file.display());
    let instances = Background::start(&site).await;
    let said = SAID.replace(
        "(VALUES (1), (2)) AS n (seq)",
        "(SELECT 1 AS seq UNION SELECT 2)",
    );
    sqlite(&site.db_url, &said).await;
    let backup = site.path().join("copy.db");
    let backup = backup.to_str().unwrap();
    site.run(&format!("backup --to {backup}")).await.exits(0);
    let pid = instances.pid().await;
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    instances.is_dead().await;
    // What was said last is in the log, and the main file is moved away without it.
    std::fs::rename(&file, site.path().join("old.db")).unwrap();
    let variables = [("BACKUP", backup), ("DB_KIND", "sqlite")];
    let walked = site.mend("restore-backup", &variables).await;
    assert_eq!(walked.exit, Some(0));
    let outcomes = [
        "nothing-to-do",
        "helped",
        "nothing-to-do",
        "helped",
        "helped",
    ];
    assert_eq!(walked.outcomes(), outcomes);
    let mut database = SqliteConnection::connect(&site.db_url).await.unwrap();
    let kept: i64 = sqlx::query_scalar(KEPT)
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert_eq!(kept, 2);
    site.run("status").await.exits(0);
}
