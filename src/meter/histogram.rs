//! Durations in logarithmic buckets: cheap to record, good for quantiles within ten per cent.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Eight buckets an octave from one microsecond to over two minutes.
const STEPS: usize = 8;
const OCTAVES: usize = 28;

/// How long things took. Recording is two atomic additions.
#[derive(Debug)]
pub struct Histogram {
    buckets: [AtomicU64; STEPS * OCTAVES],
    micros: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: [const { AtomicU64::new(0) }; STEPS * OCTAVES],
            micros: AtomicU64::new(0),
        }
    }
}

/// What was recorded up to one moment, or between two.
#[derive(Debug, Clone, PartialEq)]
pub struct Counts {
    buckets: Vec<u64>,
    micros: u64,
}

/// What they say, in seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    pub count: u64,
    pub sum: f64,
    pub p50: f64,
    pub p95: f64,
    pub p99: f64,
}

impl Histogram {
    pub fn record(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.buckets[bucket(micros)].fetch_add(1, Relaxed);
        self.micros.fetch_add(micros, Relaxed);
    }

    pub fn read(&self) -> Counts {
        Counts {
            buckets: self.buckets.iter().map(|b| b.load(Relaxed)).collect(),
            micros: self.micros.load(Relaxed),
        }
    }
}

impl Counts {
    /// What came after `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        let pairs = self.buckets.iter().zip(&earlier.buckets);
        Self {
            buckets: pairs.map(|(now, then)| now.saturating_sub(*then)).collect(),
            micros: self.micros.saturating_sub(earlier.micros),
        }
    }

    pub fn summary(&self) -> Summary {
        let quantile = |q: f64| quantile(&self.buckets, q);
        Summary {
            count: self.buckets.iter().sum(),
            sum: self.micros as f64 / 1e6,
            p50: quantile(0.50),
            p95: quantile(0.95),
            p99: quantile(0.99),
        }
    }

    /// How many fell into each of the buckets that end at `bounds` (seconds, ascending), and
    /// how many beyond the last: what Prometheus wants to be told.
    pub fn within(&self, bounds: &[f64]) -> Vec<u64> {
        let mut sums = vec![0; bounds.len() + 1];
        for (i, count) in self.buckets.iter().enumerate() {
            let end = upper(i) / 1e6;
            let at = bounds.partition_point(|bound| *bound < end);
            sums[at] += count;
        }
        sums
    }
}

fn bucket(micros: u64) -> usize {
    let octave = (micros.max(1)).ilog2() as usize;
    let within = if octave < 3 {
        (micros.max(1) << (3 - octave)) as usize - STEPS
    } else {
        (micros >> (octave - 3)) as usize - STEPS
    };
    (octave * STEPS + within).min(STEPS * OCTAVES - 1)
}

/// Where bucket `i` ends, in microseconds.
fn upper(i: usize) -> f64 {
    let (octave, within) = (i / STEPS, i % STEPS);
    (1u64 << octave) as f64 * (1.0 + (within + 1) as f64 / STEPS as f64)
}

fn quantile(counts: &[u64], q: f64) -> f64 {
    let all: u64 = counts.iter().sum();
    let rank = (all as f64 * q).ceil() as u64;
    let mut seen = 0;
    for (i, count) in counts.iter().enumerate() {
        seen += count;
        if *count > 0 && seen >= rank {
            return upper(i) / 1e6;
        }
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_ten_per_cent_and_a_bit() {
        let histogram = Histogram::default();
        (1..=1000).for_each(|ms| histogram.record(Duration::from_millis(ms)));
        let summary = histogram.read().summary();
        assert_eq!(summary.count, 1000);
        for (found, wanted) in [(summary.p50, 0.5), (summary.p95, 0.95), (summary.p99, 0.99)] {
            assert!((found / wanted - 1.0).abs() < 0.13, "{found} for {wanted}");
        }
    }

    #[test]
    fn the_extremes_have_buckets() {
        let histogram = Histogram::default();
        histogram.record(Duration::ZERO);
        histogram.record(Duration::MAX);
        let counts = histogram.read();
        assert_eq!(counts.summary().count, 2);
        assert_eq!(counts.within(&[0.001]), vec![1, 1]);
    }

    #[test]
    fn what_came_between_two_moments_is_told_apart() {
        let histogram = Histogram::default();
        histogram.record(Duration::from_secs(1));
        let then = histogram.read();
        histogram.record(Duration::from_millis(1));
        let between = histogram.read().since(&then).summary();
        assert_eq!(between.count, 1);
        assert!(between.p99 < 0.01, "{between:?}");
    }
}
