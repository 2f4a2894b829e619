//! Percentages: `95%`.
use std::fmt;
use std::str::FromStr;

use super::{NotAllowed, as_json};

/// A share between 0 and 100.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Percent(f64);

impl Percent {
    const ALLOWED: NotAllowed = NotAllowed("a percentage from 0 to 100, such as \"95%\"");

    pub fn of(percent: u8) -> Self {
        Self(f64::from(percent.min(100)))
    }
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl FromStr for Percent {
    type Err = NotAllowed;

    fn from_str(text: &str) -> Result<Self, NotAllowed> {
        text.strip_suffix('%')
            .unwrap_or(text)
            .parse()
            .ok()
            .filter(|percent| (0.0..=100.0).contains(percent))
            .map(Self)
            .ok_or(Self::ALLOWED)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

as_json!(Percent, |number| number.to_string().parse().ok());
