//! A Redis of the test's own, which it may kill, stop and start as it likes.
use std::process::{Command, Stdio};
use std::time::Duration;

use redis::{Client, Connection};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::time::Instant;

use super::DEADLINE;
use super::process::{Ours, free_port};

pub(crate) struct Server {
    program: String,
    pub(crate) port: u16,
    pub(crate) dir: TempDir,
    arguments: Vec<String>,
    child: Ours,
}

impl Server {
    /// `None` where there is no `redis-server`; a failure where `scripts/test` brought it.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(|port, _| vec!["--port".into(), port.to_string()])
    }

    /// `arguments` are told a free port and a directory.
    pub(crate) fn start_with(arguments: impl Fn(u16, &TempDir) -> Vec<String>) -> Option<Self> {
        let found = Command::new("redis-server").arg("--version").output();
        if found.is_err() {
            crate::support::need::left_out("redis", "redis-server is not on the PATH");
            return None;
        }
        Some(Self::start_program("redis-server", arguments))
    }

    /// The same of another program, which is there.
    pub(crate) fn start_program(
        program: &str,
        arguments: impl Fn(u16, &TempDir) -> Vec<String>,
    ) -> Self {
        // Between finding a free port and listening on it another may take it.
        for _ in 0..5 {
            let dir = tempfile::tempdir().expect("a directory");
            let port = free_port();
            let arguments = arguments(port, &dir);
            let child = spawn(program, &arguments, &dir);
            let mut server = Self {
                program: program.to_owned(),
                port,
                dir,
                arguments,
                child,
            };
            if server.listens() {
                return server;
            }
        }
        panic!("{program} does not start");
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A plain client, which knows nothing of the bus.
    pub(crate) fn client(&self) -> Connection {
        let client = Client::open(self.url()).expect("a URL");
        let connection = client.get_connection().expect("Redis is there");
        let patience = Some(Duration::from_secs(10));
        connection.set_read_timeout(patience).expect("a socket");
        connection
    }

    /// What a command answers, as a number where it is one.
    pub(crate) fn ask(&self, words: &[&str]) -> i64 {
        redis::from_redis_value(self.answer(words)).unwrap_or(0)
    }

    /// The same, as a text.
    pub(crate) fn text(&self, words: &[&str]) -> String {
        redis::from_redis_value(self.answer(words)).expect("a text")
    }

    /// A setting of the server.
    pub(crate) fn setting(&self, name: &str) -> String {
        let told = redis::from_redis_value(self.answer(&["CONFIG", "GET", name]));
        let mut told: std::collections::BTreeMap<String, String> = told.expect("settings");
        told.remove(name).expect("a setting of that name")
    }

    fn answer(&self, words: &[&str]) -> redis::Value {
        let mut command = redis::cmd(words[0]);
        words[1..].iter().for_each(|word| {
            command.arg(word);
        });
        let answer = command.query(&mut self.client());
        answer.unwrap_or_else(|e| panic!("{words:?}: {e}"))
    }

    pub(crate) fn subscribers(&self, channel: &str) -> i64 {
        let mut command = redis::cmd("PUBSUB");
        command.arg("NUMSUB").arg(channel);
        let (_, count): (String, i64) = command.query(&mut self.client()).expect("an answer");
        count
    }

    /// kill -9, if it runs.
    pub(crate) fn kill(&mut self) {
        if self.child.runs() {
            self.child.kill();
        }
    }

    /// Starts it again where it was.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(&self.program, &self.arguments, &self.dir);
        assert!(self.listens(), "redis-server does not start again");
    }

    pub(crate) fn freeze(&self) {
        self.child.signal(Signal::STOP);
    }

    pub(crate) fn thaw(&self) {
        self.child.signal(Signal::CONT);
    }

    /// Whether it comes up, and did not end because another has its port.
    fn listens(&mut self) -> bool {
        let deadline = Instant::now() + DEADLINE;
        while Instant::now() < deadline {
            if !self.child.runs() {
                return false;
            }
            if std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }
}

fn spawn(program: &str, arguments: &[String], dir: &TempDir) -> Ours {
    let mut command = Command::new(program);
    // A file of settings comes first.
    let (file, arguments) = match arguments.split_first() {
        Some((file, rest)) if file.starts_with('/') => (Some(file), rest),
        _ => (None, arguments),
    };
    command
        .args(file)
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .arg("--dir")
        .arg(dir.path())
        .args(arguments)
        .stdout(Stdio::null());
    Ours::spawn(command)
}
