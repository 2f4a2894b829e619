//! A token bucket: so many at once, so many a minute.
use std::time::{Duration, Instant};

/// How fast a bucket fills, and how much it holds. A rate of 0 means no limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    per_minute: u32,
    burst: u32,
}

impl Rate {
    pub(super) fn new(per_minute: u32, burst: u32) -> Self {
        Self {
            per_minute,
            burst: burst.max(1),
        }
    }

    /// Both numbers in one.
    pub(super) fn to_bits(self) -> u64 {
        u64::from(self.per_minute) << 32 | u64::from(self.burst)
    }

    /// The rate of which these are the bits.
    pub(super) fn from_bits(bits: u64) -> Self {
        Self {
            per_minute: (bits >> 32) as u32,
            burst: bits as u32,
        }
    }

    pub(super) fn times(self, factor: u32) -> Self {
        Self {
            per_minute: self.per_minute.saturating_mul(factor),
            burst: self.burst.saturating_mul(factor),
        }
    }
}

#[derive(Debug)]
pub(super) struct Bucket {
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    pub(super) fn full(rate: Rate, now: Instant) -> Self {
        Self {
            tokens: f64::from(rate.burst),
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
    pub(super) fn level(&self, rate: Rate, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        let come = passed * f64::from(rate.per_minute) / 60.0;
        (self.tokens + come).min(f64::from(rate.burst))
    }

    pub(super) fn is_full(&self, rate: Rate, now: Instant) -> bool {
        rate.per_minute == 0 || self.level(rate, now) >= f64::from(rate.burst)
    }

    /// Takes so many tokens, or says how long until there are so many.
    pub(super) fn take(&mut self, count: u32, rate: Rate, now: Instant) -> Result<(), Duration> {
        if rate.per_minute == 0 {
            return Ok(());
        }
        self.tokens = self.level(rate, now);
        self.filled = now;
        // What costs more than can ever be there takes all of it.
        let wanted = f64::from(count.min(rate.burst));
        if self.tokens >= wanted {
            self.tokens -= wanted;
            return Ok(());
        }
        let per_second = f64::from(rate.per_minute) / 60.0;
        Err(Duration::from_secs_f64((wanted - self.tokens) / per_second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, ManualClock};

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let (clock, rate) = (ManualClock::default(), Rate::new(120, 20));
        let mut bucket = Bucket::full(rate, clock.now());
        let mut take = || bucket.take(1, rate, clock.now());
        assert!((0..20).all(|_| take().is_ok()));
        assert_eq!(take(), Err(Duration::from_millis(500)));
        clock.advance(Duration::from_millis(500));
        assert_eq!(take(), Ok(()));
        assert!(take().is_err());
        clock.advance(Duration::from_secs(3600));
        assert_eq!((0..100).filter(|_| take().is_ok()).count(), 20);
    }

    #[test]
    fn what_is_dear_takes_more() {
        let (clock, rate) = (ManualClock::default(), Rate::new(60, 60));
        let mut bucket = Bucket::full(rate, clock.now());
        assert_eq!(bucket.take(20, rate, clock.now()), Ok(()));
        assert_eq!(bucket.take(40, rate, clock.now()), Ok(()));
        assert!(bucket.is_full(Rate::new(0, 60), clock.now()));
        let wait = bucket.take(20, rate, clock.now());
        assert_eq!(wait, Err(Duration::from_secs(20)));
        clock.advance(Duration::from_secs(60));
        assert!(bucket.is_full(rate, clock.now()));
        assert_eq!(bucket.take(100, rate, clock.now()), Ok(()));
    }

    #[test]
    fn zero_means_no_limit() {
        let (clock, rate) = (ManualClock::default(), Rate::new(0, 1));
        let mut bucket = Bucket::full(rate, clock.now());
        assert!((0..1000).all(|_| bucket.take(1, rate, clock.now()).is_ok()));
    }
}
