//! Where an instance is run: its database, its files, and the processes that take turns.
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::support::DEADLINE;
use crate::support::db::{Db, Kind};
use crate::support::process::{Process, program, serve, unlimited};

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
        let begun = start(self.command((0, 0))).await;
        begun.unwrap_or_else(|(code, told)| panic!("{code:?}: {told}"))
    }

    /// The next, in the place of the one that serves.
    pub(crate) fn successor(&self, of: &Process) -> Command {
        let mut command = self.command(of.ports());
        command.arg("--take-over");
        command
    }

    pub(crate) fn command(&self, ports: (u16, u16)) -> Command {
        let mut command = unlimited(serve(program(), ports));
        command
            .args(["--instance-id", "one", "--data-dir"])
            .arg(self.folder.path())
            .env("DISCORDCTL_DB_URL", &self.db_url)
            // One that takes or says nothing for as long as a test lasts stays, also on a slow machine.
            .env("DISCORDCTL_LIMITS_WRITE_TIMEOUT", "20m")
            .env("DISCORDCTL_LIMITS_IDLE_TIMEOUT", "10h")
            .stdout(Stdio::piped());
        if let Some(url) = &self.redis_url {
            command.env("DISCORDCTL_REDIS_URL", url);
        }
        command
    }
}

/// Waits until it serves; its exit code and last words if it ends instead.
pub(crate) async fn start(mut command: Command) -> Result<Process, (Option<i32>, String)> {
    command.stderr(Stdio::piped());
    Process::try_start(command).await
}
