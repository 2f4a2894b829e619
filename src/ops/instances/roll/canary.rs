//! The first new instance beside the old ones: whether it does as well as they do.
use std::time::Duration;

use super::super::Place;
use super::event::{Fault, How};
use super::soak::{self, Sends, metrics};
use crate::ops::probe::instance::Metrics;

/// It may be this much slower than the slowest of the others, and twice as slow, before it is
/// called slow: below that is noise.
const SLACK_MS: f64 = 50.0;

/// Where it stands, in milliseconds.
type P99 = fn(&Metrics) -> Option<f64>;

/// What is compared, as it is called in `/metrics`.
const LATENCIES: [(&str, P99); 3] = [
    ("commit_latency_ms", |of| of.commit_latency_ms?.p99),
    ("publish_latency_ms", |of| of.publish_latency_ms?.p99),
    ("delivery_latency_ms", |of| of.delivery_latency_ms?.p99),
];

/// Watches `canary`, whose process is `pid`, so long; says what was wrong.
pub(super) async fn watch(
    canary: &Place,
    pid: u32,
    others: &[&Place],
    time: Duration,
) -> Result<(), Fault> {
    let before = (sends_of(&[canary]).await, sends_of(others).await);
    soak::watch(canary, pid, time).await?;
    let ours = sends_of(&[canary]).await.since(before.0);
    let theirs = sends_of(others).await.since(before.1);
    if let Some(why) = ours.worse_than(theirs) {
        return Err(Fault::new(How::Worse, format!("{why} as the others do")));
    }
    let ours = metrics(canary).await.unwrap_or_default();
    let mut theirs = Vec::new();
    for other in others {
        theirs.extend(metrics(other).await);
    }
    match slower(&ours, &theirs) {
        Some(why) => Err(Fault::new(How::Worse, why)),
        None => Ok(()),
    }
}

async fn sends_of(places: &[&Place]) -> Sends {
    let mut sum = Sends::default();
    for place in places {
        sum = sum.and(soak::sends(place).await.unwrap_or_default());
    }
    sum
}

/// In what `ours` is slower than the slowest of `theirs`.
fn slower(ours: &Metrics, theirs: &[Metrics]) -> Option<String> {
    LATENCIES.iter().find_map(|(key, p99)| {
        let now = p99(ours)?;
        let usual = theirs.iter().filter_map(p99);
        let usual = usual.reduce(f64::max)?;
        (now > usual + SLACK_MS && now > 2.0 * usual)
            .then(|| format!("its {key} is {now:.0} ms at P99, and {usual:.0} ms with the others"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::probe::instance::Latency;

    #[test]
    fn slow_is_well_beyond_the_slowest_of_the_others() {
        let one = |p99: f64| Metrics {
            commit_latency_ms: Some(Latency { p99: Some(p99) }),
            ..Metrics::default()
        };
        let others = [one(10.0), one(40.0)];
        assert_eq!(slower(&one(80.0), &others), None);
        assert_eq!(slower(&one(91.0), &[]), None, "nothing to compare with");
        assert_eq!(slower(&Metrics::default(), &others), None);
        let told = slower(&one(91.0), &others).expect("slower");
        assert!(told.contains("91 ms") && told.contains("40 ms"), "{told}");
    }
}
