//! The database is lost while instances run, and restored from a backup.
use sqlx::{Connection, PgConnection};

use super::background::Background;
use super::site::Site;

const SAID: &str = "INSERT INTO users (nickname) VALUES ('alice');
    INSERT INTO rooms (name, last_seq) VALUES ('attic', 2);
    INSERT INTO messages (room_id, seq, user_id, content)
      SELECT rooms.id, seq, users.id, 'kept' FROM rooms, users, (VALUES (1), (2)) AS n (seq)
      WHERE rooms.name = 'attic' AND users.nickname = 'alice'";

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
    let instances = Background::start(&site).await;
    let mut database = PgConnection::connect(&site.db_url).await.unwrap();
    crate::support::postgres::run(&mut database, SAID).await;
    database.close().await.unwrap();
    let backup = site.path().join("chat.dump");
    let backup = backup.to_str().unwrap();
    instances.does(&["backup", "--to", backup], 0).await;

    site.postgres.sql("DROP DATABASE chat WITH (FORCE)").await;
    let walked = site.mend("restore-backup", &[("BACKUP", backup)]).await;
    assert_eq!(walked.exit, Some(0));
    let outcomes = ["nothing-to-do", "helped", "helped", "helped", "helped"];
    assert_eq!(walked.outcomes(), outcomes);

    let mut database = PgConnection::connect(&site.db_url).await.unwrap();
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM messages WHERE content = 'kept'")
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert_eq!(kept, 2);
    instances.does(&["status"], 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_main_file_that_was_moved_away_alone() {
    let Some(mut site) = Site::bare().await else {
        return;
    };
    let file = site.path().join("chat.db");
    site.db_url = format!("sqlite://{}", file.display());
    let instances = Background::start(&site).await;
    let said = async |what: &str| {
        let mut database = sqlx::SqliteConnection::connect(&site.db_url).await.unwrap();
        let sql = SAID.replace("(VALUES (1), (2)) AS n (seq)", what);
        let sql = sqlx::AssertSqlSafe(sql.replace("INTO users", "OR IGNORE INTO users"));
        sqlx::raw_sql(sql).execute(&mut database).await.unwrap();
        database.close().await.unwrap();
    };
    said("(SELECT 1 AS seq UNION SELECT 2)").await;
    let backup = site.path().join("copy.db");
    let backup = backup.to_str().unwrap();
    instances.does(&["backup", "--to", backup], 0).await;
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
    let mut database = sqlx::SqliteConnection::connect(&site.db_url).await.unwrap();
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM messages WHERE content = 'kept'")
        .fetch_one(&mut database)
        .await
        .unwrap();
    assert_eq!(kept, 2);
    database.close().await.unwrap();
    instances.does(&["status"], 0).await;
}
