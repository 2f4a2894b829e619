//! One instance: the real binary as a process, which may be killed and started again.
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use super::DEADLINE;
use super::http::request;

/// Where clients connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) tcp: SocketAddr,
    pub(crate) http: SocketAddr,
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

/// Killed when dropped; if its test fails, the end of its log is shown.
pub(crate) struct Instance {
    pub(crate) plan: Plan,
    pub(crate) at: Address,
    child: Child,
}

impl Instance {
    pub(crate) async fn start(plan: Plan) -> Self {
        Self::start_on(plan, (0, 0)).await
    }

    async fn start_on(plan: Plan, ports: (u16, u16)) -> Self {
        let mut child = spawn(&plan, ports);
        let stdout = child.stdout.take().expect("stdout is piped");
        let greeting = timeout(DEADLINE, greeting(stdout)).await;
        let Ok(Some(greeting)) = greeting else {
            show_log(&plan);
            panic!("{} does not start", plan.name);
        };
        let at = Address {
            tcp: address(&greeting[0]),
            http: address(&greeting[1]),
        };
        Self { plan, at, child }
    }

    /// kill -9: nothing is told, nothing is flushed.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.expect("it was running");
    }

    /// Starts it again where it was.
    pub(crate) async fn restart(&mut self) {
        let ports = (self.at.tcp.port(), self.at.http.port());
        *self = Self::start_on(self.plan.clone(), ports).await;
    }

    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = request(self.at.http, "GET", path, None).await;
        answer.expect("it answers").body
    }

    /// Waits until `/health` says so; returns how long that took.
    pub(crate) async fn becomes(&self, status: &str) -> Duration {
        let start = Instant::now();
        loop {
            let health = self.get("/health").await;
            if health["status"] == status {
                return start.elapsed();
            }
            assert!(
                start.elapsed() < DEADLINE,
                "{} never became {status}: {health}",
                self.plan.name
            );
            sleep(Duration::from_millis(10)).await;
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

fn log_file(plan: &Plan) -> PathBuf {
    plan.folder.join(format!("{}.log", plan.name))
}

fn show_log(plan: &Plan) {
    let log = std::fs::read_to_string(log_file(plan)).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    let last = lines.len().saturating_sub(10);
    println!("--- {} ---\n{}", plan.name, lines[last..].join("\n"));
}

fn spawn(plan: &Plan, ports: (u16, u16)) -> Child {
    let binary = std::env::var("DISCORDCTL_TEST_BINARY");
    let binary = binary.unwrap_or_else(|_| env!("CARGO_BIN_EXE_discordctl").to_owned());
    let mut line = plan.wrapper.clone();
    line.push(binary);
    let mut command = Command::new(&line[0]);
    // The instance must have these settings and no others that the caller happens to have.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("DISCORDCTL_") {
            command.env_remove(name);
        }
    }
    let log = File::options()
        .create(true)
        .append(true)
        .open(log_file(plan));
    command
        .args(&line[1..])
        .arg("serve")
        .args(["--tcp-port", &ports.0.to_string()])
        .args(["--http-port", &ports.1.to_string()])
        .args(["--instance-id", &plan.name])
        .arg("--data-dir")
        .arg(Path::new(&plan.folder))
        .env("DISCORDCTL_DB_URL", &plan.db_url)
        .env("DISCORDCTL_LIMITS_MESSAGES_PER_MINUTE", "0")
        .env("DISCORDCTL_LIMITS_REQUESTS_PER_MINUTE", "0")
        .env("DISCORDCTL_DRAIN_SPREAD", "50ms")
        .env("DISCORDCTL_HISTORY_PER_ROOM", "500")
        .envs(plan.env.iter().map(|(key, value)| (*key, value)))
        .envs(
            plan.redis_url
                .iter()
                .map(|url| ("DISCORDCTL_REDIS_URL", url)),
        )
        .stdout(Stdio::piped())
        .stderr(log.expect("a log"))
        .kill_on_drop(true)
        .spawn()
        .expect("the binary starts")
}

/// The three lines that a running instance prints; `None` if it ends first.
async fn greeting(stdout: tokio::process::ChildStdout) -> Option<Vec<String>> {
    let mut lines = BufReader::new(stdout).lines();
    let mut greeting = Vec::new();
    while greeting.len() < 3 {
        greeting.push(lines.next_line().await.ok()??);
    }
    Some(greeting)
}

fn address(line: &str) -> SocketAddr {
    let digits = line.trim_end_matches('/').rsplit([' ', ':']).next();
    let port: Option<u16> = digits.and_then(|digits| digits.parse().ok());
    SocketAddr::from(([127, 0, 0, 1], port.expect("a port in the greeting")))
}
