//! Redis, as somebody sees it who is not an instance.
use super::super::finding::{Finding, Verdict};
use super::{Deadline, Depth, Plan};
use crate::bus::Inspector;
use crate::config::{RedisUrl, Threshold};
use crate::model::Cause;

const CHECK: &str = "bus";

/// A Redis that instances share, and what it is called in a finding.
pub(super) struct Bus {
    url: RedisUrl,
    on: String,
    /// In milliseconds.
    limit: Threshold<f64>,
}

/// Each once, however many instances have it.
pub(super) fn distinct(plan: &Plan) -> Vec<Bus> {
    if plan.depth < Depth::Bus {
        return Vec::new();
    }
    let mut buses: Vec<Bus> = Vec::new();
    for config in &plan.instances {
        let Some(url) = &config.redis_url else {
            continue;
        };
        if buses.iter().all(|bus| bus.url != *url) {
            let limit = config.thresholds.publish_latency;
            buses.push(Bus {
                url: url.clone(),
                on: url.to_string(),
                limit: limit.map(|limit| limit.get().as_secs_f64() * 1e3),
            });
        }
    }
    if let [only] = &mut buses[..] {
        only.on = "redis".into();
    }
    buses
}

impl Bus {
    /// The URL that was looked at comes back, for whoever compares.
    pub(super) async fn look(self, deadline: Deadline) -> (String, Vec<Finding>) {
        let work = async {
            let mut inspector = Inspector::open(self.url.expose(), deadline.left()).await?;
            inspector.round_trip().await
        };
        let finding = match deadline.bound(work).await {
            Ok(Ok(took)) => self.carried(took),
            Ok(Err(why)) => self.bad(why),
            Err(late) => self.bad(late.to_string()),
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

    /// A warning: chat goes on without it, through the database.
    fn bad(&self, why: String) -> Finding {
        Finding::bad(CHECK, &self.on, Verdict::Warning, why).because(Cause::BusAway)
    }
}
