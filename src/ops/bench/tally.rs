//! What one lane counts.
use std::collections::BTreeMap;

use super::entries::Kind;
use super::latency::Timeline;
use super::ledger::Came;
use super::live::{Gained, Watch};
use super::plan::{Plan, micros};
use super::report::{Events, Reconnects};
use super::sender::Orders;

/// Everything a connection needs beside itself, and what comes of it.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) orders: Orders,
    pub(super) watch: Watch,
    /// From when a message was due to when its sender saw it.
    pub(super) ack: Timeline,
    /// From when a message was due to when a reader saw it.
    pub(super) delivery: Timeline,
    pub(super) errors: BTreeMap<&'static str, u64>,
    pub(super) repeated: u64,
    pub(super) out_of_order: u64,
    /// Sent after the warm-up.
    pub(super) sent: u64,
    pub(super) reconnects: Reconnects,
    /// Of all these, what was done to messages.
    pub(super) events: Events,
    /// Deliveries after the warm-up that do not tell when they were due.
    pub(super) undated: u64,
    pub(super) gained: Gained,
    warmup: u64,
}

impl Tally {
    pub(super) fn new(plan: &Plan, orders: Orders, watch: Watch) -> Self {
        Self {
            orders,
            watch,
            ack: Timeline::new(plan.warmup, plan.duration),
            delivery: Timeline::new(plan.warmup, plan.duration),
            errors: BTreeMap::new(),
            repeated: 0,
            out_of_order: 0,
            sent: 0,
            reconnects: Reconnects::default(),
            events: Events::default(),
            undated: 0,
            gained: Gained::default(),
            warmup: micros(plan.warmup),
        }
    }

    pub(super) fn error(&mut self, kind: &'static str) {
        *self.errors.entry(kind).or_default() += 1;
    }

    pub(super) fn add_errors(&mut self, kind: &'static str, count: u64) {
        if count > 0 {
            *self.errors.entry(kind).or_default() += count;
        }
    }

    /// The time of a read, which stands for all that was in it.
    pub(super) fn clock(&mut self) -> u64 {
        let now = self.watch.micros();
        self.ack.set_now(now);
        self.delivery.set_now(now);
        now
    }

    pub(super) fn sent(&mut self, due: u64, kind: Kind) {
        self.gained.sent += 1;
        let counts = u64::from(due >= self.warmup);
        self.sent += counts;
        if kind == Kind::Event {
            self.events.sent += counts;
        }
    }

    /// A reader saw something that does not tell when it was due.
    pub(super) fn delivered_undated(&mut self, now: u64) {
        self.gained.delivered += 1;
        self.undated += u64::from(now >= self.warmup);
    }

    /// A reader saw what was done to a message.
    pub(super) fn delivered_event(&mut self, came: Came, due: Option<u64>, now: u64) {
        if came == Came::Again {
            return self.repeated += 1;
        }
        self.events.delivered += u64::from(due.unwrap_or(now) >= self.warmup);
        match due {
            Some(due) => {
                self.gained.delivered += 1;
                self.delivery.record(due, now);
            }
            None => self.delivered_undated(now),
        }
    }

    /// A sender saw what it did to its own message, which `readers` will see too.
    pub(super) fn acknowledged_event(&mut self, due: u64, now: u64, readers: u64) {
        self.events.committed += u64::from(due >= self.warmup);
        self.acknowledged(Came::New, due, now, readers);
    }

    #[inline]
    pub(super) fn delivered(&mut self, came: Option<Came>, due: u64, now: u64) {
        if came == Some(Came::New) {
            self.gained.delivered += 1;
            return self.delivery.record(due, now);
        }
        match came {
            Some(Came::Late) => {
                self.out_of_order += 1;
                self.gained.delivered += 1;
                self.delivery.record(due, now);
            }
            Some(_) => self.repeated += 1,
            None => self.error("stray"),
        }
    }

    /// A sender saw its own message, which `readers` will see too.
    pub(super) fn acknowledged(&mut self, came: Came, due: u64, now: u64, readers: u64) {
        match came {
            Came::Again => return self.repeated += 1,
            Came::Late => self.out_of_order += 1,
            Came::New => {}
        }
        self.gained.committed += 1;
        self.gained.resolved += 1;
        self.gained.expected += readers;
        self.ack.record(due, now);
    }

    pub(super) fn refused(&mut self, kind: &'static str) {
        self.gained.resolved += 1;
        self.error(kind);
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.ack.merge(&other.ack);
        self.delivery.merge(&other.delivery);
        for (kind, count) in other.errors {
            self.add_errors(kind, count);
        }
        self.repeated += other.repeated;
        self.out_of_order += other.out_of_order;
        self.sent += other.sent;
        self.reconnects.cut += other.reconnects.cut;
        self.reconnects.ended += other.reconnects.ended;
        self.reconnects.resumed += other.reconnects.resumed;
        self.undated += other.undated;
        self.events.sent += other.events.sent;
        self.events.committed += other.events.committed;
        self.events.delivered += other.events.delivered;
    }
}
