//! What a monitor knows after a look. A figure that is not of this look is not here: `None` is
//! shown as a dash, and beside it how old the last answer is.
use std::time::Instant;

use serde::Serialize;

use super::{Database, Redis};
use crate::config::Level;

/// Everything, after one look.
#[derive(Debug, Clone, Serialize)]
pub struct View {
    /// When the look ended, as people write it.
    pub at: String,
    #[serde(skip)]
    pub looked: Instant,
    pub instances: Vec<Instance>,
    pub database: Source<Database>,
    /// `None` where no instance has one.
    pub redis: Option<Source<Redis>>,
    pub alerts: Vec<Alert>,
    #[serde(skip)]
    pub trends: Trends,
}

/// Something outside an instance that was asked.
#[derive(Debug, Clone, Serialize)]
pub struct Source<T> {
    /// Where it is, without a password.
    pub address: String,
    /// Seconds from its last answer to this look; `None` if it never answered.
    pub age_seconds: Option<f64>,
    /// Why it did not answer this time.
    pub error: Option<String>,
    /// What it answered this time.
    #[serde(flatten)]
    pub now: Option<T>,
    /// What it answered last, however long ago. Only to be shown with its age.
    #[serde(skip)]
    pub last: Option<T>,
}

/// How an instance is: as it says, or `down`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It does not answer.
    Down,
    Unhealthy,
    Draining,
    Degraded,
    Healthy,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Unhealthy => "unhealthy",
            Self::Draining => "draining",
            Self::Degraded => "degraded",
            Self::Healthy => "healthy",
        }
    }
}

#[derive(Debug, Clone, Serialize)]
pub struct Instance {
    pub instance: String,
    pub http: String,
    pub state: State,
    /// What is wrong, if anything is.
    pub reason: Option<String>,
    pub age_seconds: Option<f64>,
    #[serde(flatten)]
    pub figures: Figures,
}

/// Of the last minute where it says rate, per second or P99; latencies in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Figures {
    pub version: Option<String>,
    pub uptime_seconds: Option<f64>,
    pub clients: Option<f64>,
    pub rooms: Option<f64>,
    pub messages_per_second: Option<f64>,
    pub deliveries_per_second: Option<f64>,
    pub delivery_p99_ms: Option<f64>,
    pub commit_p99_ms: Option<f64>,
    pub publish_p99_ms: Option<f64>,
    pub db_wait_p99_ms: Option<f64>,
    pub history_hit_rate: Option<f64>,
    pub session_cache_hit_rate: Option<f64>,
    /// Messages waiting to be committed.
    pub queue_depth: Option<f64>,
    /// Joins and leaves waiting to be stored.
    pub presence_queue_depth: Option<f64>,
    /// Messages waiting to be handed to Redis.
    pub bus_queue_depth: Option<f64>,
    pub pool_available: Option<f64>,
    pub pool_max: Option<f64>,
    pub pool_waiting: Option<f64>,
    pub breaker: Option<Breaker>,
    /// Readers that are so far back that they read from the database.
    pub readers_behind: Option<f64>,
    /// Since the last verified backup began, where they run by a schedule.
    pub backup_age_hours: Option<f64>,
    /// Of one processor.
    pub cpu_percent: Option<f64>,
    pub resident_bytes: Option<f64>,
}

/// Whether new requests are turned away because too many wait for the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Breaker {
    Closed,
    Open,
}

/// Something that a person should look at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alert {
    pub level: Level,
    /// An instance, `database` or `redis`.
    pub source: String,
    /// What is measured, as `thresholds` in the configuration calls it.
    pub metric: &'static str,
    pub text: String,
    /// When it was raised.
    pub since: String,
    pub runbook: Option<&'static str>,
}

/// The last looks, over all instances that answered; a look that brought nothing is a gap.
#[derive(Debug, Clone, Default)]
pub struct Trends {
    pub messages_per_second: Vec<Option<f64>>,
    pub delivery_p99_ms: Vec<Option<f64>>,
    pub queue_depth: Vec<Option<f64>>,
    pub clients: Vec<Option<f64>>,
}

/// Looks that are kept: five minutes at the usual pace.
const KEPT: usize = 300;

impl Trends {
    pub(super) fn push(&mut self, instances: &[Instance]) {
        let of = |figure: fn(&Figures) -> Option<f64>| {
            instances
                .iter()
                .filter_map(move |i| figure(&i.figures))
                .reduce(|a, b| a + b)
        };
        let slowest = instances
            .iter()
            .filter_map(|i| i.figures.delivery_p99_ms)
            .reduce(f64::max);
        for (trend, value) in [
            (&mut self.messages_per_second, of(|f| f.messages_per_second)),
            (&mut self.delivery_p99_ms, slowest),
            (&mut self.queue_depth, of(|f| f.queue_depth)),
            (&mut self.clients, of(|f| f.clients)),
        ] {
            trend.push(value);
            if trend.len() > KEPT {
                trend.remove(0);
            }
        }
    }
}
