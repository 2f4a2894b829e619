//! A process that the drill started, which ends with it.
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

use super::error::DrillError;
use super::folder::random;

use crate::private;

/// Between two looks at one that starts or ends.
const BETWEEN: Duration = Duration::from_millis(20);
/// What is told to end has so long, before it is killed.
const END_WITHIN: Duration = Duration::from_secs(10);
/// How much of a log is shown.
const LINES: usize = 15;

pub(super) struct Server {
    name: String,
    child: Child,
    log: PathBuf,
    /// What ends it at once, with all its children.
    by: Signal,
}

impl Server {
    /// Starts it in a process group of its own, where a terminal's Ctrl-C does not reach it.
    pub(super) fn spawn(
        name: &str,
        mut command: Command,
        log: &Path,
        by: Signal,
    ) -> Result<Self, DrillError> {
        let file = private::append(log);
        let file = file.map_err(DrillError::io("write", log))?;
        let other = file.try_clone().map_err(DrillError::io("write", log))?;
        let program = PathBuf::from(command.get_program());
        command.stdin(Stdio::null()).stdout(file).stderr(other);
        let child = command.process_group(0).spawn();
        Ok(Self {
            name: name.to_owned(),
            child: child.map_err(DrillError::io("run", &program))?,
            log: log.to_owned(),
            by,
        })
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until it answers.
    pub(super) async fn until(
        &mut self,
        within: Duration,
        answers: impl AsyncFn() -> bool,
    ) -> Result<(), DrillError> {
        let deadline = Instant::now() + within;
        while !answers().await {
            let why = if self.has_ended() {
                "ended at once".to_owned()
            } else if Instant::now() > deadline {
                format!("does not answer within {within:?}")
            } else {
                tokio::time::sleep(BETWEEN).await;
                continue;
            };
            return Err(DrillError::Server {
                name: self.name.clone(),
                why,
                said: tail(&self.log),
            });
        }
        Ok(())
    }

    /// Ends it without ceremony and waits until it is gone.
    pub(super) async fn kill(&mut self) {
        self.signal(self.by);
        let deadline = Instant::now() + END_WITHIN;
        while !self.has_ended() {
            if Instant::now() > deadline {
                self.signal(Signal::KILL);
            }
            tokio::time::sleep(BETWEEN).await;
        }
    }

    /// It is our child and was not waited for: its id is nobody else's.
    fn signal(&mut self, signal: Signal) {
        if !self.has_ended() {
            let _ = kill_process(Pid::from_child(&self.child), signal);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.signal(self.by);
        let looks = END_WITHIN.as_millis() / BETWEEN.as_millis();
        for _ in 0..looks {
            if self.has_ended() {
                return;
            }
            std::thread::sleep(BETWEEN);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// A port that nobody has, below those that outgoing connections are given: what is restarted
/// finds it free.
pub(super) fn free_port() -> Result<u16, DrillError> {
    const TRIES: usize = 100;
    for _ in 0..TRIES {
        let port = 20_000 + (random()? % 12_000) as u16;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(DrillError::Instance("no port is free".to_owned()))
}
