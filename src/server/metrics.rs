//! `/metrics`: what was counted, for Prometheus (text format 0.0.4,
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>) and as JSON.
use std::fmt::{Display, Write};

use serde_json::{Value, json};

use super::watch::Watch;
use crate::bus::BusState;
use crate::meter::{Histogram, Meters, Summary};

/// Upper bounds of the histograms' buckets, in seconds.
const BOUNDS: [f64; 13] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
];

/// The text that Prometheus scrapes. No room, no user: those are without bound.
pub(super) fn prometheus(watch: &Watch) -> String {
    let meters = watch.hub.meters();
    let mut page = Page::default();
    counters(&mut page, meters);
    gauges(&mut page, watch);
    for (name, help, histogram) in histograms(meters) {
        page.histogram(name, help, histogram);
    }
    page.text
}

fn counters(page: &mut Page, meters: &Meters) {
    let rows = [
        (
            "discord_messages_committed_total",
            "Messages committed by this instance.",
            &meters.committed,
        ),
        (
            "discord_commits_total",
            "Transactions that carried them.",
            &meters.batches,
        ),
        (
            "discord_messages_refused_total",
            "Sends that were refused.",
            &meters.refused,
        ),
        (
            "discord_messages_delivered_total",
            "Entries handed to readers' sockets.",
            &meters.delivered,
        ),
        (
            "discord_messages_recovered_total",
            "Messages read from the database because nobody brought them.",
            &meters.recovered,
        ),
        (
            "discord_publish_failures_total",
            "Publishes that did not reach the bus.",
            &meters.publish_failed,
        ),
        (
            "discord_bus_junk_total",
            "Objects on the bus that were no message.",
            &meters.bus_junk,
        ),
        (
            "discord_history_hits_total",
            "Reads answered from memory.",
            &meters.history.hits,
        ),
        (
            "discord_history_misses_total",
            "Reads that went to the database.",
            &meters.history.misses,
        ),
        (
            "discord_session_cache_hits_total",
            "Sessions found in memory.",
            &meters.sessions.hits,
        ),
        (
            "discord_session_cache_misses_total",
            "Sessions looked up in the database.",
            &meters.sessions.misses,
        ),
        (
            "discord_database_shed_total",
            "Requests turned away because too many waited for the database.",
            &meters.db_shed,
        ),
        (
            "discord_connections_refused_total",
            "Connections turned away at the limit.",
            &meters.connections_refused,
        ),
        (
            "discord_connections_stalled_total",
            "Connections closed because the peer took nothing.",
            &meters.no_progress,
        ),
    ];
    for (name, help, counter) in rows {
        page.plain(name, help, "counter", counter.get());
    }
}

fn gauges(page: &mut Page, watch: &Watch) {
    let meters = watch.hub.meters();
    let pool = watch.store.pool();
    page.head(
        "discord_connections",
        "Open connections and streams.",
        "gauge",
    );
    for (transport, gauge) in [
        ("tcp", &meters.tcp),
        ("sse", &meters.sse),
        ("websocket", &meters.websocket),
    ] {
        let _ = writeln!(
            page.text,
            "discord_connections{{transport=\"{transport}\"}} {}",
            gauge.get()
        );
    }
    let bus = i64::from(watch.hub.bus_state() != BusState::Disconnected);
    let rows: [(&str, &str, i64); 7] = [
        (
            "discord_queue_depth",
            "Messages waiting to be committed.",
            meters.queue_depth.get(),
        ),
        (
            "discord_presence_queue_depth",
            "Presence changes waiting to be stored.",
            meters.presence_depth.get(),
        ),
        (
            "discord_rooms_in_memory",
            "Rooms with a tail in memory.",
            watch.hub.count() as i64,
        ),
        (
            "discord_database_connections_available",
            "Connections free for use.",
            pool.available.into(),
        ),
        (
            "discord_database_connections_max",
            "Connections at most.",
            pool.max.into(),
        ),
        (
            "discord_database_waiting",
            "Requests waiting for a connection.",
            meters.db_waiting.get(),
        ),
        (
            "discord_bus_up",
            "Whether the bus carries, or is not needed.",
            bus,
        ),
    ];
    for (name, help, value) in rows {
        page.plain(name, help, "gauge", value);
    }
    page.plain(
        "discord_uptime_seconds",
        "Since the start.",
        "gauge",
        watch.uptime().as_secs(),
    );
    if let Some(bytes) = resident_bytes() {
        page.plain(
            "process_resident_memory_bytes",
            "Resident memory.",
            "gauge",
            bytes,
        );
    }
}

fn histograms(meters: &Meters) -> [(&'static str, &'static str, &Histogram); 4] {
    [
        (
            "discord_commit_latency_seconds",
            "From accepting a send to its commit.",
            &meters.commit,
        ),
        (
            "discord_delivery_latency_seconds",
            "From accepting a send to handing it to a reader's socket.",
            &meters.delivery,
        ),
        (
            "discord_publish_latency_seconds",
            "One publish to the other instances.",
            &meters.publish,
        ),
        (
            "discord_database_wait_seconds",
            "Waiting for a database connection.",
            &meters.db_wait,
        ),
    ]
}

#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn head(&mut self, name: &str, help: &str, kind: &str) {
        // Writing into a string can't fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn plain(&mut self, name: &str, help: &str, kind: &str, value: impl Display) {
        self.head(name, help, kind);
        let _ = writeln!(self.text, "{name} {value}");
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.head(name, help, "histogram");
        let mut sum = 0;
        let bounds = BOUNDS.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(histogram.buckets(&BOUNDS)) {
            sum += count;
            let _ = writeln!(self.text, "{name}_bucket{{le=\"{bound}\"}} {sum}");
        }
        let _ = writeln!(
            self.text,
            "{name}_sum {}\n{name}_count {sum}",
            histogram.summary().sum
        );
    }
}

/// The same for people and scripts, latencies in milliseconds.
pub(super) fn json(watch: &Watch) -> Value {
    let meters = watch.hub.meters();
    let pool = watch.store.pool();
    json!({
        "history_buffer_hit_rate": meters.history.percent(),
        "session_cache_hit_rate": meters.sessions.percent(),
        "active_connections": meters.tcp.get() + meters.sse.get() + meters.websocket.get(),
        "connections": {
            "tcp": meters.tcp.get(), "sse": meters.sse.get(), "websocket": meters.websocket.get(),
        },
        "rooms_in_memory": watch.hub.count(),
        "db_pool_available": pool.available,
        "db_pool_max": pool.max,
        "db_pool_waiting": meters.db_waiting.get(),
        "db_wait_ms": latency(&meters.db_wait),
        "publish_latency_ms": latency(&meters.publish),
        "delivery_latency_ms": latency(&meters.delivery),
        "commit_latency_ms": latency(&meters.commit),
        "queue_depth": meters.queue_depth.get(),
        "messages_committed": meters.committed.get(),
        "commits": meters.batches.get(),
        "messages_refused": meters.refused.get(),
        "messages_delivered": meters.delivered.get(),
        "messages_recovered": meters.recovered.get(),
        "bus_junk": meters.bus_junk.get(),
        "resident_bytes": resident_bytes(),
        "uptime_seconds": watch.uptime().as_secs(),
    })
}

fn latency(histogram: &Histogram) -> Value {
    let Summary {
        count,
        p50,
        p95,
        p99,
        ..
    } = histogram.summary();
    json!({ "p50": p50 * 1e3, "p95": p95 * 1e3, "p99": p99 * 1e3, "count": count })
}

/// What this process occupies (proc(5), `/proc/self/statm`); `None` elsewhere than on Linux.
fn resident_bytes() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    let resident: u64 = pages.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(resident * rustix::param::page_size() as u64)
}
