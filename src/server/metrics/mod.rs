//! `/metrics`: what was counted, for Prometheus and as JSON.
mod json;
mod process;
mod prometheus;

use crate::auth::password::MOST_WAITING;
use crate::chat::{MOST_ADDRESSES, PRESENCE_QUEUE};
use crate::delivery::{COMMIT_QUEUE, MOST_MARKS};
use crate::meter::Queue;
use crate::meter::table::Sample;

use super::inside::SESSIONS_A_PLACE;
use super::watch::Watch;
pub(super) use json::json;

pub(super) fn prometheus(watch: &Watch) -> String {
    prometheus::prometheus(&sample(watch))
}

fn sample(watch: &Watch) -> Sample<'_> {
    Sample {
        meters: watch.meters(),
        recent: watch.recent(),
        version: env!("CARGO_PKG_VERSION"),
        started_at: watch.started_at.timestamp_millis() as f64 / 1e3,
        draining: watch.is_draining(),
        rooms: watch.hub.count(),
        bus: watch.hub.bus_state(),
        pool: watch.store.pool(),
        queues: queues(watch),
        tables: watch.sizes.last(),
        backup_age: watch.backup_age().map(|age| age.as_secs_f64()),
        process: process::look(),
    }
}

/// Every queue of an instance, by the name that it has in both forms.
fn queues(watch: &Watch) -> Vec<(&'static str, Queue)> {
    let meters = watch.meters();
    let bus = watch.hub.bus_backlog();
    let config = watch.config();
    let (connections, waiting) = (config.limits.connections, config.db_pool.max_waiting);
    let sessions = SESSIONS_A_PLACE * connections;
    let of = |name, depth: i64, limit| {
        let depth = usize::try_from(depth).unwrap_or(0);
        (name, Queue { depth, limit })
    };
    vec![
        of("commit", meters.queue_depth.get(), COMMIT_QUEUE),
        of("presence", meters.presence_depth.get(), PRESENCE_QUEUE),
        of("read_marks", watch.hub.marks.depth() as i64, MOST_MARKS),
        of("database", meters.db_waiting.get(), waiting),
        of("connections", meters.places.get(), connections),
        of("handshakes", meters.unknown.get(), super::entrance::TURNS),
        of("probes", meters.probes.get(), super::listeners::PROBES),
        of("sessions", meters.sessions_known.get(), sessions),
        of("addresses", meters.addresses.get(), MOST_ADDRESSES),
        of("passwords", meters.passwords_waiting.get(), MOST_WAITING),
        ("bus_out", bus.out),
        ("bus_events", bus.events),
    ]
}
