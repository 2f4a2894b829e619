//! Which backups are kept: the newest, and one of each of the last days and weeks.
use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, Utc};

use crate::config::Keep;

/// A backup, as far as that is decided by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dated<'a> {
    pub(super) name: &'a str,
    pub(super) made_at: DateTime<Utc>,
    pub(super) verified: bool,
}

/// The names of those that are not kept. The newest that was verified always is, and of those that
/// were not only what is newer than that: a run that is under way, or was killed.
pub(super) fn surplus<'a>(backups: &[Dated<'a>], keep: &Keep) -> Vec<&'a str> {
    let mut verified: Vec<&Dated<'_>> = backups.iter().filter(|one| one.verified).collect();
    verified.sort_by_key(|one| std::cmp::Reverse(one.made_at));
    let Some(newest) = verified.first() else {
        return Vec::new();
    };
    let first_of = |many: u32, period: &dyn Fn(DateTime<Utc>) -> (i32, u32)| {
        let mut seen = BTreeSet::new();
        let first = verified
            .iter()
            .filter(|one| seen.insert(period(one.made_at)));
        let names = first.take(many as usize).map(|one| one.name);
        names.collect::<Vec<_>>()
    };
    let day = |at: DateTime<Utc>| (at.year(), at.ordinal());
    let week = |at: DateTime<Utc>| (at.iso_week().year(), at.iso_week().week());
    let mut kept: BTreeSet<&str> = verified
        .iter()
        .take((keep.newest as usize).max(1))
        .map(|one| one.name)
        .collect();
    kept.extend(first_of(keep.daily, &day));
    kept.extend(first_of(keep.weekly, &week));
    let is_surplus = |one: &&Dated<'_>| {
        !kept.contains(one.name) && (one.verified || one.made_at < newest.made_at)
    };
    let surplus = backups.iter().filter(is_surplus);
    surplus.map(|one| one.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    #[test]
    fn the_newest_and_one_of_each_day_and_week_are_kept() {
        // Two a day over five weeks, the first a Monday.
        let first = at("2026-06-01T00:00:00Z");
        let times = (0..70).map(|n| first + chrono::Duration::hours(12 * n));
        let named: Vec<(String, DateTime<Utc>)> =
            times.map(|time| (time.to_rfc3339(), time)).collect();
        let all = |verified: bool| {
            let dated = named.iter().map(move |(name, made_at)| Dated {
                name,
                made_at: *made_at,
                verified,
            });
            dated.collect::<Vec<_>>()
        };
        let keep = Keep {
            newest: 3,
            daily: 4,
            weekly: 3,
        };
        let gone = surplus(&all(true), &keep);
        let kept = named.iter().map(|(name, _)| &name[..13]);
        let kept: Vec<&str> = kept
            .filter(|name| !gone.iter().any(|g| g.starts_with(name)))
            .collect();
        assert_eq!(
            kept,
            [
                // The last of the last three weeks, of the last four days, and the last three.
                "2026-06-21T12",
                "2026-06-28T12",
                "2026-07-02T12",
                "2026-07-03T12",
                "2026-07-04T12",
                "2026-07-05T00",
                "2026-07-05T12",
            ]
        );
        // Of what was never verified nothing is counted, and nothing is removed for it.
        assert!(surplus(&all(false), &keep).is_empty());
    }

    #[test]
    fn the_last_verified_one_stays_whatever_comes_after() {
        let one = |name, day: u32, verified| Dated {
            name,
            made_at: at(&format!("2026-06-{day:02}T00:00:00Z")),
            verified,
        };
        let backups = [
            one("a", 1, false),
            one("b", 2, true),
            one("c", 3, false),
            one("d", 4, false),
        ];
        let none = Keep {
            newest: 0,
            daily: 0,
            weekly: 0,
        };
        assert_eq!(surplus(&backups, &none), ["a"]);
    }
}
