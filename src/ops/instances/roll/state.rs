//! How far a roll is, on disk before each step, and that there is only one.
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::event::Outcome;
use crate::private;
use crate::process::{Executable, Lock};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Progress {
    Waiting,
    Rolling,
    Done,
    Failed,
    /// It did not run, and still does not.
    Skipped,
}

/// Whether instances are being replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Underway {
    No,
    Rolling,
    /// It was ended half way, and waits to be gone on with or taken back.
    Unfinished,
}

/// Whether a roll of the instances with that folder is under way.
pub fn underway(run: &Path) -> Underway {
    // Where that cannot be seen, no other process can roll them either.
    if Lock::is_held(&run.join(LOCK)).unwrap_or(false) {
        Underway::Rolling
    } else if run.join(STATE).exists() {
        Underway::Unfinished
    } else {
        Underway::No
    }
}

const LOCK: &str = "roll.lock";
const STATE: &str = "roll.json";

/// What a roll is, and how far.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) started_at: String,
    pub(super) binary: Executable,
    pub(super) hand_over: bool,
    pub(super) allow_downtime: bool,
    pub(super) within: Option<Duration>,
    pub(super) soak: Duration,
    /// How long the first is watched; `None` once it was, or if it is not to be.
    pub(super) canary: Option<Duration>,
    pub(super) members: Vec<Member>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Member {
    pub(super) instance: String,
    pub(super) progress: Progress,
    /// The process before the roll, and what it ran.
    pub(super) pid: Option<u32>,
    pub(super) ran: Option<Executable>,
    pub(super) unit: Option<String>,
    /// Of this run.
    #[serde(skip)]
    pub(super) outcome: Option<Outcome>,
}

/// The state's file, for as long as no other process may touch it.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
    _lock: Lock,
}

impl StateFile {
    /// `None` if another roll is in progress.
    pub(super) fn open(run: &Path) -> io::Result<Option<Self>> {
        let Some(lock) = Lock::take(&run.join(LOCK))? else {
            return Ok(None);
        };
        Ok(Some(Self {
            path: run.join(STATE),
            _lock: lock,
        }))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// `None` if no roll was left unfinished.
    pub(super) fn read(&self) -> io::Result<Option<State>> {
        match std::fs::read(&self.path) {
            Ok(text) => {
                let wrong = |error| io::Error::new(io::ErrorKind::InvalidData, error);
                serde_json::from_slice(&text).map(Some).map_err(wrong)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn write(&self, state: &State) -> io::Result<()> {
        private::write_whole(&self.path, serde_json::to_string_pretty(state)?.as_bytes())
    }

    pub(super) fn remove(&self) -> io::Result<()> {
        private::remove(&self.path)
    }
}
