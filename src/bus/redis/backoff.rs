//! How long to wait before connecting again: longer each time, never the same for all.
use std::time::Duration;

use crate::random;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);

/// Doubles up to a second, jittered so that the instances do not all come at once.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Between half of and the whole delay that is due; the first time between nothing and it,
    /// because most often it is one connection that was cut, and Redis is there.
    pub(super) fn next(&mut self) -> Duration {
        let due = FIRST
            .saturating_mul(1 << self.failures.min(10))
            .min(LONGEST);
        let least = match self.failures {
            0 => Duration::ZERO,
            _ => due / 2,
        };
        self.failures = self.failures.saturating_add(1);
        random::between(least, due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_a_second_and_start_anew() {
        let mut backoff = Backoff::default();
        assert!(backoff.next() <= FIRST);
        for failures in 1..40 {
            let due = FIRST.saturating_mul(1 << failures.min(10)).min(LONGEST);
            let delay = backoff.next();
            assert!(due / 2 <= delay && delay <= due, "{delay:?} of {due:?}");
        }
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}
