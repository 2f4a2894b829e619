//! The servers behind the instances: the drill's own, or the operator's, which only the operator
//! knows how to stop.
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::error::DrillError;
use super::server::{Program, Server};

/// A command that takes longer is given up.
const DONE_WITHIN: Duration = Duration::from_secs(60);

/// How the operator stops a server and starts it again, in the words of a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commands {
    pub stop: String,
    pub start: String,
}

pub(super) enum Backing<P: Program> {
    Ours(Server<P>),
    Theirs(Option<Commands>),
}

impl<P: Program> Backing<P> {
    /// The server itself, where it is the drill's own.
    pub(super) fn ours(&mut self) -> Result<&mut Server<P>, DrillError> {
        match self {
            Self::Ours(server) => Ok(server),
            Self::Theirs(_) => {
                let why = "a failover is held on private servers only";
                Err(DrillError::Refused(why.into()))
            }
        }
    }

    pub(super) async fn stop(&mut self) -> Result<(), DrillError> {
        match self {
            Self::Ours(server) => server.kill().await,
            Self::Theirs(commands) => run(&known(commands)?.stop).await?,
        }
        Ok(())
    }

    pub(super) async fn start(&mut self) -> Result<(), DrillError> {
        match self {
            Self::Ours(server) => server.restart().await,
            Self::Theirs(commands) => run(&known(commands)?.start).await,
        }
    }
}

fn known(commands: &Option<Commands>) -> Result<&Commands, DrillError> {
    let unknown = || DrillError::Refused("how to stop and start that server was not said".into());
    commands.as_ref().ok_or_else(unknown)
}

/// In a process group of its own: a Ctrl-C is for us, and what was stopped is to be started again.
async fn run(command: &str) -> Result<(), DrillError> {
    let failed = |why: String| DrillError::Server {
        name: format!("'{command}'"),
        why,
        said: String::new(),
    };
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).process_group(0);
    // What it says goes to the operator. No end of a pipe is waited for here: a server that it
    // leaves running would hold one open.
    shell.stdin(Stdio::null()).stdout(std::io::stderr());
    let ran = timeout(DONE_WITHIN, shell.status()).await;
    match ran {
        Ok(Ok(ended)) if ended.success() => Ok(()),
        Ok(Ok(ended)) => Err(failed(format!("failed ({ended})"))),
        Ok(Err(error)) => Err(failed(format!("cannot be run: {error}"))),
        Err(_) => Err(failed(format!(
            "did not end within {} s",
            DONE_WITHIN.as_secs()
        ))),
    }
}
