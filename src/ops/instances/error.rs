//! What can go wrong with an instance, told so that an operator knows what is the matter.
use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use crate::process::{LookError, Mismatches};

#[derive(Debug, thiserror::Error)]
pub enum InstanceError {
    #[error("{why}")]
    Foreign { pid: u32, why: Mismatches },
    #[error(transparent)]
    Look(#[from] LookError),
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
    #[error("{how}{said}")]
    Ended { how: End, said: Said },
    /// It lives, and that is all.
    #[error("pid {pid} is alive, and not ready after {}: {why}{said}", seconds(*after))]
    Slow {
        pid: u32,
        after: Duration,
        why: String,
        said: Said,
    },
    #[error("pid {pid} is still there after {}", seconds(*after))]
    StillThere { pid: u32, after: Duration },
    /// What to start it with is not known.
    #[error(
        "it was started without a file of settings, so that no other process can be started in \
         its place from here"
    )]
    NoFile,
    #[error("it has just been started and has not said its pid yet")]
    TooEarly,
    #[error("systemctl {verb} {unit}: {why}")]
    Systemd {
        verb: String,
        unit: String,
        why: String,
    },
}

impl InstanceError {
    pub(super) fn io(what: impl Into<String>) -> impl Fn(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io {
            what: what.clone(),
            source,
        }
    }
}

/// The end of what a process wrote to its log, to be put after a sentence.
#[derive(Debug)]
pub struct Said {
    pub(super) log: PathBuf,
    pub(super) tail: String,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let log = self.log.display();
        match self.tail.trim_end() {
            "" => write!(f, "; it wrote nothing to {log}"),
            tail => write!(f, "; the end of {log}:\n{tail}"),
        }
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Exit(i32),
    Signal(i32),
}

impl From<ExitStatus> for End {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Exit(code),
            (None, signal) => Self::Signal(signal.unwrap_or_default()),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "it ended with exit code {code}"),
            Self::Signal(signal) => write!(f, "it was ended by signal {signal}"),
        }
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
