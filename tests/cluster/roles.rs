//! PostgreSQL with two roles, as `config/postgres-roles.sql` makes them: one that owns and migrates, and one
//! with which everything else is done and which can do no more.
use std::path::Path;

use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};

use crate::support::http::{connect, post};
use crate::support::postgres::{Postgres, folder, run};
use crate::support::{Ran, Shell, eventually};

struct Site {
    postgres: Postgres,
    shell: Shell,
}

impl Site {
    async fn new() -> Option<Self> {
        let postgres = Postgres::start().await?;
        let shell = Shell::within(folder()).with("DISCORDCTL_CONFIG", "one.json");
        let off = json!({ "schedule": "off" });
        let settings = json!({
            "instance_id": "one", "data_dir": "one", "retention": off, "archive": off
        });
        std::fs::write(shell.path("one.json"), settings.to_string()).expect("written");
        Some(Self { postgres, shell })
    }

    /// What an administrator types, now or again.
    fn make_roles(&self) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/postgres-roles.sql");
        let names = [
            ("database", "chat"),
            ("owner", "chat_owner"),
            ("serving", "chat"),
        ];
        self.postgres.psql(&file, &names);
    }

    fn url(&self, role: &str) -> String {
        format!("postgresql://{role}@127.0.0.1:{}/chat", self.postgres.port)
    }

    async fn run_as(&self, role: &str, line: &str) -> Ran {
        let url = self.url(role);
        self.shell
            .run_with(line, &[("DISCORDCTL_DB_URL", &url)])
            .await
    }

    async fn link(&self, role: &str) -> PgConnection {
        PgConnection::connect(&self.url(role))
            .await
            .expect("it may")
    }

    /// What the check of the role says: how bad, and why.
    async fn judged(&self, role: &str) -> (String, String) {
        let report = self.run_as(role, "doctor").await.json();
        let checks = report["checks"].as_array().expect("a list");
        let found = checks.iter().find(|check| check["check"] == "role");
        let word = |key: &str| {
            found.expect("it is there")[key]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        (word("level"), word("detail"))
    }
}

const OWNER: &str = "chat_owner";
const SERVING: &str = "chat";

/// The SQLSTATE with which it is refused.
async fn refused(link: &mut PgConnection, sql: &str) -> String {
    let error = sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(link)
        .await
        .expect_err(sql);
    let code = error.as_database_error().and_then(|e| e.code());
    code.expect("the database says so").into_owned()
}

const ARCHIVED: &str = "INSERT INTO rooms (name, last_seq) VALUES ('attic', 2);
    INSERT INTO users (nickname) VALUES ('old');
    INSERT INTO messages (room_id, seq, user_id, content, created_at)
      SELECT r.id, n, u.id, 'of old', '2024-01-20Z' FROM rooms r, users u, generate_series(1, 2) n
      WHERE r.name = 'attic' AND u.nickname = 'old'";

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_only_serves_is_enough_for_all_but_migrating() {
    let Some(site) = Site::new().await else {
        return;
    };
    site.make_roles();
    for line in ["serve --tcp-port 0 --http-port 0", "jobs list"] {
        let told = site.run_as(SERVING, line).await.exits(78);
        assert!(told.stderr.contains("has to be migrated"), "{told:?}");
        assert!(
            !line.starts_with("serve") || told.stderr.contains("as the role that owns the schema"),
            "{told:?}"
        );
    }
    let told = site.run_as(SERVING, "migrate up").await.exits(77);
    assert!(told.stderr.contains("needs their owner"), "{told:?}");
    site.run_as(OWNER, "migrate up").await.exits(0);
    let (level, why) = site.judged(SERVING).await;
    assert!(
        level == "warning" && why.contains("schema_migrations"),
        "{why}"
    );
    site.make_roles();

    let settings = [
        ("DISCORDCTL_DB_URL", &*site.url(SERVING)),
        ("DISCORDCTL_DB_WAIT", "5s"),
    ];
    let server = site.shell.serve("one", &settings).await;
    run(&mut site.link(SERVING).await, ARCHIVED).await;
    let session = connect(server.http, "alice").await;
    for command in [
        "/create den",
        "/join general",
        "/history 5",
        "/rooms",
        "/list",
        "/nick alicia",
        "/leave den",
    ] {
        let asked = json!({ "session_id": session, "command": command });
        let answer = post(server.http, "/api/command", asked)
            .await
            .expect("it answers");
        assert_eq!(answer.status, 200, "{command}: {answer:?}");
    }
    let said =
        json!({ "session_id": session, "room": "general", "content": "hello", "nonce": "n-1" });
    let answer = post(server.http, "/api/message", said)
        .await
        .expect("it answers");
    assert_eq!(answer.status, 200, "{answer:?}");
    for line in [
        "health",
        "storage",
        "archive run",
        "cleanup --yes",
        "replay archive",
        "jobs list",
        "jobs run archive",
        "jobs run cleanup",
        "backup --to copy",
        "backup verify copy",
        "jobs run backup",
        "events",
        "epoch",
        "migrate status",
        "migrate verify",
        "connections",
    ] {
        let ran = site.run_as(SERVING, line).await;
        assert!(matches!(ran.code, Some(0 | 1)), "{line}: {ran:?}");
    }
    let count = "SELECT count(*) FROM messages WHERE content = 'of old'";
    let of_old: i64 = sqlx::query_scalar(count)
        .fetch_one(&mut site.link(SERVING).await)
        .await
        .expect("a number");
    assert_eq!(of_old, 2, "archived, and replayed");
    assert_eq!(site.judged(SERVING).await.0, "ok");
    assert!(site.judged(OWNER).await.1.contains("owns the tables"));
    assert_eq!(server.terminate().await, Some(0));
    serving_can_do_no_more(&site).await;
}

async fn serving_can_do_no_more(site: &Site) {
    let mut link = site.link(SERVING).await;
    for sql in [
        "TRUNCATE nonces",
        "CREATE TABLE mine (a int)",
        "DROP TABLE messages",
        "ALTER TABLE users ADD COLUMN mine int",
        "CREATE INDEX mine ON users (id)",
        "CREATE TRIGGER mine BEFORE INSERT ON users EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "UPDATE schema_migrations SET name = 'mine'",
        "DELETE FROM schema_steps",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        "CREATE DATABASE mine",
        "SET ROLE chat_owner",
        "COPY users TO PROGRAM 'cat'",
        "SELECT pg_read_file('/etc/passwd')",
    ] {
        let state = refused(&mut link, sql).await;
        assert!(["42501", "42809"].contains(&&*state), "{sql}: {state}");
    }
    // What a later migration makes is open to it at once, and no more than that.
    let later =
        "CREATE TABLE later (id bigint PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, a serial)";
    run(&mut site.link(OWNER).await, later).await;
    let used = "INSERT INTO later DEFAULT VALUES; UPDATE later SET a = 2; DELETE FROM later";
    run(&mut link, used).await;
    assert_eq!(refused(&mut link, "TRUNCATE later").await, "42501");
    assert_eq!(site.judged(SERVING).await.0, "ok");
    let closed = "REVOKE INSERT ON nonces FROM chat";
    run(&mut site.link(OWNER).await, closed).await;
    let (level, why) = site.judged(SERVING).await;
    assert!(level == "critical" && why.contains("nonces"), "{why}");
}

/// A deployment with one role for everything gets two roles while clients talk.
#[tokio::test(flavor = "multi_thread")]
async fn one_role_becomes_two_under_a_running_server() {
    let Some(site) = Site::new().await else {
        return;
    };
    site.postgres.sql("CREATE ROLE chat LOGIN").await;
    site.postgres.sql("CREATE DATABASE chat OWNER chat").await;
    site.run_as(SERVING, "migrate up").await.exits(0);
    assert!(site.judged(SERVING).await.1.contains("owns the tables"));
    let settings = [("DISCORDCTL_DB_URL", &*site.url(SERVING))];
    let server = site.shell.serve("one", &settings).await;
    let session = connect(server.http, "alice").await;
    let said = async |text: &str| {
        let said = json!({ "session_id": session, "room": "general", "content": text });
        post(server.http, "/api/message", said)
            .await
            .expect("it answers")
            .status
            == 200
    };
    assert!(said("before").await);
    site.make_roles();
    eventually("it goes on", async || said("after").await).await;
    assert_eq!(site.judged(SERVING).await.0, "ok");
    let mut link = site.link(SERVING).await;
    assert_eq!(refused(&mut link, "DROP TABLE messages").await, "42501");
    let health = site.run_as(SERVING, "migrate status").await.json();
    assert_ne!(health, Value::Null);
    assert_eq!(server.terminate().await, Some(0));
}
