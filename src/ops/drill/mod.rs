//! Fault drills: clients that talk, a fault in the middle, and an account of what became of every
//! message; on private servers, or on those that people use.
//!
//! A private server is a child process that ends with the value that stands for it, so that an
//! error, a signal or a panic leaves nothing behind. What ran before a live drill runs after it:
//! what a fault has stopped is started again before anything else is looked at.
mod account;
mod backing;
mod error;
mod fault;
mod folder;
mod instance;
mod journal;
mod live;
mod postgres;
mod reader;
mod redis;
mod report;
mod run;
mod sender;
mod server;
mod stage;
mod standby;
mod talk;

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::instances::roll::Keeper;

pub use backing::Commands;
pub use error::DrillError;
pub use journal::Event;
pub use live::Live;
pub use report::{Milliseconds, ReaderReport, Report};
pub use run::{Outcome, run};

/// What is made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    RedisOutage,
    DatabaseRestart,
    KillInstance,
    RollingRestart,
    SlowReader,
    Failover,
}

impl Fault {
    pub const ALL: [Self; 6] = [
        Self::RedisOutage,
        Self::DatabaseRestart,
        Self::Failover,
        Self::KillInstance,
        Self::RollingRestart,
        Self::SlowReader,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::RedisOutage => "redis-outage",
            Self::DatabaseRestart => "database-restart",
            Self::KillInstance => "kill-instance",
            Self::RollingRestart => "rolling-restart",
            Self::SlowReader => "slow-reader",
            Self::Failover => "failover",
        }
    }
}

/// Whether a commit waits for the standby that a failover promotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Replication {
    Synchronous,
    /// What the standby lacks is lost with the primary.
    Asynchronous,
}

/// What to do, and with what.
#[derive(Debug, Clone)]
pub struct Plan {
    pub fault: Fault,
    pub replication: Replication,
    pub messages: usize,
    /// The fault is caused when this message is due.
    pub kill_at: usize,
    pub clients: usize,
    /// Between two messages, of all clients together.
    pub interval: Duration,
    /// How long what was made to fail stays so.
    pub recovery_wait: Duration,
    /// What the instances run.
    pub binary: PathBuf,
    /// How a rolling restart does a step.
    pub keeper: Keeper,
    /// The servers that people use; without them, private ones.
    pub live: Option<Live>,
}

/// A message for a reader that is to fall behind: characters, of four bytes each, so that the
/// kernel's buffers do not swallow them all.
const LARGE: usize = 3_900;

impl Plan {
    /// How long it goes on at most, but for what takes long to recover.
    fn lasts(&self) -> Duration {
        let messages = u32::try_from(self.messages).unwrap_or(u32::MAX);
        self.interval * messages + self.recovery_wait
    }

    /// Whether what was acknowledged may be lost.
    fn may_lose(&self) -> bool {
        self.fault == Fault::Failover && self.replication == Replication::Asynchronous
    }

    /// What message `number` says.
    fn content(&self, number: usize) -> String {
        match self.fault {
            Fault::SlowReader => format!("{number} {}", "🐢".repeat(LARGE)),
            _ => format!("{number} of {}", self.messages),
        }
    }
}

/// Which message that is, if it is one of ours.
fn number_of(content: &str) -> Option<usize> {
    content.split(' ').next()?.parse().ok()
}
