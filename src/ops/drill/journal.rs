//! What happened when: one clock for all in a drill.
use std::fmt::Write;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::clock::{Clock, SystemClock};
use crate::model::format_time;

/// Microseconds since the drill began.
pub(super) type Micros = u64;

#[derive(Debug, Clone)]
pub struct Event {
    pub at: DateTime<Utc>,
    pub what: String,
}

pub(super) struct Journal {
    start: Instant,
    utc: DateTime<Utc>,
    events: Mutex<Vec<Event>>,
    tell: Box<dyn Fn(&Event) + Send + Sync>,
}

impl Journal {
    pub(super) fn new(tell: Box<dyn Fn(&Event) + Send + Sync>) -> Self {
        Self {
            start: Instant::now(),
            utc: SystemClock.utc(),
            events: Mutex::default(),
            tell,
        }
    }

    pub(super) fn now(&self) -> Micros {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(Micros::MAX)
    }

    pub(super) fn utc(&self, at: Micros) -> DateTime<Utc> {
        self.utc + TimeDelta::microseconds(at.cast_signed())
    }

    /// Notes what happened, and when that was.
    pub(super) fn note(&self, what: impl Into<String>) -> Micros {
        let at = self.now();
        let event = Event {
            at: self.utc(at),
            what: what.into(),
        };
        (self.tell)(&event);
        self.events.lock().push(event);
        at
    }

    /// A line for each event.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for event in self.events.lock().iter() {
            let _ = writeln!(text, "{} {}", format_time(event.at), event.what);
        }
        text
    }
}
