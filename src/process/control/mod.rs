//! The control socket of a running instance: what its owner may ask of it, and the asking.
//!
//! One JSON object a line, a request and then its answer: `{"ok":…}` or `{"error":…}`. The
//! socket is in a folder that only the owner can enter, and the instance looks at the user that asks.
mod socket;
mod wire;

use std::io;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::time::{sleep, timeout};

use super::{Files, Known, look};

pub use wire::{
    Answer, Connection, ConnectionList, Disconnected, Drained, LevelSet, Refusal, Reloaded,
    Request, Settings, Successor,
};

/// The version of all that is said at a hand-over, and of the sessions' states. Processes of
/// different ones do not understand each other, and the second starts when the first has ended.
pub const HAND_OVER: u32 = 1;
/// The longest request that an instance reads.
pub const MOST_ASKED: u64 = 64 << 10;
/// The longest answer that is believed.
const MOST_ANSWERED: u64 = 32 << 20;
/// An instance that is alive answers sooner.
const WITHIN: Duration = Duration::from_secs(10);
/// An instance that runs has made its socket sooner.
const SOCKET_WITHIN: Duration = Duration::from_secs(3);
/// Between two looks for it.
const BETWEEN: Duration = Duration::from_millis(50);

/// Why nothing came of asking.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    #[error("nothing listens at {0}")]
    NotRunning(String),
    #[error("it runs as pid {pid}, and its control socket {path} was removed")]
    NoSocket { pid: u32, path: String },
    #[error("{0} belongs to another user")]
    NotPermitted(String),
    #[error("it does not answer")]
    Silent,
    #[error("{}", .0.detail)]
    Refused(Refusal),
    #[error("the answer cannot be read: {0}")]
    Garbled(#[from] serde_json::Error),
    #[error(transparent)]
    Io(io::Error),
}

impl From<io::Error> for ControlError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::Silent,
            _ => Self::Io(error),
        }
    }
}

/// Asks the instance with these files and waits for its answer.
///
/// An instance that runs and whose socket is missing for a moment (it has just started, or a
/// cleaner of old files took the socket away) makes it within a second, and is waited for.
///
/// # Errors
/// Where nothing listens, the instance refuses or does not answer, or is not this user's to ask.
pub async fn ask<T: DeserializeOwned>(files: &Files, request: &Request) -> Result<T, ControlError> {
    ask_within(files, request, WITHIN).await
}

/// The same with another patience.
///
/// # Errors
/// As [`ask`].
pub async fn ask_within<T: DeserializeOwned>(
    files: &Files,
    request: &Request,
    within: Duration,
) -> Result<T, ControlError> {
    let stream = reach(files, within.min(SOCKET_WITHIN)).await?;
    let asked = timeout(within, exchange(stream, request)).await;
    let answer = asked.map_err(|_| ControlError::Silent)??;
    match serde_json::from_slice(&answer)? {
        Answer::Ok(answer) => Ok(answer),
        Answer::Error(refusal) => Err(ControlError::Refused(refusal)),
    }
}

/// Connects, also where the socket of an instance that runs is not there yet.
async fn reach(files: &Files, within: Duration) -> Result<UnixStream, ControlError> {
    let mut waited = Duration::ZERO;
    loop {
        let error = match files.connect() {
            Ok(stream) => return Ok(stream),
            Err(error) => error,
        };
        let path = || files.socket.display().to_string();
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {}
            io::ErrorKind::PermissionDenied => return Err(ControlError::NotPermitted(path())),
            _ => return Err(error.into()),
        }
        let starting = match look(files).await {
            Ok(Known::Running(proof)) if waited >= within => {
                let (pid, path) = (proof.identity.pid, path());
                return Err(ControlError::NoSocket { pid, path });
            }
            Ok(Known::Running(_)) => true,
            Ok(Known::Starting) => waited < within,
            _ => false,
        };
        if !starting {
            return Err(ControlError::NotRunning(path()));
        }
        sleep(BETWEEN).await;
        waited += BETWEEN;
    }
}

async fn exchange(stream: UnixStream, request: &Request) -> Result<Vec<u8>, ControlError> {
    stream.set_nonblocking(true)?;
    let mut stream = BufReader::new(tokio::net::UnixStream::from_std(stream)?);
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    let mut answer = Vec::new();
    stream
        .take(MOST_ANSWERED)
        .read_until(b'\n', &mut answer)
        .await?;
    if answer.is_empty() {
        return Err(ControlError::Io(io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::config::Config;
    use crate::process::{Claim, Origin};

    #[tokio::test]
    async fn the_socket_of_an_instance_that_runs_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = Config {
            data_dir: folder.path().to_owned(),
            ..Config::default()
        };
        let files = Files::of(&config);
        let drain = |within| ask_within::<Drained>(&files, &Request::Drain {}, within);
        let error = drain(WITHIN).await.expect_err("nothing runs");
        assert!(matches!(error, ControlError::NotRunning(_)), "{error}");

        let claim = Claim::take(&config, Origin::default(), &SystemClock).await;
        let claim = claim.expect("free");
        let error = drain(BETWEEN).await.expect_err("no socket is ever made");
        assert!(
            matches!(error, ControlError::NoSocket { pid, .. } if pid == std::process::id()),
            "{error}"
        );

        // It begins when the first try has failed.
        let makes_it = async {
            assert!(!files.socket.exists());
            let listener = files.listen().expect("bound");
            listener.set_nonblocking(true).expect("set");
            let listener = tokio::net::UnixListener::from_std(listener).expect("listens");
            let (stream, _) = listener.accept().await.expect("accepted");
            let mut stream = BufReader::new(stream);
            let mut asked = String::new();
            stream.read_line(&mut asked).await.expect("asked");
            let answer = b"{\"ok\":{\"draining\":true,\"was_draining\":false,\"connections\":3}}\n";
            stream.write_all(answer).await.expect("answered");
            asked
        };
        let (drained, asked) = tokio::join!(biased; drain(WITHIN), makes_it);
        assert_eq!(drained.expect("it is asked").connections, 3);
        assert_eq!(asked, "{\"ask\":\"drain\"}\n");
        drop(claim);
    }
}
