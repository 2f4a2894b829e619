//! The same for people and scripts. Latencies are in milliseconds; they and the rates are those
//! of the last minute, all other numbers are those since the start or of this moment.
use serde_json::{Map, Value, json};

use super::Watch;
use crate::meter::table::{ALL, Reading, Sample};
use crate::meter::{Counts, Histogram, Queue, Summary, WINDOW};
use crate::model::format_time;

pub(crate) fn json(watch: &Watch) -> Value {
    let sample = &super::sample(watch);
    let mut all = beside(watch, sample);
    for metric in ALL {
        if let (Some(key), Some(all)) = (metric.key, all.as_object_mut()) {
            all.insert(key.to_owned(), value((metric.read)(sample)));
        }
    }
    all
}

/// What is no metric, or put otherwise than Prometheus wants it.
fn beside(watch: &Watch, sample: &Sample) -> Value {
    let connections = sample.meters.connections();
    let queue = |(name, queue): &(&str, Queue)| {
        let figures = json!({ "depth": queue.depth, "limit": queue.limit });
        ((*name).to_owned(), figures)
    };
    json!({
        "instance": watch.instance,
        "version": sample.version,
        "pid": std::process::id(),
        "started_at": format_time(watch.started_at),
        "uptime_seconds": watch.uptime().as_secs(),
        "window_seconds": WINDOW.as_secs(),
        "active_connections": connections.iter().map(|(_, open)| open).sum::<i64>(),
        "queue_depth": sample.meters.queue_depth.get(),
        "queues": sample.queues.iter().map(queue).collect::<Map<_, _>>(),
        "history_buffer_hit_rate": sample.recent.history.percent(),
        "session_cache_hit_rate": sample.recent.sessions.percent(),
        "db_breaker": if sample.pool.sheds { "open" } else { "closed" },
        "bus": sample.bus.as_str(),
    })
}

fn value(reading: Reading) -> Value {
    match reading {
        Reading::Whole(number) => number.into(),
        Reading::Real(number) => number.into(),
        Reading::Is(is_so) => is_so.into(),
        Reading::Split(numbers) => numbers.into_iter().collect(),
        Reading::Times(all, Some(recent)) => latency(recent, all),
        Reading::Times(_, None) | Reading::Unknown => Value::Null,
    }
}

/// Of the last minute, but for `count`, which is that since the start. Where nothing happened
/// in it, `recent` is 0, and so are the others.
fn latency(recent: &Counts, all: &Histogram) -> Value {
    let Summary {
        count,
        p50,
        p95,
        p99,
        ..
    } = recent.summary();
    json!({
        "p50": p50 * 1e3, "p95": p95 * 1e3, "p99": p99 * 1e3,
        "recent": count, "count": all.read().summary().count,
    })
}
