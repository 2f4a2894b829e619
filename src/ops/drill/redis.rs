//! A Redis or Valkey of the drill's own.
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use super::error::DrillError;
use super::folder::Folder;
use super::server::{Program, Server, free_port};
use crate::client::Lines;
use crate::ops::backup::tools::candidates;

const ANSWER_WITHIN: Duration = Duration::from_secs(1);

pub(super) struct Redis {
    program: PathBuf,
    address: SocketAddr,
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

/// A server that runs, and its URL.
pub(super) async fn start(folder: &Folder) -> Result<(Server<Redis>, String), DrillError> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
    let program = find()?;
    let redis = Redis { program, address };
    let server = Server::start(redis, folder.path("redis.log")).await?;
    Ok((server, format!("redis://{address}")))
}

impl Program for Redis {
    const NAME: &'static str = "Redis";
    const END: Signal = Signal::KILL;

    /// It keeps nothing on the disk.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(["--bind", "127.0.0.1"])
            .args(["--port", &self.address.port().to_string()])
            .args(["--save", "", "--appendonly", "no", "--daemonize", "no"]);
        command
    }

    async fn answers(&self) -> bool {
        let ping = async {
            let mut lines = Lines::connect(self.address, ANSWER_WITHIN).await?;
            lines.say("PING\r").await?;
            lines.next().await
        };
        // Or a line that says why not.
        ping.await
            .is_ok_and(|line| line.as_deref() == Some("+PONG"))
    }
}
