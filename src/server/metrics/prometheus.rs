//! The text that Prometheus scrapes. No room and no user is named: those are without bound.
use super::page::Page;
use super::process::Process;
use super::{Watch, breaker_is_open, limited, queues};
use crate::bus::BusState;
use crate::meter::{Counter, Meters};

pub(crate) fn prometheus(watch: &Watch) -> String {
    let mut page = Page::default();
    about(&mut page, watch);
    for (name, help, counter) in counters(watch.meters()) {
        page.counter(name, help, counter.get());
    }
    clients(&mut page, watch);
    database(&mut page, watch);
    bus(&mut page, watch);
    latencies(&mut page, watch.meters());
    process(&mut page, watch);
    page.text
}

fn about(page: &mut Page, watch: &Watch) {
    page.gauges(
        "discord_build_info",
        "Which version this is.",
        "version",
        [(env!("CARGO_PKG_VERSION"), 1)],
    );
    let draining = u8::from(watch.is_draining());
    page.gauge(
        "discord_draining",
        "Whether it is on its way out.",
        draining,
    );
}

type Row<'m> = (&'static str, &'static str, &'m Counter);

fn counters(m: &Meters) -> Vec<Row<'_>> {
    let of_messages: [Row; 5] = [
        (
            "discord_messages_committed_total",
            "Messages committed by this instance.",
            &m.committed,
        ),
        (
            "discord_commits_total",
            "Transactions that carried them.",
            &m.batches,
        ),
        (
            "discord_messages_refused_total",
            "Sends that were refused.",
            &m.refused,
        ),
        (
            "discord_messages_delivered_total",
            "Entries handed to readers' sockets.",
            &m.delivered,
        ),
        (
            "discord_messages_recovered_total",
            "Messages read from the database because nobody brought them.",
            &m.recovered,
        ),
    ];
    let of_the_bus: [Row; 6] = [
        (
            "discord_messages_published_total",
            "Messages that the bus has taken.",
            &m.published,
        ),
        (
            "discord_publish_failures_total",
            "Messages that did not reach the bus.",
            &m.publish_failed,
        ),
        (
            "discord_bus_connects_total",
            "Connections made to the bus: the first, and each after one was lost.",
            &m.bus_connects,
        ),
        (
            "discord_bus_junk_total",
            "Objects on the bus that were no message.",
            &m.bus_junk,
        ),
        (
            "discord_bus_unproven_total",
            "Messages on the bus without a valid mac: read from the database instead.",
            &m.bus_unproven,
        ),
        (
            "discord_notices_dropped_total",
            "Joins, leaves and renames that were too many to be told to other instances.",
            &m.notices_dropped,
        ),
    ];
    let of_the_database: [Row; 7] = [
        (
            "discord_heartbeats_late_total",
            "Signs of life that came so late that the lease was in danger.",
            &m.beats_late,
        ),
        (
            "discord_sweeps_total",
            "Looks at the database for what others committed.",
            &m.sweeps,
        ),
        (
            "discord_history_hits_total",
            "Reads answered from memory.",
            &m.history.hits,
        ),
        (
            "discord_history_misses_total",
            "Reads that went to the database.",
            &m.history.misses,
        ),
        (
            "discord_session_cache_hits_total",
            "Sessions found in memory.",
            &m.sessions.hits,
        ),
        (
            "discord_session_cache_misses_total",
            "Sessions looked up in the database.",
            &m.sessions.misses,
        ),
        (
            "discord_database_shed_total",
            "Requests turned away because too many waited for the database.",
            &m.db_shed,
        ),
    ];
    let of_clients: [Row; 2] = [
        (
            "discord_connections_refused_total",
            "Connections turned away at the limit.",
            &m.connections_refused,
        ),
        (
            "discord_connections_stalled_total",
            "Connections closed because the peer took nothing.",
            &m.no_progress,
        ),
    ];
    [&of_messages[..], &of_the_bus, &of_the_database, &of_clients].concat()
}

fn clients(page: &mut Page, watch: &Watch) {
    let meters = watch.meters();
    page.gauges(
        "discord_connections",
        "Open connections and streams.",
        "transport",
        [
            ("tcp", meters.tcp.get()),
            ("sse", meters.sse.get()),
            ("websocket", meters.websocket.get()),
        ],
    );
    page.counters(
        "discord_limited_total",
        "What was turned away since its session or address had too many.",
        "limit",
        limited(watch),
    );
    page.gauge(
        "discord_rooms_in_memory",
        "Rooms with a tail in memory.",
        watch.hub.count(),
    );
    page.gauge(
        "discord_readers_behind",
        "Readers that read pages from the database, not what is in memory.",
        meters.readers_behind.get(),
    );
    let queues = queues(watch);
    page.gauges(
        "discord_queue_depth",
        "How many wait in each queue; `commit` are messages to be committed.",
        "queue",
        queues.map(|(name, queue)| (name, queue.depth)),
    );
    page.gauges(
        "discord_queue_limit",
        "How many may wait in it.",
        "queue",
        queues.map(|(name, queue)| (name, queue.limit)),
    );
}

fn database(page: &mut Page, watch: &Watch) {
    let (meters, pool) = (watch.meters(), watch.store.pool());
    page.gauge(
        "discord_database_up",
        "Whether the last sign of life could be written.",
        1 - meters.db_down.get(),
    );
    page.gauge(
        "discord_database_full",
        "Whether the last write found no space.",
        meters.db_full.get(),
    );
    page.gauge(
        "discord_database_connections_available",
        "Connections free for use.",
        pool.available,
    );
    page.gauge(
        "discord_database_connections_max",
        "Connections at most.",
        pool.max,
    );
    page.gauges(
        "discord_table_size_bytes",
        "How large a table is with its indexes, looked up every five minutes.",
        "table",
        watch.sizes.last(),
    );
    page.gauge(
        "discord_database_waiting",
        "Requests waiting for a connection.",
        meters.db_waiting.get(),
    );
    page.gauge(
        "discord_database_breaker_open",
        "Whether so many wait that new requests are turned away.",
        u8::from(breaker_is_open(watch)),
    );
}

fn bus(page: &mut Page, watch: &Watch) {
    let state = watch.hub.bus_state();
    page.gauge(
        "discord_bus_configured",
        "Whether there is to be a bus.",
        u8::from(state != BusState::Disabled),
    );
    page.gauge(
        "discord_bus_up",
        "Whether the bus carries, or is not needed.",
        u8::from(state != BusState::Disconnected),
    );
}

fn latencies(page: &mut Page, meters: &Meters) {
    page.histogram(
        "discord_commit_latency_seconds",
        "From accepting a send to its commit.",
        &meters.commit,
    );
    page.histogram(
        "discord_delivery_latency_seconds",
        "From accepting a send to handing it to a reader's socket.",
        &meters.delivery,
    );
    page.histogram(
        "discord_publish_latency_seconds",
        "One publish to the other instances.",
        &meters.publish,
    );
    page.histogram(
        "discord_heartbeat_seconds",
        "One sign of life of this instance.",
        &meters.beat,
    );
    page.histogram(
        "discord_database_wait_seconds",
        "Waiting for a database connection.",
        &meters.db_wait,
    );
}

/// Under the names that every program has them.
fn process(page: &mut Page, watch: &Watch) {
    page.gauge(
        "process_start_time_seconds",
        "When it started, in seconds since 1970.",
        watch.started_at.timestamp_millis() as f64 / 1e3,
    );
    let Some(process) = Process::look() else {
        return;
    };
    page.counter(
        "process_cpu_seconds_total",
        "Processor time used.",
        process.cpu_seconds,
    );
    page.gauge(
        "process_resident_memory_bytes",
        "Resident memory.",
        process.resident_bytes,
    );
    page.gauge(
        "process_virtual_memory_bytes",
        "Virtual memory.",
        process.virtual_bytes,
    );
    page.gauge(
        "process_open_fds",
        "Open file descriptors.",
        process.open_fds,
    );
    if let Some(max) = process.max_fds {
        page.gauge("process_max_fds", "Descriptors at most.", max);
    }
}
