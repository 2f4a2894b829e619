//! Figures as they are written in few columns.
use discordctl::ops::monitor::{Breaker, Figures};

/// What is not known.
pub(super) const NONE: &str = "–";

/// At most five characters: `0`, `9.5`, `950`, `12.3k`, `4.1M`.
pub(super) fn short(value: Option<f64>) -> String {
    known(value, |value| match value {
        v if v >= 999_500.0 => format!("{:.1}M", v / 1e6),
        v if v >= 9_999.5 => format!("{:.1}k", v / 1e3),
        v if v < 10.0 && v.fract() > 0.05 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    })
}

pub(super) fn bytes(value: Option<f64>) -> String {
    known(value, |value| match value {
        v if v >= 1e9 => format!("{:.1} GB", v / 1e9),
        v if v >= 1e6 => format!("{:.1} MB", v / 1e6),
        v if v >= 1e3 => format!("{:.0} KB", v / 1e3),
        v => format!("{v:.0} B"),
    })
}

fn known(value: Option<f64>, text: fn(f64) -> String) -> String {
    value.map_or_else(|| NONE.to_owned(), text)
}

/// `7s`, `12m`, `3h`, `12d`.
pub(super) fn age(seconds: Option<f64>) -> String {
    let Some(seconds) = seconds else {
        return "never".to_owned();
    };
    match seconds as u64 {
        s if s < 100 => format!("{s}s"),
        s if s < 6_000 => format!("{}m", s / 60),
        s if s < 172_800 => format!("{}h", s / 3_600),
        s => format!("{}d", s / 86_400),
    }
}

/// Free of all, and how many wait: `8/10`, `0/10+5`.
pub(super) fn pool(figures: &Figures) -> String {
    let (Some(free), Some(most)) = (figures.pool_available, figures.pool_max) else {
        return NONE.to_owned();
    };
    match figures.pool_waiting {
        Some(waiting) if waiting > 0.0 => format!("{free:.0}/{most:.0}+{waiting:.0}"),
        _ => format!("{free:.0}/{most:.0}"),
    }
}

pub(super) fn breaker(figures: &Figures) -> &'static str {
    match figures.breaker {
        Some(Breaker::Open) => "OPEN",
        Some(Breaker::Closed) => "closed",
        None => NONE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        let shown = [0.0, 0.04, 9.46, 10.4, 9_999.0, 12_345.0, 999_600.0];
        let shown = shown.map(|value| short(Some(value)));
        assert_eq!(shown, ["0", "0", "9.5", "10", "9999", "12.3k", "1.0M"]);
        assert_eq!(short(None), "–");
        let ages = [0.4, 99.0, 100.0, 7_300.0, 200_000.0].map(|seconds| age(Some(seconds)));
        assert_eq!(ages, ["0s", "99s", "1m", "2h", "2d"]);
        let sizes = [12.0, 4_600.0, 5e6, 2.5e9].map(|size| bytes(Some(size)));
        assert_eq!(sizes, ["12 B", "5 KB", "5.0 MB", "2.5 GB"]);
    }
}
