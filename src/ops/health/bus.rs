//! Redis, as seen from outside an instance.
use std::time::Duration;

use super::super::finding::{Finding, Verdict};
use super::super::probe::{Shared, bus};
use super::Deadline;
use super::agreement::Seen;
use crate::config::RedisUrl;
use crate::model::Cause;

const CHECK: &str = "bus";

pub(super) async fn look(of: &Shared<'_, RedisUrl>, deadline: Deadline) -> Seen {
    let finding = match bus::carries(of.url, deadline).await {
        Ok(took) => carried(of, took),
        // A warning: chat goes on without it, through the database.
        Err(why) => Finding::bad(CHECK, &of.on, Verdict::Warning, why).because(Cause::BusAway),
    };
    (of.url.expose().to_owned(), vec![finding])
}

fn carried(of: &Shared<'_, RedisUrl>, took: Duration) -> Finding {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let limit = of.configs[0].thresholds.publish_latency;
    let level = Verdict::from(limit.map(|limit| ms(limit.get())).above(ms(took)));
    let detail = format!("a message was published and received in {:.1} ms", ms(took));
    let finding = Finding::bad(CHECK, &of.on, level, detail).took(took);
    match level {
        Verdict::Ok => finding,
        _ => finding.because(Cause::BusSlow),
    }
}
