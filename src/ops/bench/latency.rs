//! Latencies over the time of a run: a histogram for each step of it.
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::plan::micros;

/// Steps of a run, at most: enough for a plot, few enough to keep.
const MOST_STEPS: u32 = 120;
/// A step is no shorter.
const SHORTEST: Duration = Duration::from_secs(1);
/// Quantiles are right to one in a thousand.
const DIGITS: u8 = 3;

/// Quantiles in milliseconds; all zero where nothing was recorded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Quantiles {
    pub p50: f64,
    pub p90: f64,
    pub p95: f64,
    pub p99: f64,
    pub p999: f64,
    pub max: f64,
}

impl Quantiles {
    fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1e3;
        Self {
            p50: at(0.5),
            p90: at(0.9),
            p95: at(0.95),
            p99: at(0.99),
            p999: at(0.999),
            max: histogram.max() as f64 / 1e3,
        }
    }
}

/// What was recorded, step by step.
#[derive(Debug)]
pub(super) struct Timeline {
    from: u64,
    step: u64,
    steps: Vec<Histogram<u64>>,
    /// The step that is being recorded.
    current: usize,
    last: Option<u64>,
}

impl Timeline {
    /// A timeline for the time after the warm-up.
    pub(super) fn new(warmup: Duration, duration: Duration) -> Self {
        Self {
            from: micros(warmup),
            step: micros((duration / MOST_STEPS).max(SHORTEST)),
            steps: Vec::new(),
            current: 0,
            last: None,
        }
    }

    /// What is recorded from here on happened at `now`.
    pub(super) fn set_now(&mut self, now: u64) {
        let step = now.saturating_sub(self.from) / self.step;
        self.current = (step as usize).min(2 * MOST_STEPS as usize);
        while self.steps.len() <= self.current {
            // Only a number of digits beyond five is refused.
            let Ok(histogram) = Histogram::new(DIGITS) else {
                return;
            };
            self.steps.push(histogram);
        }
    }

    /// Records something that was due at `due` and came at `now`, unless it was due in the
    /// warm-up.
    #[inline]
    pub(super) fn record(&mut self, due: u64, now: u64) {
        if due < self.from {
            return;
        }
        self.last = Some(now);
        if let Some(step) = self.steps.get_mut(self.current) {
            // It grows as it must.
            let _ = step.record(now.saturating_sub(due));
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.last = self.last.max(other.last);
        for (i, theirs) in other.steps.iter().enumerate() {
            match self.steps.get_mut(i) {
                Some(ours) => add(ours, theirs),
                None => self.steps.push(theirs.clone()),
            }
        }
    }

    /// How many were recorded.
    pub(super) fn count(&self) -> u64 {
        self.steps.iter().map(Histogram::len).sum()
    }

    /// How long after the warm-up the last was recorded.
    pub(super) fn lasted(&self) -> Duration {
        let last = self.last.unwrap_or(self.from);
        Duration::from_micros(last.saturating_sub(self.from))
    }

    pub(super) fn quantiles(&self) -> Quantiles {
        let mut steps = self.steps.iter();
        let Some(mut all) = steps.next().cloned() else {
            return Quantiles::default();
        };
        steps.for_each(|step| add(&mut all, step));
        Quantiles::of(&all)
    }

    /// Each step: when it begins (in seconds), how many, and their quantiles.
    pub(super) fn rows(&self) -> impl Iterator<Item = (f64, u64, Quantiles)> {
        self.steps.iter().enumerate().map(|(i, step)| {
            let begins = i as f64 * self.step as f64 / 1e6;
            (begins, step.len(), Quantiles::of(step))
        })
    }

    pub(super) fn step(&self) -> Duration {
        Duration::from_micros(self.step)
    }
}

fn add(sum: &mut Histogram<u64>, more: &Histogram<u64>) {
    // Refused only where the sum could not grow, and these grow.
    let _ = sum.add(more);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_due_in_the_warm_up_is_left_out_and_the_rest_falls_into_its_step() {
        let second = 1_000_000;
        let mut one = Timeline::new(Duration::from_secs(1), Duration::from_secs(10));
        for now in [second / 2, 2 * second, 3 * second + 5] {
            one.set_now(now);
            one.record(now - 4_000, now);
        }
        let mut other = Timeline::new(Duration::from_secs(1), Duration::from_secs(10));
        other.set_now(4 * second);
        other.record(2 * second, 4 * second);
        one.merge(&other);
        let counts: Vec<u64> = one.rows().map(|(_, count, _)| count).collect();
        assert_eq!(counts, [0, 1, 1, 1]);
        assert_eq!(one.count(), 3);
        assert_eq!(one.lasted(), Duration::from_secs(3));
        let quantiles = one.quantiles();
        assert!((quantiles.p50 - 4.0).abs() < 0.01, "{quantiles:?}");
        assert!(
            (quantiles.max / 2_000.0 - 1.0).abs() < 0.01,
            "{quantiles:?}"
        );
    }
}
