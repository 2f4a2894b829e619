//! One instance: the real binary as a process, which may be killed and started again.
use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::comes_true;
use super::http::request;
use super::process::{Process, binary, serve, unlimited, without_settings};

/// Where clients connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) tcp: SocketAddr,
    pub(crate) http: SocketAddr,
}

/// The same addresses, beginning with number `first`.
pub(crate) fn beginning(addresses: &[Address], first: usize) -> Vec<Address> {
    let mut all = addresses.to_vec();
    all.rotate_left(first % addresses.len());
    all
}

/// What an instance is started with.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) name: String,
    pub(crate) db_url: String,
    pub(crate) redis_url: Option<String>,
    /// Settings beyond those, as variables.
    pub(crate) env: Vec<(&'static str, String)>,
    /// What runs the binary, in place of itself.
    pub(crate) wrapper: Vec<String>,
    pub(crate) folder: PathBuf,
}

impl Plan {
    /// What runs it, with its last words told to the test.
    pub(crate) fn command_that_tells(&self) -> Command {
        let mut command = command(self, (0, 0));
        command.stderr(std::process::Stdio::piped());
        command
    }
}

/// Killed when dropped; if its test fails, the end of its log is shown.
pub(crate) struct Instance {
    pub(crate) plan: Plan,
    pub(crate) at: Address,
    process: Process,
}

impl Instance {
    pub(crate) async fn start(plan: Plan) -> Self {
        Self::start_on(plan, (0, 0)).await
    }

    async fn start_on(plan: Plan, ports: (u16, u16)) -> Self {
        let Ok(process) = Process::try_start(command(&plan, ports)).await else {
            show_log(&plan);
            panic!("{} does not start", plan.name);
        };
        let at = Address {
            tcp: process.tcp,
            http: process.http,
        };
        Self { plan, at, process }
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        self.process.signal(signal);
    }

    /// kill -9: nothing is told, nothing is flushed.
    pub(crate) async fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again where it was.
    pub(crate) async fn restart(&mut self) {
        let ports = (self.at.tcp.port(), self.at.http.port());
        *self = Self::start_on(self.plan.clone(), ports).await;
    }

    pub(crate) fn runs(&mut self) -> bool {
        self.process.runs()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = request(self.at.http, "GET", path, None).await;
        answer.expect("it answers").body
    }

    /// Waits until `/health` says so; returns how long that took.
    pub(crate) async fn becomes(&self, status: &str) -> Duration {
        let is_so = async || self.get("/health").await["status"] == status;
        match comes_true(is_so).await {
            Some(took) => took,
            None => {
                let health = self.get("/health").await;
                panic!("{} never became {status}: {health}", self.plan.name)
            }
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if std::thread::panicking() {
            show_log(&self.plan);
        }
    }
}

/// Its log so far.
pub(crate) fn log_of(plan: &Plan) -> String {
    std::fs::read_to_string(log_file(plan)).unwrap_or_default()
}

fn log_file(plan: &Plan) -> PathBuf {
    plan.folder.join(format!("{}.log", plan.name))
}

fn show_log(plan: &Plan) {
    let log = std::fs::read_to_string(log_file(plan)).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    let last = lines.len().saturating_sub(10);
    println!("--- {} ---\n{}", plan.name, lines[last..].join("\n"));
}

fn command(plan: &Plan, ports: (u16, u16)) -> Command {
    let mut line = plan.wrapper.clone();
    line.push(binary());
    let mut program = without_settings(Command::new(&line[0]));
    program.args(&line[1..]);
    let log = File::options()
        .create(true)
        .append(true)
        .open(log_file(plan));
    let mut command = unlimited(serve(program, ports));
    command
        .args(["--instance-id", &plan.name])
        .arg("--data-dir")
        .arg(&plan.folder)
        .env("DISCORDCTL_DB_URL", &plan.db_url)
        .env("DISCORDCTL_HISTORY_PER_ROOM", "500")
        .envs(plan.env.iter().map(|(key, value)| (*key, value)))
        .stderr(log.expect("a log"));
    if let Some(url) = &plan.redis_url {
        command.env("DISCORDCTL_REDIS_URL", url);
    }
    command
}
