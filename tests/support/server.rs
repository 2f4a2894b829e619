//! A server for a test: in this process, or the real binary as a process of its own.
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use discordctl::config::Config;
use discordctl::server::Server;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::DEADLINE;

/// A configuration on free ports and a file of its own, without limits that tests would meet.
pub(crate) fn config(folder: &Path) -> Config {
    let mut config = Config {
        tcp_port: 0,
        http_port: 0,
        data_dir: folder.to_owned(),
        db_url: format!("sqlite://{}/discord.db", folder.display())
            .parse()
            .expect("a URL"),
        ..Config::default()
    };
    config.limits.messages_per_minute = 0;
    config.limits.requests_per_minute = 0;
    config.drain.spread = "50ms".parse().expect("a duration");
    config
}

/// A server in this process, and the folder that goes with it.
pub(crate) struct Local {
    pub(crate) server: Server,
    _folder: TempDir,
}

pub(crate) async fn start(adjust: impl FnOnce(&mut Config)) -> Local {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = config(folder.path());
    adjust(&mut config);
    let server = Server::start(&config).await.expect("the server starts");
    Local {
        server,
        _folder: folder,
    }
}

/// The real binary. Dropping it kills it.
pub(crate) struct Process {
    child: Child,
    pub(crate) tcp: SocketAddr,
    pub(crate) http: SocketAddr,
}

impl Process {
    /// Starts `serve` on the database in `folder` and waits until it listens. Ports that were
    /// given before can be had again.
    pub(crate) async fn start(folder: &Path, name: &str, ports: (u16, u16)) -> Self {
        let program = Command::new(env!("CARGO_BIN_EXE_discordctl"));
        Self::launch(program, folder, name, ports).await
    }

    /// The same on a disk of its own, of so many bytes, which ends with it; `None` where this
    /// user can't have one.
    pub(crate) async fn start_on_disk(folder: &Path, size: u64) -> Option<Self> {
        let mut shell = Command::new("unshare");
        shell.args(["--map-root-user", "--mount"]);
        let tried = shell.arg("true").output().await;
        if !tried.is_ok_and(|tried| tried.status.success()) {
            return None;
        }
        let mut program = Command::new("unshare");
        let mount = format!("mount -t tmpfs -o size={size} none \"$0\" && exec \"$@\"");
        program.args(["--map-root-user", "--mount", "sh", "-c", &mount]);
        program.arg(folder).arg(env!("CARGO_BIN_EXE_discordctl"));
        Some(Self::launch(program, folder, "one", (0, 0)).await)
    }

    async fn launch(mut program: Command, folder: &Path, name: &str, ports: (u16, u16)) -> Self {
        let mut child = program
            .arg("serve")
            .args([
                "--tcp-port",
                &ports.0.to_string(),
                "--http-port",
                &ports.1.to_string(),
            ])
            .args(["--instance-id", name])
            .arg("--db-url")
            .arg(format!("sqlite://{}/discord.db", folder.display()))
            .arg("--data-dir")
            .arg(folder)
            .env("DISCORDCTL_LIMITS_MESSAGES_PER_MINUTE", "0")
            .env("DISCORDCTL_LIMITS_REQUESTS_PER_MINUTE", "0")
            .env("DISCORDCTL_DRAIN_SPREAD", "50ms")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts");
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut lines = BufReader::new(stdout).lines();
        let mut greeting = Vec::new();
        while greeting.len() < 3 {
            let line = tokio::time::timeout(DEADLINE, lines.next_line()).await;
            let line = line.expect("greeted in time").expect("readable");
            greeting.push(line.expect("three lines are printed"));
        }
        let port = |line: &str| -> u16 {
            let digits = line.trim_end_matches('/').rsplit([' ', ':']).next();
            digits
                .and_then(|p| p.parse().ok())
                .expect("a port in the greeting")
        };
        let address = |line: &str| SocketAddr::from(([127, 0, 0, 1], port(line)));
        Self {
            tcp: address(&greeting[0]),
            http: address(&greeting[1]),
            child,
        }
    }

    /// `folder` as the process sees it.
    pub(crate) fn inside(&self, folder: &Path) -> PathBuf {
        let pid = self.child.id().expect("it is running");
        let folder = folder.strip_prefix("/").expect("an absolute path");
        Path::new("/proc")
            .join(pid.to_string())
            .join("root")
            .join(folder)
    }

    pub(crate) fn ports(&self) -> (u16, u16) {
        (self.tcp.port(), self.http.port())
    }

    /// As if the power went: nothing is told, nothing is flushed.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.expect("it was running");
    }

    /// SIGTERM; returns the exit code.
    pub(crate) async fn terminate(mut self) -> Option<i32> {
        let pid = i32::try_from(self.child.id().expect("it is running")).expect("a pid");
        let pid = rustix::process::Pid::from_raw(pid).expect("not zero");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("ours");
        let status = tokio::time::timeout(DEADLINE, self.child.wait()).await;
        status.expect("ends in time").expect("waited for").code()
    }
}
