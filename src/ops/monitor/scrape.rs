//! What an instance's `/metrics` says, as Prometheus reads it.
use std::collections::BTreeMap;

/// One look at one instance: every number by its name, and histograms by theirs.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Scrape {
    numbers: BTreeMap<String, f64>,
    histograms: BTreeMap<String, Buckets>,
}

/// Upper bounds in seconds, and how many were at or below each since the start.
pub(super) type Buckets = Vec<(f64, f64)>;

impl Scrape {
    /// Reads the text format. A line that is none is left out: one strange number must not
    /// hide the others.
    pub(super) fn parse(text: &str) -> Self {
        let mut scrape = Self::default();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            scrape.line(line);
        }
        scrape
    }

    fn line(&mut self, line: &str) -> Option<()> {
        let (series, value) = line.rsplit_once(' ')?;
        let value = value.parse().ok()?;
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, labels.trim_end_matches('}')),
            None => (series, ""),
        };
        match name.strip_suffix("_bucket") {
            Some(histogram) => {
                let bound = labels.strip_prefix("le=\"")?.strip_suffix('"')?;
                let bound = bound.parse().unwrap_or(f64::INFINITY);
                let buckets = self.histograms.entry(histogram.to_owned()).or_default();
                buckets.push((bound, value));
            }
            // A number that is split by labels is there by each, and as their sum.
            None => {
                if !labels.is_empty() {
                    self.numbers.insert(series.to_owned(), value);
                }
                *self.numbers.entry(name.to_owned()).or_default() += value;
            }
        }
        Some(())
    }

    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.numbers.get(name).copied()
    }

    pub(super) fn buckets(&self, name: &str) -> &[(f64, f64)] {
        self.histograms.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether this is of an earlier run of the instance than `later`: a counter went back.
    pub(super) fn is_before_restart(&self, later: &Self) -> bool {
        let totals = |(name, _): &(&String, &f64)| name.ends_with("_total");
        self.numbers
            .iter()
            .filter(totals)
            .any(|(name, value)| later.number(name).is_some_and(|now| now < *value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_labels_and_histograms_are_read() {
        let scrape = Scrape::parse(
            "# HELP discord_queue_depth Messages waiting.\n\
             discord_queue_depth 3\n\
             discord_connections{transport=\"tcp\"} 2\n\
             discord_connections{transport=\"sse\"} 5\n\
             discord_x_seconds_bucket{le=\"0.5\"} 1\n\
             discord_x_seconds_bucket{le=\"+Inf\"} 4\n\
             nonsense\n\
             discord_odd NaN?\n",
        );
        assert_eq!(scrape.number("discord_queue_depth"), Some(3.0));
        assert_eq!(scrape.number("discord_connections"), Some(7.0));
        let tcp = "discord_connections{transport=\"tcp\"}";
        assert_eq!(scrape.number(tcp), Some(2.0));
        assert_eq!(
            scrape.buckets("discord_x_seconds"),
            [(0.5, 1.0), (f64::INFINITY, 4.0)]
        );
        assert_eq!(scrape.number("discord_odd"), None);
    }

    #[test]
    fn a_counter_that_went_back_is_a_restart() {
        let of = |count| Scrape::parse(&format!("a_total {count}\nb 9"));
        assert!(of(5).is_before_restart(&of(0)));
        assert!(!of(5).is_before_restart(&of(5)));
    }
}
