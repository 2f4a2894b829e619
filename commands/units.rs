//! Sizes, numbers and times as people read them in a table.
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

/// In the unit that leaves three digits or so: `1.2 MB`, as the thresholds are written.
pub(crate) fn bytes(bytes: impl TryInto<i64>) -> String {
    const UNITS: [&str; 4] = ["KB", "MB", "GB", "TB"];
    let bytes = bytes.try_into().unwrap_or(i64::MAX);
    if bytes.abs() < 1_000 {
        return format!("{bytes} B");
    }
    let mut size = bytes as f64 / 1_000.0;
    let mut unit = 0;
    while size.abs() >= 999.95 && unit + 1 < UNITS.len() {
        size /= 1_000.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

/// With a sign, as growth has.
pub(crate) fn growth(growth: i64) -> String {
    match growth {
        0 => "0 B".into(),
        more if more > 0 => format!("+{}", bytes(more)),
        less => bytes(less),
    }
}

/// To the second.
pub(crate) fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// `350ms`, `12.3s`, `4m 10s`, `2h 5m`.
pub(crate) fn took(time: TimeDelta) -> String {
    let ms = time.num_milliseconds().max(0);
    match ms {
        0..1_000 => format!("{ms}ms"),
        1_000..60_000 => format!("{:.1}s", ms as f64 / 1_000.0),
        60_000..3_600_000 => format!("{}m {}s", ms / 60_000, ms / 1_000 % 60),
        _ => format!("{}h {}m", ms / 3_600_000, ms / 60_000 % 60),
    }
}

/// The two largest units: `3d 4h`, `12m 5s`.
pub(crate) fn uptime(seconds: u64) -> String {
    let units = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (unit, size) in units {
        let count = rest / size;
        rest %= size;
        if count > 0 || (parts.is_empty() && size == 1) {
            parts.push(format!("{count}{unit}"));
        }
    }
    parts.truncate(2);
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uptime_has_its_two_largest_units() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (3_600, "1h"),
            (3_725, "1h 2m"),
            (273_600, "3d 4h"),
        ] {
            assert_eq!(uptime(seconds), text);
        }
    }

    #[test]
    fn numbers_are_short() {
        let sizes = [
            0,
            999,
            1_000,
            5_000_000,
            999_960,
            -1_500,
            7_000_000_000_000_000_i64,
        ]
        .map(bytes);
        assert_eq!(
            sizes,
            [
                "0 B",
                "999 B",
                "1.0 KB",
                "5.0 MB",
                "1.0 MB",
                "-1.5 KB",
                "7000.0 TB"
            ]
        );
        assert_eq!([0, 5, -5].map(growth), ["0 B", "+5 B", "-5 B"]);
        let times = [350, 12_345, 250_000, 7_500_000].map(|ms| took(TimeDelta::milliseconds(ms)));
        assert_eq!(times, ["350ms", "12.3s", "4m 10s", "2h 5m"]);
    }
}
