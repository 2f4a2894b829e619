//! The binary under test, on a data directory and ports of its own, so that it can be killed and come back.
use std::net::SocketAddr;

use crate::support::db::sqlite;
use crate::support::http::{Answer, post, request};
use crate::support::process::Process;
use crate::support::server::spawn;
use crate::support::{Shell, eventually};
use serde_json::Value;

pub(crate) struct Server {
    shell: Shell,
    pub(crate) tcp: u16,
    pub(crate) http: u16,
    process: Option<Process>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let mut server = Self {
            shell: Shell::new(),
            tcp: 0,
            http: 0,
            process: None,
        };
        server.run().await;
        server
    }

    /// Runs it (again), and waits until it says that it is ready.
    pub(crate) async fn run(&mut self) {
        let process = spawn(self.shell.folder.path(), "one", (self.tcp, self.http)).await;
        (self.tcp, self.http) = process.ports();
        self.process = Some(process);
        let ready = || async { self.get("/readyz").await.status == 200 };
        eventually("the server is ready", ready).await;
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.process.as_mut().expect("it runs").kill();
        self.process = None;
    }

    /// Runs the program on its database, with the words of `line`.
    pub(crate) async fn tool(&self, line: &str) {
        let line = format!("{line} --db-url {}", self.url());
        self.shell.run(&line).await.exits(0);
    }

    /// Changes its database, whether it runs or not.
    pub(crate) async fn change(&self, sql: &str) {
        sqlite(&self.url(), sql).await;
    }

    fn url(&self) -> String {
        format!("sqlite://{}/discord.db", self.shell.folder.path().display())
    }

    /// The texts that the server has of a room, in order.
    pub(crate) async fn history(&self, room: &str) -> Vec<String> {
        let path = format!("/api/history/{room}?limit=200");
        let page = self.get(&path).await.body;
        let messages = page["messages"].as_array().unwrap().iter();
        let texts = messages.map(|m| m["content"].as_str().unwrap().to_owned());
        texts.collect()
    }

    pub(crate) async fn header(&self, path: &str, name: &str) -> String {
        let answer = self.get(path).await;
        let found = answer.head.get(name).and_then(|value| value.to_str().ok());
        found.unwrap_or_default().to_owned()
    }

    /// Posts JSON, and gives the status.
    pub(crate) async fn post(&self, path: &str, body: Value) -> u16 {
        post(self.http(), path, body).await.unwrap().status
    }

    async fn get(&self, path: &str) -> Answer {
        let answer = request(self.http(), "GET", path, None).await;
        answer.expect("the server answers")
    }

    pub(crate) fn tcp(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.tcp).into()
    }

    fn http(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.http).into()
    }
}
