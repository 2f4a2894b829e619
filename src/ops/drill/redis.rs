//! A Redis or Valkey of the drill's own.
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::backing::Own;
use super::error::DrillError;
use super::folder::Folder;
use super::server::{Server, free_port};
use crate::client::{ClientError, Lines};
use crate::ops::backup::tools::candidates;
use rustix::process::Signal;

const START_WITHIN: Duration = Duration::from_secs(15);
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

pub(super) struct Redis {
    program: PathBuf,
    log: PathBuf,
    address: SocketAddr,
    server: Server,
}

impl Own for Redis {
    async fn kill(&mut self) {
        self.server.kill().await;
    }

    async fn restart(&mut self) -> Result<(), DrillError> {
        self.server = spawn(&self.program, &self.log, self.address)?;
        self.ready().await
    }
}

/// Where the program is.
pub(super) fn find() -> Result<PathBuf, DrillError> {
    let found = ["valkey-server", "redis-server"].map(candidates);
    let first = found.into_iter().flatten().next();
    first.ok_or(DrillError::Missing {
        program: "redis-server or valkey-server",
        install: "install Redis or Valkey, as with 'apt install redis-server'",
    })
}

impl Redis {
    pub(super) async fn start(folder: &Folder) -> Result<Self, DrillError> {
        let program = find()?;
        let log = folder.path("redis.log");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let server = spawn(&program, &log, address)?;
        let mut redis = Self {
            program,
            log,
            address,
            server,
        };
        redis.ready().await?;
        Ok(redis)
    }

    pub(super) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    async fn ready(&mut self) -> Result<(), DrillError> {
        let address = self.address;
        let answers = async || ping(address).await.is_ok_and(|answer| answer.is_some());
        self.server.until(START_WITHIN, answers).await
    }
}

/// It keeps nothing on the disk.
fn spawn(program: &PathBuf, log: &std::path::Path, at: SocketAddr) -> Result<Server, DrillError> {
    let mut command = Command::new(program);
    command
        .args(["--bind", "127.0.0.1", "--port", &at.port().to_string()])
        .args(["--save", "", "--appendonly", "no", "--daemonize", "no"]);
    Server::spawn("Redis", command, log, Signal::KILL)
}

/// `+PONG`, or a line that says why not.
async fn ping(address: SocketAddr) -> Result<Option<String>, ClientError> {
    let mut lines = Lines::connect(address, ANSWER_WITHIN).await?;
    lines.say("PING\r").await?;
    let answer = lines.next().await?;
    Ok(answer.filter(|answer| answer == "+PONG"))
}
