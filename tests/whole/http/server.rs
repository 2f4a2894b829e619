//! A server in this process, on free ports, over a database of its own.
use std::net::SocketAddr;
use std::sync::Arc;

use discordctl::config::{self, Config, Sources};
use discordctl::server::Server;
use discordctl::store::{self, Store};
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::client::{Answer, Wire, request};
use super::document::Document;
use crate::support::db::sqlite;
use crate::support::{DEADLINE, in_time};

/// What a test needs of a server. What is not stopped ends with the test's runtime.
pub(crate) struct Running {
    pub(crate) http: SocketAddr,
    server: Option<Server>,
    folder: TempDir,
    settings: Vec<(String, String)>,
}

impl Running {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// Starts with settings by their path, as flags would give them.
    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self::over(folder, owned(settings)).await
    }

    async fn over(folder: TempDir, settings: Vec<(String, String)>) -> Self {
        let config = configuration(&folder, &settings);
        let server = Server::start(&config).await.expect("the server starts");
        Self {
            http: server.http,
            server: Some(server),
            folder,
            settings,
        }
    }

    /// Stops as an operator would.
    pub(crate) async fn stop(self) -> TempDir {
        let stopping = self.server.expect("it runs").stop();
        in_time("the stop", stopping)
            .await
            .expect("a stop that cuts none");
        self.folder
    }

    /// Its database, as another process opens it.
    pub(crate) async fn store(&self) -> Arc<dyn Store> {
        let options = store::Options {
            url: database(&self.folder),
            application: "another".into(),
            connections: 2,
            idle_timeout: DEADLINE,
            acquire_timeout: DEADLINE,
            shed_after: DEADLINE,
            waiting: 100,
        };
        let opened = store::open(&options, Arc::default()).await;
        opened.expect("the server's database")
    }

    /// Begins to stop, while the test goes on asking.
    pub(crate) fn stop_aside(mut self) -> (Self, JoinHandle<()>) {
        let server = self.server.take().expect("it runs");
        let stopping = tokio::spawn(async move {
            let _ = server.stop().await;
        });
        (self, stopping)
    }

    /// Stops, and starts again over the same data.
    pub(crate) async fn restart(self) -> Self {
        self.restart_after("").await
    }

    /// The same, with a statement run in between.
    pub(crate) async fn restart_after(self, statement: &str) -> Self {
        let settings = self.settings.clone();
        let folder = self.stop().await;
        sqlite(&database(&folder), statement).await;
        Self::over(folder, settings).await
    }

    /// What an operator types into its database.
    pub(crate) async fn sql(&self, statement: &str) {
        sqlite(&database(&self.folder), statement).await;
    }

    /// Another's hold on its database.
    pub(crate) async fn connection(&self) -> SqliteConnection {
        let opened = SqliteConnection::connect(&database(&self.folder)).await;
        opened.expect("the database opens")
    }

    /// What these bytes are answered, over a connection of their own.
    pub(crate) async fn raw(&self, bytes: impl AsRef<[u8]>) -> Answer {
        let mut wire = Wire::open(self.http).await;
        wire.send(bytes).await;
        wire.answer().await
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, &[], None).await
    }

    pub(crate) async fn post(&self, target: &str, body: &Value) -> Answer {
        let kind = [("content-type", "application/json")];
        self.ask("POST", target, &kind, Some(&body.to_string()))
            .await
    }

    /// One request over a connection of its own. The answer is held against the API's
    /// description, whatever the test is about.
    pub(crate) async fn ask(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: Option<&str>,
    ) -> Answer {
        let answer = self.raw(request(method, target, headers, body)).await;
        Document::read().check(method, target, &answer);
        answer
    }

    /// Begins a session; the value is its secret.
    pub(crate) async fn connect(&self, nickname: &str) -> String {
        let answer = self
            .post("/api/connect", &json!({ "nickname": nickname }))
            .await;
        assert_eq!(answer.status, 200, "{answer}");
        answer.json()["session_id"]
            .as_str()
            .expect("a session id")
            .to_owned()
    }

    pub(crate) async fn command(&self, session: &str, command: &str) -> Answer {
        let body = json!({ "session_id": session, "command": command });
        self.post("/api/command", &body).await
    }

    pub(crate) async fn say(&self, session: &str, room: &str, content: &str) -> Answer {
        let body = json!({ "session_id": session, "room": room, "content": content });
        self.post("/api/message", &body).await
    }

    /// Says something that must be committed; the value is its `seq`.
    pub(crate) async fn said(&self, session: &str, room: &str, content: &str) -> i64 {
        let answer = self.say(session, room, content).await;
        assert_eq!(answer.status, 200, "{answer}");
        answer.json()["seq"].as_i64().expect("a seq")
    }
}

fn owned(settings: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    settings.iter().map(owned).collect()
}

fn database(folder: &TempDir) -> String {
    format!("sqlite://{}", folder.path().join("chat.db").display())
}

fn configuration(folder: &TempDir, settings: &[(String, String)]) -> Config {
    let fixed = [
        ("tcp_port", "0"),
        ("http_port", "0"),
        ("db_url", &database(folder)),
        ("data_dir", &folder.path().display().to_string()),
        ("drain.spread", "0s"),
        // Nothing runs it here; its age is told.
        ("backup.schedule", "0 2 * * *"),
        ("limits.messages_per_minute", "0"),
        ("limits.requests_per_minute", "0"),
        ("limits.rooms_per_user_per_day", "1000"),
    ];
    let fixed = fixed.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let sources = Sources {
        file: None,
        env: Vec::new(),
        overrides: fixed.into_iter().chain(settings.iter().cloned()).collect(),
    };
    config::load(sources).expect("right settings").config
}
