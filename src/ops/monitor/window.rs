//! The last minute of one instance: rates, and quantiles of what happened in it alone. A quantile
//! since the start would hide what is slow now behind what was fast yesterday.
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::scrape::{Buckets, Scrape};

/// How far back quantiles and hit rates look, as the shipped alert rules do.
const REACH: Duration = Duration::from_secs(60);
/// How far back a rate per second looks.
const RATE: Duration = Duration::from_secs(5);
/// However often it is looked, no more is kept.
const MOST: usize = 130;

/// The looks of the last minute, oldest first.
#[derive(Debug, Default)]
pub(super) struct Window {
    looks: VecDeque<(Instant, Scrape)>,
}

impl Window {
    pub(super) fn push(&mut self, at: Instant, scrape: Scrape) {
        if let Some((_, last)) = self.looks.back()
            && last.is_before_restart(&scrape)
        {
            self.looks.clear();
        }
        self.looks.push_back((at, scrape));
        // One that is older than the reach stays as where the minute begins.
        while self.looks.len() > MOST
            || (self.looks.len() > 2 && at.duration_since(self.looks[1].0) >= REACH)
        {
            self.looks.pop_front();
        }
    }

    pub(super) fn newest(&self) -> Option<&Scrape> {
        self.looks.back().map(|(_, scrape)| scrape)
    }

    /// How much the counter grew, in each second of the last few.
    pub(super) fn rate(&self, counter: &str) -> Option<f64> {
        let (now, newest) = self.looks.back()?;
        let fitting = |(at, _): &&(Instant, Scrape)| now.duration_since(*at) <= RATE;
        let before_last = self.looks.len().checked_sub(2)?;
        let first = self
            .looks
            .iter()
            .position(|look| fitting(&look))
            .unwrap_or(0);
        let (at, oldest) = &self.looks[first.min(before_last)];
        let grown = newest.number(counter)? - oldest.number(counter)?;
        let seconds = now.duration_since(*at).as_secs_f64();
        (seconds > 0.0).then(|| grown / seconds)
    }

    /// The share of hits of the last minute, in percent. `None` where there were so few that it
    /// would say nothing.
    pub(super) fn hit_rate(&self, hits: &str, misses: &str) -> Option<f64> {
        const FEW: f64 = 20.0;
        let (hits, misses) = (self.grown(hits)?, self.grown(misses)?);
        (hits + misses >= FEW).then(|| 100.0 * hits / (hits + misses))
    }

    fn grown(&self, counter: &str) -> Option<f64> {
        let (oldest, newest) = self.ends()?;
        Some(newest.number(counter)? - oldest.number(counter)?)
    }

    /// Of what the histogram took in during the last minute, in seconds; `None` if nothing.
    pub(super) fn quantile(&self, histogram: &str, q: f64) -> Option<f64> {
        let (oldest, newest) = self.ends()?;
        let before = oldest.buckets(histogram);
        let during = newest.buckets(histogram).iter().enumerate();
        let during = during.map(|(i, (bound, count))| {
            (
                *bound,
                count - before.get(i).map_or(0.0, |(_, count)| *count),
            )
        });
        quantile(&during.collect(), q)
    }

    fn ends(&self) -> Option<(&Scrape, &Scrape)> {
        let (_, oldest) = self.looks.front().filter(|_| self.looks.len() > 1)?;
        Some((oldest, self.newest()?))
    }
}

/// Within a bucket, as if its values were spread evenly; beyond the last bound, that bound.
fn quantile(buckets: &Buckets, q: f64) -> Option<f64> {
    let (_, all) = *buckets.last()?;
    if all <= 0.0 {
        return None;
    }
    let rank = all * q;
    let (mut low, mut below) = (0.0, 0.0);
    for (bound, count) in buckets {
        if *count >= rank && *count > below {
            return Some(if bound.is_finite() {
                low + (bound - low) * (rank - below) / (count - below)
            } else {
                low
            });
        }
        (low, below) = (*bound, *count);
    }
    Some(low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, ManualClock};

    fn scrape(sent: u32, fast: u32, slow: u32) -> Scrape {
        Scrape::parse(&format!(
            "sent_total {sent}\nhits_total {sent}\nmisses_total 0\n\
             took_bucket{{le=\"0.01\"}} {fast}\ntook_bucket{{le=\"0.1\"}} {}\n\
             took_bucket{{le=\"+Inf\"}} {}\n",
            fast + slow,
            fast + slow,
        ))
    }

    #[test]
    fn a_single_look_has_no_rates() {
        let mut window = Window::default();
        window.push(ManualClock::default().now(), scrape(100, 100, 0));
        assert_eq!(window.rate("sent_total"), None);
        assert_eq!(window.quantile("took", 0.99), None);
    }

    #[test]
    fn what_is_slow_now_is_not_hidden_by_what_was_fast() {
        let (mut window, clock) = (Window::default(), ManualClock::default());
        window.push(clock.now(), scrape(1_000_000, 1_000_000, 0));
        clock.advance(Duration::from_secs(2));
        window.push(clock.now(), scrape(1_000_100, 1_000_000, 100));
        assert_eq!(window.rate("sent_total"), Some(50.0));
        assert_eq!(window.hit_rate("hits_total", "misses_total"), Some(100.0));
        let p99 = window.quantile("took", 0.99).expect("there were some");
        assert!((0.09..=0.1).contains(&p99), "{p99}");
    }

    #[test]
    fn a_minute_later_it_is_forgotten() {
        let (mut window, clock) = (Window::default(), ManualClock::default());
        window.push(clock.now(), scrape(0, 0, 0));
        window.push(clock.now(), scrape(10, 0, 10));
        for _ in 0..40 {
            clock.advance(Duration::from_secs(2));
            window.push(clock.now(), scrape(10, 0, 10));
        }
        assert_eq!(window.quantile("took", 0.99), None);
        assert_eq!(window.rate("sent_total"), Some(0.0));
        assert!(window.looks.len() <= 32);
    }

    #[test]
    fn a_restart_begins_anew() {
        let (mut window, clock) = (Window::default(), ManualClock::default());
        window.push(clock.now(), scrape(500, 500, 0));
        clock.advance(Duration::from_secs(2));
        window.push(clock.now(), scrape(3, 3, 0));
        assert_eq!(window.rate("sent_total"), None);
    }

    #[test]
    fn beyond_the_last_bound_is_that_bound() {
        let buckets = vec![(0.5, 0.0), (5.0, 0.0), (f64::INFINITY, 7.0)];
        assert_eq!(quantile(&buckets, 0.99), Some(5.0));
        assert_eq!(quantile(&vec![(1.0, 0.0)], 0.5), None);
    }
}
