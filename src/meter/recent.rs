//! What was counted lately: a latency or a rate over the whole life of an instance would hide a
//! bad minute in a good week, and keep a bad hour in view for days.
use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;

use super::{Counts, Meters};

/// How far back "lately" reaches; a turn further at most.
pub const WINDOW: Duration = Duration::from_secs(60);
const TURN: Duration = Duration::from_secs(10);
const TURNS: usize = 7;

/// Hits among all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    pub hits: u64,
    pub all: u64,
}

impl Share {
    /// In percent; 100 while nothing was asked.
    pub fn percent(self) -> f64 {
        match self.all {
            0 => 100.0,
            all => 100.0 * self.hits as f64 / all as f64,
        }
    }

    fn since(self, earlier: Self) -> Self {
        Self {
            hits: self.hits.saturating_sub(earlier.hits),
            all: self.all.saturating_sub(earlier.all),
        }
    }
}

/// What the latencies and rates were at one moment, or are between two.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    pub commit: Counts,
    pub delivery: Counts,
    pub publish: Counts,
    pub db_wait: Counts,
    pub history: Share,
    pub sessions: Share,
}

impl Look {
    fn at(meters: &Meters) -> Self {
        Self {
            commit: meters.commit.read(),
            delivery: meters.delivery.read(),
            publish: meters.publish.read(),
            db_wait: meters.db_wait.read(),
            history: meters.history.read(),
            sessions: meters.sessions.read(),
        }
    }

    fn since(&self, earlier: &Self) -> Self {
        Self {
            commit: self.commit.since(&earlier.commit),
            delivery: self.delivery.since(&earlier.delivery),
            publish: self.publish.since(&earlier.publish),
            db_wait: self.db_wait.since(&earlier.db_wait),
            history: self.history.since(earlier.history),
            sessions: self.sessions.since(earlier.sessions),
        }
    }
}

/// The last [`WINDOW`] of an instance.
#[derive(Debug, Default)]
pub struct Recent {
    past: Mutex<VecDeque<Look>>,
}

impl Recent {
    /// How often `turn` is to be called.
    pub const EVERY: Duration = TURN;

    /// Moves the window on.
    pub fn turn(&self, meters: &Meters) {
        let mut past = self.past.lock();
        past.push_back(Look::at(meters));
        if past.len() > TURNS {
            past.pop_front();
        }
    }

    /// What came within it.
    pub fn look(&self, meters: &Meters) -> Look {
        let now = Look::at(meters);
        let past = self.past.lock();
        match past.front().filter(|_| past.len() == TURNS) {
            Some(then) => now.since(then),
            None => now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_past_is_forgotten() {
        let (meters, recent) = (Meters::default(), Recent::default());
        meters.publish.record(Duration::from_secs(1));
        meters.history.record(false);
        for _ in 1..TURNS {
            recent.turn(&meters);
        }
        assert_eq!(recent.look(&meters).publish.summary().count, 1);
        assert_eq!(recent.look(&meters).history.all, 1);
        recent.turn(&meters);
        meters.publish.record(Duration::from_millis(1));
        let now = recent.look(&meters);
        assert_eq!(now.publish.summary().count, 1);
        assert!(now.publish.summary().p99 < 0.1);
        assert_eq!(now.history.percent(), 100.0);
    }
}
