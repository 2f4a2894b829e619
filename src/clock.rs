//! Time as a value: the only place that reads the clock, so that tests can hold it still.
use std::pin::Pin;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, Utc};

/// Where time comes from. `now` never goes back; `utc` is for people and records.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Instant;
    fn utc(&self) -> DateTime<Utc>;

    /// Waits for so long, within a tokio runtime.
    fn sleep(&self, span: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(span))
    }
}

/// The machine's own clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[allow(clippy::disallowed_methods, reason = "this is the one place")]
impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn utc(&self) -> DateTime<Utc> {
        // Before 1970 too: a machine without a battery may begin there.
        DateTime::from(SystemTime::now())
    }
}

/// A clock that moves when it is told to.
#[derive(Debug)]
pub struct ManualClock {
    start: (Instant, DateTime<Utc>),
    passed: Mutex<Duration>,
}

impl Default for ManualClock {
    fn default() -> Self {
        Self {
            start: (SystemClock.now(), SystemClock.utc()),
            passed: Mutex::default(),
        }
    }
}

impl ManualClock {
    pub fn advance(&self, by: Duration) {
        *self.passed.lock().unwrap_or_else(|e| e.into_inner()) += by;
    }

    fn passed(&self) -> Duration {
        *self.passed.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        self.start.0 + self.passed()
    }

    fn utc(&self) -> DateTime<Utc> {
        self.start.1 + self.passed()
    }
}
