//! Against a reference that looks at every minute, and what a wrong schedule is told.
use chrono::{DateTime, Datelike, Duration, Timelike, Utc};
use proptest::prelude::*;

use super::Schedule;

/// A field as it is written, and the values that it names.
#[derive(Debug, Clone)]
struct Written {
    text: String,
    values: Vec<u32>,
}

/// The item of a list: `*`, `a`, `a-b`, each with or without a step.
fn item(least: u32, most: u32) -> impl Strategy<Value = Written> {
    let any = least..=most;
    (any.clone(), any, 1..=most.max(2), 0..4_u8).prop_map(move |(a, b, step, form)| {
        let (from, to) = (a.min(b), a.max(b));
        let (text, values): (String, Vec<u32>) = match form {
            0 => (format!("{a}"), vec![a]),
            1 => (format!("{from}-{to}"), (from..=to).collect()),
            2 => {
                let values = (from..=to).step_by(step as usize).collect();
                (format!("{from}-{to}/{step}"), values)
            }
            _ => {
                let values = (least..=most).step_by(step as usize).collect();
                (format!("*/{step}"), values)
            }
        };
        Written { text, values }
    })
}

fn field(least: u32, most: u32) -> impl Strategy<Value = Written> {
    let star = Just(Written {
        text: "*".into(),
        values: (least..=most).collect(),
    });
    let list = proptest::collection::vec(item(least, most), 1..3).prop_map(|items| Written {
        text: items.iter().map(|i| &*i.text).collect::<Vec<_>>().join(","),
        values: items.into_iter().flat_map(|i| i.values).collect(),
    });
    prop_oneof![star, list]
}

/// Weekdays by the standard's numbers, some by name; 7 is Sunday too.
fn weekday() -> impl Strategy<Value = Written> {
    let sunday = Just(Written {
        text: "5-7".into(),
        values: vec![5, 6, 0],
    });
    let named = Just(Written {
        text: "mon-WED,Sun".into(),
        values: vec![1, 2, 3, 0],
    });
    prop_oneof![field(0, 6), sunday, named]
}

/// Minute, hour, day, month, weekday; not both days restricted.
fn schedule() -> impl Strategy<Value = [Written; 5]> {
    let times = (field(0, 59), field(0, 23), field(1, 31), field(1, 12));
    (times, weekday(), any::<bool>()).prop_map(
        |((minute, hour, mut day, month), mut week, by_day)| {
            if by_day {
                week = all(0, 6)
            } else {
                day = all(1, 31)
            }
            [minute, hour, day, month, week]
        },
    )
}

fn all(least: u32, most: u32) -> Written {
    Written {
        text: "*".into(),
        values: (least..=most).collect(),
    }
}

fn names(fields: &[Written; 5], time: DateTime<Utc>) -> bool {
    let [minute, hour, day, month, week] = fields;
    minute.values.contains(&time.minute())
        && hour.values.contains(&time.hour())
        && day.values.contains(&time.day())
        && month.values.contains(&time.month())
        && week.values.contains(&time.weekday().num_days_from_sunday())
}

/// The first that the fields name, going by `step` from `time`; none within the time looked at.
fn look(fields: &[Written; 5], mut time: DateTime<Utc>, step: Duration) -> Option<DateTime<Utc>> {
    const LOOKED_AT: usize = 20_000;
    for _ in 0..LOOKED_AT {
        if names(fields, time) {
            return Some(time);
        }
        time += step;
    }
    None
}

proptest! {
    #[test]
    fn it_names_the_minutes_that_the_reference_names(
        fields in schedule(),
        at in 946_684_800..4_000_000_000_i64,
    ) {
        let text = fields.clone().map(|field| field.text).join(" ");
        let schedule = text.parse::<Schedule>();
        // Such as the 30th of February.
        prop_assume!(schedule.is_ok() || fields[2].values.iter().any(|day| *day <= 28));
        let schedule = schedule.expect("valid");
        let time = DateTime::from_timestamp(at, 500_000_000).expect("a time");
        let minute = DateTime::from_timestamp(at - at.rem_euclid(60), 0).expect("a time");
        let step = Duration::minutes(1);
        let (next, last) = (schedule.after(time).expect("a time"), schedule.latest(time).expect("a time"));
        match look(&fields, minute + step, step) {
            Some(expected) => prop_assert_eq!(next, expected, "{} after {}", text, time),
            None => prop_assert!(names(&fields, next) && next > time),
        }
        match look(&fields, minute, -step) {
            Some(expected) => prop_assert_eq!(last, expected, "{} before {}", text, time),
            None => prop_assert!(names(&fields, last) && last <= time),
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,30}", fields in "[-*/,0-9A-Z ]{0,30}") {
        let _ = text.parse::<Schedule>();
        let _ = fields.parse::<Schedule>();
    }
}

#[test]
fn a_due_time_is_its_own_latest_and_not_its_own_next() {
    let schedule: Schedule = "*/5 * * * *".parse().expect("valid");
    let due = "2026-03-01T12:05:00Z".parse().expect("a time");
    assert_eq!(schedule.latest(due), Some(due));
    assert_eq!(schedule.after(due), Some(due + Duration::minutes(5)));
}

#[test]
fn the_29th_of_february_comes() {
    let schedule: Schedule = "0 0 29 FEB *".parse().expect("valid");
    let time = "2026-01-01T00:00:00Z".parse().expect("a time");
    let next = schedule.after(time).expect("a time");
    assert_eq!(next.to_rfc3339(), "2028-02-29T00:00:00+00:00");
}

#[test]
fn sunday_ends_a_week_by_name_too() {
    let same = |a: &str, b: &str| {
        let [a, b] = [a, b].map(|text| text.parse::<Schedule>().expect(text));
        let time = DateTime::UNIX_EPOCH;
        assert_eq!(a.after(time), b.after(time));
        assert_eq!(
            a.latest(time + Duration::days(9)),
            b.latest(time + Duration::days(9))
        );
    };
    same("0 3 * * MON-SUN", "0 3 * * 1-7");
    same("0 3 * * SAT-sun", "0 3 * * 0,6");
    same("0 3 * * SUN-SUN", "0 3 * * 0");
    same("0 3 * * SUN-SAT", "0 3 * * *");
    assert!("0 3 * * FRI-MON".parse::<Schedule>().is_err());
    assert!("0 3 * * 5-0".parse::<Schedule>().is_err());
}

#[test]
fn off_never_comes() {
    for text in ["", " "] {
        let error = text
            .parse::<Schedule>()
            .expect_err("nothing is meant by it");
        assert!(error.to_string().contains("\"off\""), "{error}");
    }
    for text in ["off", " off "] {
        let schedule: Schedule = text.parse().expect("valid");
        assert!(schedule.is_off());
        assert_eq!(schedule.to_string(), "off");
        let now = DateTime::UNIX_EPOCH;
        assert_eq!((schedule.after(now), schedule.latest(now)), (None, None));
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let told = [
        "* * * *",
        "0 */5 * * * *",
        "@daily",
        "60 * * * *",
        "*/0 * * * *",
        "*/61 * * * *",
        "5/15 * * * *",
        "1,2,x * * * *",
        "30-10 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * JANUARY *",
        "* * * * 8",
        "* * * * FRI-MON",
        "0 0 1 * MON",
        "0 0 30 2 *",
        "? * * * *",
        "+5 * * * *",
        "* * * * 5L",
        "1,, * * * *",
    ]
    .map(|text| {
        let error = text.parse::<Schedule>().expect_err("wrong");
        format!("{text:15} {error}")
    });
    insta::assert_snapshot!(told.join("\n"));
}
