//! `/metrics`: what was counted, for Prometheus and as JSON.
mod json;
mod page;
mod process;
mod prometheus;

use crate::bus::Queue;
use crate::chat::{MOST_ADDRESSES, PRESENCE_QUEUE};
use crate::delivery::COMMIT_QUEUE;

pub(super) use json::json;
pub(super) use prometheus::prometheus;

use super::watch::Watch;

/// Every queue of an instance, by the name that it has in both forms.
fn queues(watch: &Watch) -> [(&'static str, Queue); 9] {
    let meters = watch.meters();
    let bus = watch.hub.bus_backlog();
    let of = |depth: i64, limit| Queue {
        depth: usize::try_from(depth).unwrap_or(0),
        limit,
    };
    [
        ("commit", of(meters.queue_depth.get(), COMMIT_QUEUE)),
        ("presence", of(meters.presence_depth.get(), PRESENCE_QUEUE)),
        ("database", of(meters.db_waiting.get(), watch.most_waiting)),
        (
            "connections",
            of(meters.places.get(), watch.most_connections),
        ),
        ("probes", of(meters.probes.get(), super::listeners::PROBES)),
        (
            "sessions",
            of(meters.sessions_known.get(), watch.most_sessions),
        ),
        ("addresses", of(meters.addresses.get(), MOST_ADDRESSES)),
        ("bus_out", bus.out),
        ("bus_events", bus.events),
    ]
}

/// How often a limit was met, by what it is on.
fn limited(watch: &Watch) -> [(&'static str, u64); 4] {
    let meters = watch.meters();
    [
        ("requests", meters.limited_requests.get()),
        ("messages", meters.limited_messages.get()),
        ("sessions", meters.limited_sessions.get()),
        ("rooms", meters.limited_rooms.get()),
    ]
}

/// Whether requests wait for the database so long that new ones are turned away.
fn breaker_is_open(watch: &Watch) -> bool {
    watch.store.pool().sheds
}
