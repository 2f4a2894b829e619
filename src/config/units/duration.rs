//! Durations: `500ms`, `30s`, `90d`.
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{NotAllowed, as_json, number_and_unit, scale, write_scaled};

/// A length of time, in whole milliseconds, up to a century: nothing that is added to or taken
/// from a date can overflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HumanDuration(u64);

impl HumanDuration {
    const ALLOWED: NotAllowed =
        NotAllowed("a duration such as \"500ms\", \"30s\", \"5m\", \"1h\" or \"90d\"");
    const MAX_MS: u64 = 36_500 * 86_400_000;
    /// Largest first, so that the first that divides is the shortest to write.
    const UNITS: [(&'static str, u64); 5] = [
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("m", 60_000),
        ("s", 1_000),
        ("ms", 1),
    ];

    pub const fn millis(n: u64) -> Self {
        Self(n)
    }
    pub const fn secs(n: u64) -> Self {
        Self(n * 1_000)
    }
    pub const fn hours(n: u64) -> Self {
        Self(n * 3_600_000)
    }
    pub const fn days(n: u64) -> Self {
        Self(n * 86_400_000)
    }
    pub const fn get(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl FromStr for HumanDuration {
    type Err = NotAllowed;

    fn from_str(text: &str) -> Result<Self, NotAllowed> {
        number_and_unit(text)
            .and_then(|(number, unit)| scale(number, unit, &Self::UNITS))
            .filter(|ms| *ms <= Self::MAX_MS)
            .map(Self)
            .ok_or(Self::ALLOWED)
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        write_scaled(f, self.0, &Self::UNITS)
    }
}

// A bare number would leave its unit to be guessed.
as_json!(HumanDuration, |_| None);
