//! When an alert begins and when it is over. A number that dances around its threshold must not
//! make one that comes and goes.
//!
//! The rule: an alert is raised, or made worse, when so many looks one after another were beyond
//! the threshold, and goes when as many were on the good side of a lower mark, which leaves a fifth
//! of the way to it: 80 for "more than 100", 96 % for "less than 95 %". A look that brought no
//! answer counts for neither; one that found nothing to measure is a good one.
use crate::config::{Level, Threshold};

/// What one look found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reading {
    Value(f64),
    /// It answered, and nothing happened that could be measured.
    Quiet,
    /// It did not answer.
    Unknown,
}

/// From where on a value is bad.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    Above(Threshold<f64>),
    /// A share in percent that should be high.
    Below(Threshold<f64>),
}

/// The part of the way to a threshold that a value has to go back.
const BACK: f64 = 0.2;

impl Bound {
    /// What the value is by itself.
    pub fn level(self, value: f64) -> Level {
        match self {
            Self::Above(threshold) => threshold.above(value),
            Self::Below(threshold) => threshold.below(value),
        }
    }

    /// The worst that the value still keeps up once it was raised.
    fn kept(self, value: f64) -> Level {
        match self {
            Self::Above(threshold) => threshold.map(|at| at * (1.0 - BACK)).above(value),
            Self::Below(threshold) => threshold.map(|at| at + (100.0 - at) * BACK).below(value),
        }
    }
}

/// One thing that is watched over many looks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Alarm {
    level: Level,
    /// Looks one after another that want another level, and the one nearest to now's among what
    /// they wanted.
    changing: Option<(u32, Level)>,
}

impl Alarm {
    /// Takes a look into account; `looks` is how many one after another change the level.
    pub fn look(&mut self, reading: Reading, bound: Bound, looks: u32) -> Level {
        let (raised, kept) = match reading {
            Reading::Unknown => return self.level,
            Reading::Quiet => (Level::Ok, Level::Ok),
            Reading::Value(value) => (bound.level(value), bound.kept(value)),
        };
        let wanted = match () {
            () if raised > self.level => raised,
            () if kept < self.level => kept,
            () => {
                self.changing = None;
                return self.level;
            }
        };
        let (count, so_far) = match self.changing {
            // Up and down are two ways.
            Some((count, so_far)) if (so_far > self.level) == (wanted > self.level) => {
                (count, so_far)
            }
            _ => (0, wanted),
        };
        let nearest = if wanted > self.level {
            so_far.min(wanted)
        } else {
            so_far.max(wanted)
        };
        self.changing = Some((count + 1, nearest));
        if count + 1 >= looks {
            self.level = nearest;
            self.changing = None;
        }
        self.level
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Level::{Critical, Ok, Warning};

    const QUEUE: Bound = Bound::Above(Threshold {
        warning: 100.0,
        critical: 500.0,
    });
    const RATE: Bound = Bound::Below(Threshold {
        warning: 95.0,
        critical: 90.0,
    });

    fn levels(bound: Bound, readings: &[Reading]) -> Vec<Level> {
        let mut alarm = Alarm::default();
        readings
            .iter()
            .map(|reading| alarm.look(*reading, bound, 3))
            .collect()
    }

    fn of(bound: Bound, values: &[f64]) -> Vec<Level> {
        let readings: Vec<_> = values.iter().map(|value| Reading::Value(*value)).collect();
        levels(bound, &readings)
    }

    #[test]
    fn three_looks_beyond_raise_it_and_fewer_do_not() {
        assert_eq!(of(QUEUE, &[101.0, 101.0, 101.0]), [Ok, Ok, Warning]);
        assert_eq!(of(QUEUE, &[101.0, 101.0, 100.0, 101.0, 101.0]), [Ok; 5]);
    }

    #[test]
    fn it_goes_only_below_the_lower_mark() {
        let up = [600.0; 3];
        let around = of(QUEUE, &[&up[..], &[450.0; 9]].concat());
        assert_eq!(around.last(), Some(&Critical), "450 is above 400");
        let lower = of(QUEUE, &[&up[..], &[90.0; 3]].concat());
        assert_eq!(lower[5], Warning, "90 is above 80");
        let gone = of(QUEUE, &[&up[..], &[80.0; 3]].concat());
        assert_eq!(gone[4..], [Critical, Ok]);
    }

    #[test]
    fn it_becomes_as_bad_as_all_looks_agree() {
        assert_eq!(of(QUEUE, &[600.0, 200.0, 600.0]), [Ok, Ok, Warning]);
        assert_eq!(
            of(QUEUE, &[200.0, 200.0, 200.0, 600.0, 600.0, 600.0])[5],
            Critical
        );
        assert_eq!(
            of(QUEUE, &[600.0, 600.0, 600.0, 0.0, 90.0, 0.0])[5],
            Warning
        );
    }

    #[test]
    fn rates_are_bad_below() {
        assert_eq!(of(RATE, &[89.0; 3])[2], Critical);
        assert_eq!(of(RATE, &[94.0, 94.0, 94.0, 95.5, 95.5, 95.5])[5], Warning);
        assert_eq!(of(RATE, &[94.0, 94.0, 94.0, 96.5, 96.5, 96.5])[5], Ok);
    }

    #[test]
    fn no_answer_changes_nothing_and_silence_is_good() {
        let up = [Reading::Value(600.0); 3];
        let unknown = [&up[..], &[Reading::Unknown; 9]].concat();
        assert_eq!(levels(QUEUE, &unknown).last(), Some(&Critical));
        let quiet = [&up[..], &[Reading::Quiet; 3]].concat();
        assert_eq!(levels(QUEUE, &quiet).last(), Some(&Ok));
        // … and does not begin the count anew either.
        let (bad, none) = (Reading::Value(101.0), Reading::Unknown);
        assert_eq!(levels(QUEUE, &[bad, none, bad, none, bad])[4], Warning);
    }

    proptest::proptest! {
        #[test]
        fn it_never_moves_without_as_many_looks_that_agree(
            values in proptest::collection::vec(0.0..1000.0f64, 1..60),
        ) {
            let levels = of(QUEUE, &values);
            for (i, pair) in levels.windows(2).enumerate() {
                if pair[0] != pair[1] {
                    let last = &values[i + 1 - 2..=i + 1];
                    let up = pair[1] > pair[0];
                    let agrees = |v: &f64| if up { QUEUE.level(*v) >= pair[1] } else { QUEUE.kept(*v) <= pair[1] };
                    proptest::prop_assert!(last.iter().all(agrees));
                }
            }
        }
    }
}
