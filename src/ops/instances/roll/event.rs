//! What is told while instances are replaced, and what became of each.
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    #[serde(flatten)]
    pub what: What,
    /// The instance to which it happened, if it was one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub instance: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    /// All that was looked at beforehand is well.
    Preflight {
        instances: usize,
        binary: PathBuf,
    },
    Skipped {
        why: String,
    },
    Began {
        pid: Option<u32>,
        way: Way,
    },
    Draining {
        pid: u32,
    },
    Stopped {
        pid: u32,
        forced: bool,
    },
    Started {
        pid: u32,
    },
    Ready {
        pid: u32,
        took_ms: u64,
    },
    /// It could not take over the connections; it is stopped and started instead.
    NotTakenOver {
        why: String,
    },
    Failed(Fault),
    /// The old binary is started again.
    Restoring {
        binary: PathBuf,
    },
    /// The first new one is watched beside the others.
    Canary {
        watch_ms: u64,
    },
    Finished {
        outcome: Outcome,
    },
}

impl What {
    /// The event that this happened to `instance`.
    pub(super) fn to(self, instance: &str) -> Event {
        Event {
            what: self,
            instance: Some(instance.to_owned()),
        }
    }
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    pub how: How,
    pub why: String,
}

impl Fault {
    pub(super) fn new(how: How, why: impl Into<String>) -> Self {
        let why = why.into();
        Self { how, why }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// It ended.
    Dead,
    /// It said that it cannot take over, and ended.
    Declined,
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
    Restored {
        pid: u32,
        #[serde(flatten)]
        fault: Fault,
    },
    /// The process from before was not stopped.
    Kept {
        pid: Option<u32>,
        #[serde(flatten)]
        fault: Fault,
    },
    /// Neither serves.
    Lost(Fault),
}

impl Outcome {
    /// Nothing was tried.
    pub(super) fn refused(pid: Option<u32>, why: impl Into<String>) -> Self {
        let fault = Fault::new(How::Refused, why);
        Self::Kept { pid, fault }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_step_tells_is_read_again() {
        let fault = Fault::new(How::Slow, "it waits");
        let (pid, restored) = (7, fault.clone());
        for what in [
            What::Failed(fault.clone()),
            What::Finished {
                outcome: Outcome::Restored {
                    pid,
                    fault: restored,
                },
            },
            What::Finished {
                outcome: Outcome::Lost(fault),
            },
        ] {
            let told = what.to("one");
            let line = serde_json::to_string(&told).expect("JSON");
            assert_eq!(serde_json::from_str::<Event>(&line).expect("read"), told);
            assert!(
                line.contains("\"how\":\"slow\",\"why\":\"it waits\""),
                "{line}"
            );
        }
    }
}
