//! The binary under test, on a data directory and ports of its own, so that it can be killed and come back.
use crate::browser::wait::eventually;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) struct Server {
    dir: TempDir,
    pub(crate) tcp: u16,
    pub(crate) http: u16,
    child: Option<Child>,
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
            tcp: free_port(),
            http: free_port(),
            child: None,
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
        let child = Command::new(env!("CARGO_BIN_EXE_discordctl"))
            .current_dir(dir)
            .args(["serve", "--config", "config.json"])
            .args([
                "--tcp-port",
                &self.tcp.to_string(),
                "--http-port",
                &self.http.to_string(),
            ])
            .args([
                "--db-url",
                &format!("sqlite://{}/discord.db", dir.display()),
            ])
            .arg("--data-dir")
            .arg(dir)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log file twice"))
            .stderr(log)
            .spawn()
            .expect("start discordctl");
        self.child = Some(child);
        eventually("the server is ready", async || {
            if let Some(Ok(Some(status))) = self.child.as_mut().map(Child::try_wait) {
                panic!("the server ended with {status}:\n{}", self.log());
            }
            self.get("/readyz")
                .await
                .is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
        })
        .await;
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// The texts that the server has of a room, in order.
    pub(crate) async fn history(&self, room: &str) -> Vec<String> {
        let answer = self
            .get(&format!("/api/history/{room}?limit=200"))
            .await
            .expect("the server answers");
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let page: serde_json::Value = serde_json::from_str(body).expect("a page of history");
        let messages = page["messages"].as_array().expect("messages");
        messages
            .iter()
            .map(|m| m["content"].as_str().expect("content").to_owned())
            .collect()
    }

    pub(crate) async fn header(&self, path: &str, name: &str) -> String {
        let answer = self.get(path).await.expect("the server answers");
        let head = answer
            .split("\r\n\r\n")
            .next()
            .unwrap_or_default()
            .to_owned();
        let found = head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(n, _)| n.eq_ignore_ascii_case(name));
        found
            .map(|(_, value)| value.trim().to_owned())
            .unwrap_or_default()
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("server.log")).unwrap_or_default()
    }

    /// Posts JSON, and gives the status line.
    pub(crate) async fn post(&self, path: &str, body: &serde_json::Value) -> String {
        let body = body.to_string();
        let rest = format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let answer = self
            .ask("POST", path, &rest)
            .await
            .expect("the server answers");
        answer.lines().next().unwrap_or_default().to_owned()
    }

    async fn get(&self, path: &str) -> Option<String> {
        self.ask("GET", path, "\r\n").await
    }

    /// The whole answer, headers and all. JSON answers carry a length, so no chunks have to be put together.
    async fn ask(&self, method: &str, path: &str, rest: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.http)).await.ok()?;
        let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
        stream
            .write_all(format!("{head}{rest}").as_bytes())
            .await
            .ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok()?;
        Some(String::from_utf8_lossy(&answer).into_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- the server said:\n{}", self.log());
        }
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}
