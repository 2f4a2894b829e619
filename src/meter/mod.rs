//! What the server counts about itself: plain atomics, named and shown by `server::metrics`.
mod histogram;
mod recent;
mod state;
pub mod table;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

pub use histogram::{Counts, Histogram, Summary};
pub use recent::{Look, Recent, Share, WINDOW};
pub use state::{BusState, PoolState, Queue};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    pub fn add(&self, n: i64) {
        self.0.fetch_add(n, Relaxed);
    }

    pub fn set(&self, n: i64) {
        self.0.store(n, Relaxed);
    }

    pub fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// How often something was found near at hand instead of fetched.
#[derive(Debug, Default)]
pub struct HitRate {
    pub hits: Counter,
    pub misses: Counter,
}

impl HitRate {
    pub fn record(&self, hit: bool) {
        let counter = if hit { &self.hits } else { &self.misses };
        counter.add(1);
    }

    pub fn read(&self) -> Share {
        let hits = self.hits.get();
        let all = hits + self.misses.get();
        Share { hits, all }
    }
}

/// Everything that is counted on the path of a message and around it.
#[derive(Debug, Default)]
pub struct Meters {
    /// Messages committed by this instance.
    pub committed: Counter,
    /// Commits (transactions) that carried them.
    pub batches: Counter,
    /// Sends refused, for whatever reason.
    pub refused: Counter,
    /// Messages waiting to be committed.
    pub queue_depth: Gauge,
    /// Presence changes waiting to be stored.
    pub presence_depth: Gauge,
    /// Messages handed to readers' sockets.
    pub delivered: Counter,
    /// From accepting a send to its commit.
    pub commit: Histogram,
    /// From accepting a send to handing it to a reader's socket.
    pub delivery: Histogram,
    /// One publish to the other instances.
    pub publish: Histogram,
    /// Messages that the bus has taken.
    pub published: Counter,
    /// Publishes that did not reach the bus.
    pub publish_failed: Counter,
    /// Objects on the bus that were no message of ours.
    pub bus_junk: Counter,
    /// Objects on the bus without a proof, for which the store was asked.
    pub bus_unproven: Counter,
    /// Notices of joins and the like that were too many to be told to other instances.
    pub notices_dropped: Counter,
    /// Statements that carried read marks, and how many marks went on by them.
    pub mark_statements: Counter,
    pub marks_written: Counter,
    /// Read marks that were refused, since too many waited.
    pub marks_refused: Counter,
    /// One search, with the wait for its turn.
    pub search: Histogram,
    /// Searches that were refused, since too many waited.
    pub searches_refused: Counter,
    /// Entries that are in no pack of the index yet, and for how many seconds the oldest of them; as the
    /// instance sees it that writes the index, and 0 on others.
    pub search_behind: Gauge,
    pub search_behind_seconds: Gauge,
    /// Packs of the index, in the same way.
    pub search_packs: Gauge,
    /// Connections made to the bus: the first, and each after one was lost.
    pub bus_connects: Counter,
    /// Looks at the store for what others committed.
    pub sweeps: Counter,
    /// Messages read from the store because the bus did not bring them.
    pub recovered: Counter,
    /// Reads that a room's tail could answer.
    pub history: HitRate,
    /// Sessions found in memory.
    pub sessions: HitRate,
    /// Requests waiting for a database connection.
    pub db_waiting: Gauge,
    /// How long they waited.
    pub db_wait: Histogram,
    /// Requests turned away because too many waited.
    pub db_shed: Counter,
    /// Passwords waiting for a core to be hashed on.
    pub passwords_waiting: Gauge,
    /// One sign of life of this instance, from asking to its answer.
    pub beat: Histogram,
    /// Signs of life that came so late that the lease was in danger.
    pub beats_late: Counter,
    /// 1 while the last sign of life could not be written.
    pub db_down: Gauge,
    /// 1 while the last send that went to the database was refused.
    pub refusing: Gauge,
    /// 1 while the last write found no space.
    pub db_full: Gauge,
    /// Readers that read pages from the store, since what they want is not in memory.
    pub readers_behind: Gauge,
    /// Open connections by transport.
    pub tcp: Gauge,
    pub sse: Gauge,
    pub websocket: Gauge,
    /// Connections that have a place among `limits.connections`, streams or not.
    pub places: Gauge,
    /// Connections with a TLS handshake or a proxy's header under way.
    pub unknown: Gauge,
    /// Probes that are answered although all places are taken.
    pub probes: Gauge,
    /// Connections turned away at the limit.
    pub connections_refused: Counter,
    /// Requests, messages and new sessions turned away since their session or address had too many.
    pub limited_requests: Counter,
    pub limited_messages: Counter,
    pub limited_sessions: Counter,
    pub limited_rooms: Counter,
    /// Tries to log in that came too soon after failures.
    pub limited_logins: Counter,
    /// Sessions that are known here.
    pub sessions_known: Gauge,
    /// Addresses that are known by themselves.
    pub addresses: Gauge,
    /// Connections closed because the peer took nothing for too long.
    pub no_progress: Counter,
}

impl Meters {
    /// Open connections by transport.
    pub fn connections(&self) -> Vec<(&'static str, i64)> {
        vec![
            ("tcp", self.tcp.get()),
            ("sse", self.sse.get()),
            ("websocket", self.websocket.get()),
        ]
    }

    /// How often a limit was met, by what it is on.
    pub fn limited(&self) -> Vec<(&'static str, u64)> {
        vec![
            ("requests", self.limited_requests.get()),
            ("messages", self.limited_messages.get()),
            ("sessions", self.limited_sessions.get()),
            ("rooms", self.limited_rooms.get()),
            ("logins", self.limited_logins.get()),
        ]
    }
}
