//! What is told while instances are replaced, and what became of each.
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// All that was looked at beforehand is well.
    Preflight {
        instances: usize,
        binary: PathBuf,
    },
    Skipped {
        instance: String,
        why: String,
    },
    Began {
        instance: String,
        pid: Option<u32>,
        way: Way,
    },
    Draining {
        instance: String,
        pid: u32,
    },
    Stopped {
        instance: String,
        pid: u32,
        forced: bool,
    },
    Started {
        instance: String,
        pid: u32,
    },
    Ready {
        instance: String,
        pid: u32,
        took_ms: u64,
    },
    /// It could not take over the connections; it is stopped and started instead.
    NotTakenOver {
        instance: String,
        why: String,
    },
    Failed {
        instance: String,
        how: How,
        why: String,
    },
    /// The old binary is started again.
    Restoring {
        instance: String,
        binary: PathBuf,
    },
    /// The first new one is watched beside the others.
    Canary {
        instance: String,
        watch_ms: u64,
    },
    Finished {
        instance: String,
        outcome: Outcome,
    },
}

/// How one process follows another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// The successor takes listeners and connections over, and the predecessor ends by itself.
    TakeOver,
    /// The predecessor drains and ends, then the successor starts.
    StopStart,
    /// systemd does it.
    Systemd,
}

/// What was the matter with a new process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// It ended.
    Dead,
    /// It lived, and did not become or stay ready.
    Slow,
    /// It answered, and worse than what was there before or beside it.
    Worse,
    /// It could not be tried.
    Refused,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Outcome {
    /// The new process serves.
    Replaced { pid: u32 },
    /// The old binary serves again, as a new process.
    Restored { pid: u32, how: How, why: String },
    /// The process from before was not stopped.
    Kept {
        pid: Option<u32>,
        how: How,
        why: String,
    },
    /// Neither serves.
    Lost { how: How, why: String },
}
