//! A token bucket: so many at once, so many a minute.
use std::time::{Duration, Instant};

/// Starts full. A rate of 0 means no limit.
#[derive(Debug)]
pub(super) struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    pub(super) fn new(burst: u32, now: Instant) -> Self {
        Self {
            tokens: f64::from(burst),
            filled: now,
        }
    }

    /// One that holds so many.
    pub(super) fn holding(tokens: f64, now: Instant) -> Self {
        Self {
            tokens: tokens.max(0.0),
            filled: now,
        }
    }

    /// How many it holds by now.
    pub(super) fn level(&self, per_minute: u32, burst: u32, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        let come = passed * f64::from(per_minute) / 60.0;
        (self.tokens + come).min(f64::from(burst.max(1)))
    }

    /// Takes a token, or says how long until there is one.
    pub(super) fn take(
        &mut self,
        per_minute: u32,
        burst: u32,
        now: Instant,
    ) -> Result<(), Duration> {
        if per_minute == 0 {
            return Ok(());
        }
        let rate = f64::from(per_minute) / 60.0;
        self.tokens = self.level(per_minute, burst, now);
        self.filled = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - self.tokens) / rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, ManualClock};

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let clock = ManualClock::default();
        let mut bucket = Bucket::new(20, clock.now());
        let mut take = || bucket.take(120, 20, clock.now());
        assert!((0..20).all(|_| take().is_ok()));
        assert_eq!(take(), Err(Duration::from_millis(500)));
        clock.advance(Duration::from_millis(500));
        assert_eq!(take(), Ok(()));
        assert!(take().is_err());
        clock.advance(Duration::from_secs(3600));
        assert_eq!((0..100).filter(|_| take().is_ok()).count(), 20);
    }

    #[test]
    fn zero_means_no_limit() {
        let clock = ManualClock::default();
        let mut bucket = Bucket::new(1, clock.now());
        assert!((0..1000).all(|_| bucket.take(0, 1, clock.now()).is_ok()));
    }
}
