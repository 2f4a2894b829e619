//! A threshold, and how a figure stands against it: one judgement for every check and alert.
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Threshold<T> {
    pub warning: T,
    pub critical: T,
}

/// How bad something is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    #[default]
    Ok,
    Warning,
    Critical,
}

impl<T: Copy> Threshold<T> {
    /// The same in another unit.
    pub fn map<U>(self, convert: impl Fn(T) -> U) -> Threshold<U> {
        Threshold {
            warning: convert(self.warning),
            critical: convert(self.critical),
        }
    }
}

impl Threshold<f64> {
    /// For what should stay low.
    pub fn above(self, figure: f64) -> Level {
        self.map(|bound| -bound).below(-figure)
    }

    /// For what should stay high.
    pub fn below(self, figure: f64) -> Level {
        match figure {
            figure if figure < self.critical => Level::Critical,
            figure if figure < self.warning => Level::Warning,
            _ => Level::Ok,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_at_the_threshold_is_still_well() {
        let at = Threshold {
            warning: 100.0,
            critical: 500.0,
        };
        for (figure, level) in [
            (0.0, Level::Ok),
            (100.0, Level::Ok),
            (100.1, Level::Warning),
            (500.0, Level::Warning),
            (500.1, Level::Critical),
        ] {
            assert_eq!(at.above(figure), level, "{figure}");
        }
        let at = Threshold {
            warning: 95.0,
            critical: 90.0,
        };
        for (figure, level) in [
            (95.0, Level::Ok),
            (94.9, Level::Warning),
            (89.9, Level::Critical),
        ] {
            assert_eq!(at.below(figure), level, "{figure}");
        }
    }
}
