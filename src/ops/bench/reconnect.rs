//! A reader that goes on elsewhere: from where, and when it next leaves.
use std::time::Duration;

use super::plan::{Seat, micros};
use crate::client::raw::Position;
use crate::random;

#[derive(Debug)]
pub(super) struct Reconnect {
    pub(super) seat: Seat,
    pub(super) position: Position,
    /// It cuts its connection then, in microseconds since the start.
    pub(super) leaves: u64,
}

impl Reconnect {
    pub(super) fn new(seat: Seat, position: Position, every: Duration, now: u64) -> Self {
        Self {
            seat,
            position,
            leaves: now + micros(jittered(every)),
        }
    }
}

/// Anything up to twice `time`.
pub(super) fn jittered(time: Duration) -> Duration {
    random::between(Duration::ZERO, 2 * time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_does_so_within_twice_the_time() {
        let every = Duration::from_secs(1);
        assert!((0..100).all(|_| jittered(every) <= 2 * every));
    }
}
