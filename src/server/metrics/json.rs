//! The same for people and scripts. Latencies are in milliseconds; they and the rates are those
//! of the last minute, all other numbers are those since the start or of this moment.
use serde_json::{Map, Value, json};

use super::process::Process;
use super::{Watch, breaker_is_open, limited, queues};
use crate::bus::BusState;
use crate::meter::{Counts, Histogram, Look, Summary, WINDOW};
use crate::model::format_time;

pub(crate) fn json(watch: &Watch) -> Value {
    let mut all = about(watch);
    for part in [clients(watch), messages(watch), database(watch), bus(watch)] {
        all.extend(part);
    }
    Value::Object(all)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn about(watch: &Watch) -> Map<String, Value> {
    let process = Process::look();
    let of = |look: fn(&Process) -> Value| process.as_ref().map(look);
    object(json!({
        "instance": watch.instance,
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "started_at": format_time(watch.started_at),
        "uptime_seconds": watch.uptime().as_secs(),
        "draining": watch.is_draining(),
        "window_seconds": WINDOW.as_secs(),
        "resident_bytes": of(|p| p.resident_bytes.into()),
        "cpu_seconds": of(|p| p.cpu_seconds.into()),
        "open_fds": of(|p| p.open_fds.into()),
        "max_fds": of(|p| p.max_fds.into()),
    }))
}

fn clients(watch: &Watch) -> Map<String, Value> {
    let meters = watch.meters();
    let (tcp, sse, websocket) = (meters.tcp.get(), meters.sse.get(), meters.websocket.get());
    let limited: Map<String, Value> = limited(watch)
        .into_iter()
        .map(|(limit, times)| (limit.to_owned(), times.into()))
        .collect();
    object(json!({
        "active_connections": tcp + sse + websocket,
        "connections": { "tcp": tcp, "sse": sse, "websocket": websocket },
        "connections_refused": meters.connections_refused.get(),
        "limited": limited,
        "connections_stalled": meters.no_progress.get(),
        "rooms_in_memory": watch.hub.count(),
        "readers_behind": meters.readers_behind.get(),
    }))
}

fn messages(watch: &Watch) -> Map<String, Value> {
    let meters = watch.meters();
    let Look {
        commit, delivery, ..
    } = watch.recent();
    let queues: Map<String, Value> = queues(watch)
        .into_iter()
        .map(|(name, queue)| {
            let queue = json!({ "depth": queue.depth, "limit": queue.limit });
            (name.to_owned(), queue)
        })
        .collect();
    object(json!({
        "queue_depth": meters.queue_depth.get(),
        "queues": queues,
        "messages_committed": meters.committed.get(),
        "commits": meters.batches.get(),
        "messages_refused": meters.refused.get(),
        "messages_delivered": meters.delivered.get(),
        "messages_recovered": meters.recovered.get(),
        "commit_latency_ms": latency(&commit, &meters.commit),
        "delivery_latency_ms": latency(&delivery, &meters.delivery),
    }))
}

fn database(watch: &Watch) -> Map<String, Value> {
    let (meters, pool, recent) = (watch.meters(), watch.store.pool(), watch.recent());
    let tables: Map<String, Value> = watch
        .sizes
        .last()
        .into_iter()
        .map(|(table, bytes)| (table.to_owned(), bytes.into()))
        .collect();
    object(json!({
        "table_bytes": tables,
        "history_buffer_hit_rate": recent.history.percent(),
        "session_cache_hit_rate": recent.sessions.percent(),
        "db_up": meters.db_down.get() == 0,
        "db_full": meters.db_full.get() > 0,
        "db_pool_available": pool.available,
        "db_pool_max": pool.max,
        "db_pool_waiting": meters.db_waiting.get(),
        "db_wait_ms": latency(&recent.db_wait, &meters.db_wait),
        "db_breaker": if breaker_is_open(watch) { "open" } else { "closed" },
        "db_shed": meters.db_shed.get(),
        "sweeps": meters.sweeps.get(),
    }))
}

fn bus(watch: &Watch) -> Map<String, Value> {
    let meters = watch.meters();
    let state = match watch.hub.bus_state() {
        BusState::Disabled => "disabled",
        BusState::Connected => "connected",
        BusState::Disconnected => "disconnected",
    };
    object(json!({
        "bus": state,
        "bus_connects": meters.bus_connects.get(),
        "bus_junk": meters.bus_junk.get(),
        "bus_unproven": meters.bus_unproven.get(),
        "sweeps": meters.sweeps.get(),
        "messages_published": meters.published.get(),
        "publish_failures": meters.publish_failed.get(),
        "publish_latency_ms": latency(&watch.recent().publish, &meters.publish),
    }))
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
