//! The servers behind the instances: the drill's own, or the operator's, whom only the operator
//! knows how to stop.
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::error::DrillError;

/// A command that takes longer is given up.
const DONE_WITHIN: Duration = Duration::from_secs(60);

/// How the operator stops a server and starts it again, in the words of a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commands {
    pub stop: String,
    pub start: String,
}

/// A server of the drill's own.
pub(super) trait Own {
    async fn kill(&mut self);
    async fn restart(&mut self) -> Result<(), DrillError>;
}

pub(super) enum Backing<S> {
    Ours(S),
    Theirs(Option<Commands>),
}

impl<S: Own> Backing<S> {
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

    /// Ends it, if it is ours.
    pub(super) async fn strike(&mut self) {
        if let Self::Ours(server) = self {
            server.kill().await;
        }
    }
}

fn known(commands: &Option<Commands>) -> Result<&Commands, DrillError> {
    let unknown = || DrillError::Refused("nobody said how to stop and start that server".into());
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
    // What it says goes to the operator. Nobody waits at a pipe here: a server that it leaves
    // running would hold one open.
    shell.stdin(Stdio::null()).stdout(std::io::stderr());
    let ran = timeout(DONE_WITHIN, shell.status()).await;
    match ran {
        Ok(Ok(ended)) if ended.success() => Ok(()),
        Ok(Ok(ended)) => Err(failed(format!("failed ({ended})"))),
        Ok(Err(error)) => Err(failed(format!("can't be run: {error}"))),
        Err(_) => Err(failed(format!(
            "did not end within {} s",
            DONE_WITHIN.as_secs()
        ))),
    }
}
