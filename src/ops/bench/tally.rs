//! What one lane counts.
use std::collections::BTreeMap;

use super::latency::Timeline;
use super::ledger::Came;
use super::live::{Gained, Watch};
use super::plan::{Plan, micros};
use super::report::Reconnects;
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

    pub(super) fn sent(&mut self, due: u64) {
        self.gained.sent += 1;
        self.sent += u64::from(due >= self.warmup);
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
    }
}
