//! The control socket of a running instance: what its owner may ask of it, and the asking.
//!
//! One JSON object a line, a request and then its answer: `{"ok":…}` or `{"error":…}`. The
//! socket is in a folder that only the owner can enter, and the instance looks at who asks.
mod place;
mod wire;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::time::Duration;

use serde::de::DeserializeOwned;

pub use place::Place;
pub use wire::{
    Answer, Connection, ConnectionList, Disconnected, Drained, LevelSet, Refusal, Request,
    Settings, Successor,
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

/// Why nothing came of asking.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    #[error("nothing listens at {0}")]
    NotRunning(String),
    #[error("it runs as pid {pid}, and its control socket {path} was removed")]
    NoSocket { pid: u32, path: String },
    #[error("{0} belongs to somebody else")]
    NotPermitted(String),
    #[error("it does not answer")]
    Silent,
    #[error("{}", .0.detail)]
    Refused(Refusal),
    #[error("the answer can't be read: {0}")]
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

/// Asks the instance at `place` and waits for its answer.
pub fn ask<T: DeserializeOwned>(place: &Place, request: &Request) -> Result<T, ControlError> {
    ask_within(place, request, WITHIN)
}

/// The same with another patience.
pub fn ask_within<T: DeserializeOwned>(
    place: &Place,
    request: &Request,
    within: Duration,
) -> Result<T, ControlError> {
    let shown = || place.path().display().to_string();
    let stream = place.connect().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            ControlError::NotRunning(shown())
        }
        io::ErrorKind::PermissionDenied => ControlError::NotPermitted(shown()),
        _ => error.into(),
    })?;
    stream.set_read_timeout(Some(within))?;
    stream.set_write_timeout(Some(within))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    (&stream).write_all(&line)?;
    let mut answer = Vec::new();
    BufReader::new(&stream)
        .take(MOST_ANSWERED)
        .read_until(b'\n', &mut answer)?;
    if answer.is_empty() {
        return Err(ControlError::Io(io::ErrorKind::UnexpectedEof.into()));
    }
    match serde_json::from_slice(&answer)? {
        Answer::Ok(answer) => Ok(answer),
        Answer::Error(refusal) => Err(ControlError::Refused(refusal)),
    }
}
