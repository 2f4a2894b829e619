//! Where an instance is run: its database, its files, and the processes that take turns.
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::support::DEADLINE;
use crate::support::db::{Db, Kind};

pub(crate) struct Site {
    folder: TempDir,
    pub(crate) db_url: String,
    redis_url: Option<String>,
}

impl Site {
    pub(crate) fn new(db: &Db) -> Self {
        let redis = std::env::var("DISCORDCTL_TEST_REDIS").ok();
        Self {
            folder: tempfile::tempdir().unwrap(),
            db_url: db.url.clone(),
            redis_url: redis.filter(|_| db.kind == Kind::Postgres),
        }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("run/one.sock")
    }

    pub(crate) fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    /// The first process, on ports that the system chooses.
    pub(crate) async fn serve(&self) -> Process {
        let begun = Process::start(self.command((0, 0))).await;
        begun.unwrap_or_else(|(code, told)| panic!("{code:?}: {told}"))
    }

    /// The next, in the place of the one that serves.
    pub(crate) fn successor(&self, of: &Process) -> Command {
        let mut command = self.command((of.tcp.port(), of.http.port()));
        command.arg("--take-over");
        command
    }

    pub(crate) fn command(&self, ports: (u16, u16)) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_discordctl"));
        command
            .arg("serve")
            .args(["--tcp-port", &ports.0.to_string()])
            .args(["--http-port", &ports.1.to_string()])
            .args(["--instance-id", "one", "--data-dir"])
            .arg(self.folder.path())
            .env("DISCORDCTL_DB_URL", &self.db_url)
            .env("DISCORDCTL_LIMITS_MESSAGES_PER_MINUTE", "0")
            .env("DISCORDCTL_LIMITS_REQUESTS_PER_MINUTE", "0")
            .env("DISCORDCTL_DRAIN_SPREAD", "50ms")
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        if let Some(url) = &self.redis_url {
            command.env("DISCORDCTL_REDIS_URL", url);
        }
        command
    }
}

/// Killed when dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) tcp: SocketAddr,
    pub(crate) http: SocketAddr,
}

impl Process {
    /// Waits until it serves; its exit code and last words if it ends instead.
    pub(crate) async fn start(mut command: Command) -> Result<Self, (Option<i32>, String)> {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut errors = child.stderr.take().unwrap();
        let told = tokio::spawn(async move {
            let mut told = String::new();
            let _ = errors.read_to_string(&mut told).await;
            told
        });
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut greeting = Vec::new();
        while greeting.len() < 3 {
            match timeout(DEADLINE, lines.next_line()).await.unwrap().unwrap() {
                Some(line) => greeting.push(line),
                None => return Err((child.wait().await.unwrap().code(), told.await.unwrap())),
            }
        }
        let address = |line: &str| {
            let port = line.trim_end_matches('/').rsplit([' ', ':']).next();
            SocketAddr::from(([127, 0, 0, 1], port.unwrap().parse().unwrap()))
        };
        Ok(Self {
            tcp: address(&greeting[0]),
            http: address(&greeting[1]),
            child,
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    pub(crate) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its own end; the exit code.
    pub(crate) async fn ends(mut self) -> Option<i32> {
        let ended = timeout(DEADLINE * 2, self.child.wait()).await;
        ended.expect("it ends").unwrap().code()
    }

    pub(crate) async fn terminate(self) -> Option<i32> {
        signal(self.pid(), rustix::process::Signal::TERM);
        self.ends().await
    }
}

pub(crate) fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}
