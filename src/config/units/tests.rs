//! What is written is read back, and nothing else is read.
use proptest::prelude::*;

use super::{ByteSize, HumanDuration, Percent};

proptest! {
    #[test]
    fn a_duration_survives_writing(ms in 0..=36_500 * 86_400_000_u64) {
        let duration = HumanDuration::millis(ms);
        prop_assert_eq!(duration.to_string().parse(), Ok(duration));
    }

    #[test]
    fn whole_units_stay_short(n in 1..=1_000_u64) {
        let written = HumanDuration::days(n).to_string();
        prop_assert_eq!(written, format!("{n}d"));
    }

    #[test]
    fn a_size_survives_writing(bytes in any::<u64>()) {
        let size: ByteSize = bytes.to_string().parse().expect("digits are a size");
        prop_assert_eq!(size.to_string().parse(), Ok(size));
        prop_assert_eq!(size.bytes(), bytes);
    }

    #[test]
    fn a_percentage_survives_writing(percent in 0.0..=100.0_f64) {
        let percent: Percent = percent.to_string().parse().expect("in range");
        prop_assert_eq!(percent.to_string().parse(), Ok(percent));
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,24}|[0-9]{0,30}[a-zA-Z%]{0,3}") {
        let _ = text.parse::<HumanDuration>();
        let _ = text.parse::<ByteSize>();
        let _ = text.parse::<Percent>();
    }
}

#[test]
fn units_mean_what_people_expect() {
    let ms = |text: &str| text.parse::<HumanDuration>().map(|d| d.get().as_millis());
    assert_eq!(ms("500ms"), Ok(500));
    assert_eq!(ms("90d"), Ok(90 * 86_400_000));
    assert_eq!(ms("5m"), Ok(300_000));

    let bytes = |text: &str| text.parse::<ByteSize>().map(ByteSize::bytes);
    assert_eq!(bytes("256MiB"), Ok(256 << 20));
    assert_eq!(bytes("5MB"), Ok(5_000_000));
    assert_eq!(bytes("17"), Ok(17));
}

#[test]
fn what_would_have_to_be_guessed_is_refused() {
    for text in [
        "", "30", "s", "-1s", "1.5h", "1 h", "1H", "1h30m", "36501d", "٣s",
    ] {
        assert!(text.parse::<HumanDuration>().is_err(), "{text}");
    }
    for text in ["", "KiB", "-1", "1.5MB", "64k", "18446744073709551615KiB"] {
        assert!(text.parse::<ByteSize>().is_err(), "{text}");
    }
    for text in ["", "%", "101", "-1%", "NaN", "inf", "9 %"] {
        assert!(text.parse::<Percent>().is_err(), "{text}");
    }
}
