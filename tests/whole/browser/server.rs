//! The binary under test, on a data directory and ports of its own, so that it can be killed and come back.
use std::net::SocketAddr;

use discordctl::client::ClientError;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::eventually;
use crate::support::http::{Answer, request};
use crate::support::process::{Process, program, serve};

pub(crate) struct Server {
    dir: TempDir,
    pub(crate) tcp: u16,
    pub(crate) http: u16,
    process: Option<Process>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let config =
            serde_json::json!({ "limits": { "messages_per_minute": 0, "requests_per_minute": 0 } });
        std::fs::write(dir.path().join("config.json"), config.to_string())
            .expect("write the configuration");
        let mut server = Self {
            dir,
            tcp: 0,
            http: 0,
            process: None,
        };
        server.run().await;
        server
    }

    /// Runs it (again), and waits until it says that it is ready.
    pub(crate) async fn run(&mut self) {
        let dir = self.dir.path();
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(dir.join("server.log"))
            .expect("a log file");
        let mut command = serve(program(), (self.tcp, self.http));
        command
            .current_dir(dir)
            .args(["--config", "config.json"])
            .args([
                "--db-url",
                &format!("sqlite://{}/discord.db", dir.display()),
            ])
            .arg("--data-dir")
            .arg(dir)
            .stderr(log);
        let Ok(process) = Process::try_start(command).await else {
            panic!("the server does not start:\n{}", self.log());
        };
        (self.tcp, self.http) = process.ports();
        self.process = Some(process);
        eventually("the server is ready", || async {
            let ready = self.ask("GET", "/readyz", None).await;
            ready.is_ok_and(|ready| ready.status == 200)
        })
        .await;
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.process.as_mut().expect("it runs").kill();
        self.process = None;
    }

    /// The texts that the server has of a room, in order.
    pub(crate) async fn history(&self, room: &str) -> Vec<String> {
        let path = format!("/api/history/{room}?limit=200");
        let page = self.get(&path).await.body;
        let messages = page["messages"].as_array().expect("messages");
        messages
            .iter()
            .map(|m| m["content"].as_str().expect("content").to_owned())
            .collect()
    }

    pub(crate) async fn header(&self, path: &str, name: &str) -> String {
        let answer = self.get(path).await;
        let found = answer.head.get(name).and_then(|value| value.to_str().ok());
        found.unwrap_or_default().to_owned()
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("server.log")).unwrap_or_default()
    }

    /// Posts JSON, and gives the status.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> u16 {
        let answer = self.ask("POST", path, Some(body.clone())).await;
        answer.expect("the server answers").status
    }

    async fn get(&self, path: &str) -> Answer {
        let answer = self.ask("GET", path, None).await;
        answer.expect("the server answers")
    }

    async fn ask(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Answer, ClientError> {
        request(([127, 0, 0, 1], self.http).into(), method, path, body).await
    }

    pub(crate) fn tcp(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.tcp).into()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the server said:\n{}", self.log());
        }
    }
}
