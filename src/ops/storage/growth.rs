//! A table now, beside what it was.
use chrono::{DateTime, Duration, SubsecRound, Utc};
use serde::Serialize;

use super::Level;
use crate::config::{ByteSize, Threshold};
use crate::store::upkeep::{Look, TableSize};

/// A rate from less time than this would be noise.
const LEAST: Duration = Duration::hours(1);

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableGrowth {
    #[serde(flatten)]
    pub size: TableSize,
    /// Since the last look that was written down, to the second; none if there was none.
    pub since: Option<DateTime<Utc>>,
    pub grown_rows: Option<i64>,
    pub grown_bytes: Option<i64>,
    /// From the oldest look of the last days on.
    pub bytes_per_day: Option<f64>,
    pub warning_bytes: Option<u64>,
    pub critical_bytes: Option<u64>,
    /// At that rate; 0 if it is there, none if it never will be.
    pub days_to_warning: Option<f64>,
    pub days_to_critical: Option<f64>,
    pub state: Level,
}

impl TableGrowth {
    /// `looks` are of all tables, oldest first.
    pub(super) fn of(
        size: TableSize,
        threshold: Option<Threshold<ByteSize>>,
        looks: &[Look],
        now: DateTime<Utc>,
    ) -> Self {
        let mut looks = looks.iter().filter(|look| look.name == size.name);
        let oldest = looks.clone().next();
        let last = looks.next_back();
        let bytes_per_day = oldest.and_then(|look| rate(look, size.bytes, now));
        let days = |limit: ByteSize| days(size.bytes, limit, bytes_per_day);
        Self {
            since: last.map(|look| look.seen_at.trunc_subsecs(0)),
            grown_rows: last.map(|look| size.rows - look.rows),
            grown_bytes: last.map(|look| size.bytes - look.bytes),
            warning_bytes: threshold.map(|at| at.warning.bytes()),
            critical_bytes: threshold.map(|at| at.critical.bytes()),
            state: level(size.bytes, threshold),
            days_to_warning: threshold.and_then(|at| days(at.warning)),
            days_to_critical: threshold.and_then(|at| days(at.critical)),
            bytes_per_day,
            size,
        }
    }
}

fn rate(look: &Look, bytes: i64, now: DateTime<Utc>) -> Option<f64> {
    let time = now - look.seen_at;
    let days = time.num_seconds() as f64 / 86_400.0;
    (time >= LEAST).then(|| (bytes - look.bytes) as f64 / days)
}

fn level(bytes: i64, threshold: Option<Threshold<ByteSize>>) -> Level {
    let beyond = |limit: ByteSize| u64::try_from(bytes).is_ok_and(|bytes| bytes > limit.bytes());
    match threshold {
        Some(at) if beyond(at.critical) => Level::Critical,
        Some(at) if beyond(at.warning) => Level::Warning,
        _ => Level::Ok,
    }
}

fn days(bytes: i64, limit: ByteSize, per_day: Option<f64>) -> Option<f64> {
    let left = limit.bytes() as f64 - bytes as f64;
    match per_day {
        _ if left <= 0.0 => Some(0.0),
        Some(rate) if rate > 0.0 => Some(left / rate),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: i64 = 1_000_000;

    fn table(bytes: i64, looks: &[(i64, i64)]) -> TableGrowth {
        let now = DateTime::UNIX_EPOCH + Duration::days(1_000);
        let looks: Vec<Look> = looks
            .iter()
            .flat_map(|(hours_ago, bytes)| {
                ["messages", "users"].map(|name| Look {
                    name: name.into(),
                    seen_at: now - Duration::hours(*hours_ago),
                    rows: bytes / 100 - i64::from(name == "users"),
                    bytes: bytes - i64::from(name == "users"),
                })
            })
            .collect();
        let size = TableSize {
            name: "messages".into(),
            rows: bytes / 100,
            exact: true,
            bytes,
            index_bytes: 0,
            dead_rows: None,
        };
        let threshold = Threshold {
            warning: ByteSize::mb(5),
            critical: ByteSize::mb(50),
        };
        TableGrowth::of(size, Some(threshold), &looks, now)
    }

    #[test]
    fn growth_is_told_since_the_last_look_and_the_rate_since_the_first() {
        let seen = table(4 * MB, &[(48, 2 * MB), (12, 3 * MB)]);
        assert_eq!(
            (seen.grown_rows, seen.grown_bytes),
            (Some(10_000), Some(MB))
        );
        assert_eq!(seen.bytes_per_day, Some(1e6));
        assert_eq!(
            (seen.days_to_warning, seen.days_to_critical),
            (Some(1.0), Some(46.0))
        );
    }

    #[test]
    fn what_does_not_grow_never_gets_there() {
        let seen = table(4 * MB, &[(48, 4 * MB)]);
        assert_eq!((seen.days_to_warning, seen.grown_bytes), (None, Some(0)));
        let shrinks = table(4 * MB, &[(48, 5 * MB)]);
        assert_eq!(
            (shrinks.days_to_warning, shrinks.grown_bytes),
            (None, Some(-MB))
        );
    }

    #[test]
    fn a_moment_is_no_time_to_tell_a_rate_from() {
        let seen = table(4 * MB, &[(0, 3 * MB)]);
        assert_eq!((seen.grown_bytes, seen.bytes_per_day), (Some(MB), None));
        let first = table(4 * MB, &[]);
        assert_eq!((first.since, first.days_to_warning), (None, None));
    }

    #[test]
    fn beyond_a_threshold_is_beyond_it() {
        for (bytes, level) in [
            (5 * MB, Level::Ok),
            (5 * MB + 1, Level::Warning),
            (50 * MB, Level::Warning),
            (50 * MB + 1, Level::Critical),
        ] {
            assert_eq!(table(bytes, &[]).state, level, "{bytes}");
        }
        assert_eq!(table(6 * MB, &[]).days_to_warning, Some(0.0));
    }
}
