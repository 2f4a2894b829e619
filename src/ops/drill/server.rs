//! A server that the drill started, which ends with the value that stands for it.
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
use crate::process::{last_lines, tail};

/// Between two looks at one that starts or ends.
const BETWEEN: Duration = Duration::from_millis(20);
const START_WITHIN: Duration = Duration::from_secs(60);
/// What is told to end has so long, before it is killed.
const END_WITHIN: Duration = Duration::from_secs(10);
/// Of a log, what is shown: so many lines, of so many bytes.
const LINES: usize = 15;
const BYTES: u64 = 16 * 1024;

/// What a server runs, and how it is known to serve.
pub(super) trait Program {
    const NAME: &'static str;
    /// What ends it at once, with all its children.
    const END: Signal;

    fn command(&self) -> Command;
    async fn answers(&self) -> bool;
}

pub(super) struct Server<P: Program> {
    program: P,
    log: PathBuf,
    child: Child,
}

impl<P: Program> Server<P> {
    /// Starts it and waits until it answers.
    pub(super) async fn start(program: P, log: PathBuf) -> Result<Self, DrillError> {
        let child = spawn(&program, &log)?;
        let mut server = Self {
            program,
            log,
            child,
        };
        server.ready().await?;
        Ok(server)
    }

    pub(super) fn program(&mut self) -> &mut P {
        &mut self.program
    }

    /// Starts it as it was before it was killed.
    pub(super) async fn restart(&mut self) -> Result<(), DrillError> {
        self.child = spawn(&self.program, &self.log)?;
        self.ready().await
    }

    /// Ends it without ceremony and waits until it is gone.
    pub(super) async fn kill(&mut self) {
        self.signal(P::END);
        let deadline = Instant::now() + END_WITHIN;
        while !self.has_ended() {
            if Instant::now() > deadline {
                self.signal(Signal::KILL);
            }
            tokio::time::sleep(BETWEEN).await;
        }
    }

    async fn ready(&mut self) -> Result<(), DrillError> {
        let deadline = Instant::now() + START_WITHIN;
        while !self.program.answers().await {
            let why = if self.has_ended() {
                "ended at once".to_owned()
            } else if Instant::now() > deadline {
                format!("does not answer within {START_WITHIN:?}")
            } else {
                tokio::time::sleep(BETWEEN).await;
                continue;
            };
            return Err(DrillError::Server {
                name: P::NAME.to_owned(),
                why,
                said: last_lines(&tail(&self.log, 0, BYTES).unwrap_or_default(), LINES),
            });
        }
        Ok(())
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// It is our child and was not waited for: no other process has its id.
    fn signal(&mut self, signal: Signal) {
        if !self.has_ended() {
            let _ = kill_process(Pid::from_child(&self.child), signal);
        }
    }
}

impl<P: Program> Drop for Server<P> {
    fn drop(&mut self) {
        self.signal(P::END);
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

/// In a process group of its own, where a terminal's Ctrl-C does not reach it.
fn spawn(program: &impl Program, log: &Path) -> Result<Child, DrillError> {
    let file = private::append(log);
    let file = file.map_err(DrillError::io("write", log))?;
    let other = file.try_clone().map_err(DrillError::io("write", log))?;
    let mut command = program.command();
    let path = PathBuf::from(command.get_program());
    command.stdin(Stdio::null()).stdout(file).stderr(other);
    let child = command.process_group(0).spawn();
    child.map_err(DrillError::io("run", &path))
}

/// A free port, below those that outgoing connections are given: what is restarted finds it
/// free.
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
