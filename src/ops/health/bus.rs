//! Redis, as seen from outside an instance.
use super::super::finding::{Finding, Verdict};
use super::super::probe::{bus, sharing};
use super::{Deadline, Depth, Plan};
use crate::config::{HumanDuration, RedisUrl, Threshold};
use crate::model::Cause;

const CHECK: &str = "bus";

/// A Redis that instances share, and what it is called in a finding.
pub(super) struct Bus<'p> {
    url: &'p RedisUrl,
    on: String,
    /// In milliseconds.
    limit: Threshold<f64>,
}

/// Each once, however many instances have it.
pub(super) fn distinct(plan: &Plan) -> Vec<Bus<'_>> {
    if plan.depth < Depth::Bus {
        return Vec::new();
    }
    let buses = sharing(&plan.instances, |config| config.redis_url.as_ref());
    let alone = buses.len() == 1;
    let buses = buses.into_iter().map(|(url, of)| Bus {
        url,
        on: if alone {
            "redis".into()
        } else {
            url.to_string()
        },
        limit: of[0].thresholds.publish_latency.map(ms),
    });
    buses.collect()
}

fn ms(limit: HumanDuration) -> f64 {
    limit.get().as_secs_f64() * 1e3
}

impl Bus<'_> {
    /// The URL that was looked at comes back, for the one who compares.
    pub(super) async fn look(self, deadline: Deadline) -> (String, Vec<Finding>) {
        let finding = match bus::carries(self.url, deadline).await {
            Ok(took) => self.carried(took),
            // A warning: chat goes on without it, through the database.
            Err(why) => {
                Finding::bad(CHECK, &self.on, Verdict::Warning, why).because(Cause::BusAway)
            }
        };
        (self.url.expose().to_owned(), vec![finding])
    }

    fn carried(&self, took: std::time::Duration) -> Finding {
        let ms = took.as_secs_f64() * 1e3;
        let level = Verdict::from(self.limit.above(ms));
        let detail = format!("a message was published and received in {ms:.1} ms");
        let finding = Finding::bad(CHECK, &self.on, level, detail).took(took);
        match level {
            Verdict::Ok => finding,
            _ => finding.because(Cause::BusSlow),
        }
    }
}
