//! What is going on during a run, to be watched, and to end it.
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use crate::clock::{Clock, SystemClock};

/// Counts that grow while a run goes on. Watching costs the run nothing.
#[derive(Debug, Default)]
pub struct Live {
    sent: AtomicU64,
    /// Acknowledged or refused.
    resolved: AtomicU64,
    committed: AtomicU64,
    delivered: AtomicU64,
    /// Deliveries that what was committed leads to.
    expected: AtomicU64,
    open: AtomicUsize,
    stopped: AtomicBool,
    sending_over: AtomicBool,
    done: AtomicBool,
}

/// What a lane adds to `Live`, gathered so that it is told once a turn.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Gained {
    pub(super) sent: u64,
    pub(super) resolved: u64,
    pub(super) committed: u64,
    pub(super) delivered: u64,
    pub(super) expected: u64,
}

impl Live {
    pub fn open(&self) -> usize {
        self.open.load(Relaxed)
    }

    pub fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }

    pub fn committed(&self) -> u64 {
        self.committed.load(Relaxed)
    }

    pub fn delivered(&self) -> u64 {
        self.delivered.load(Relaxed)
    }

    /// No more is sent; what is on its way still counts, and there is a report.
    pub fn stop(&self) {
        self.stopped.store(true, Relaxed);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Relaxed)
    }

    pub(super) fn opened(&self) {
        self.open.fetch_add(1, Relaxed);
    }

    pub(super) fn closed(&self) {
        self.open.fetch_sub(1, Relaxed);
    }

    pub(super) fn gain(&self, gained: &mut Gained) {
        let gained = std::mem::take(gained);
        let add = |to: &AtomicU64, n| {
            if n > 0 {
                to.fetch_add(n, Relaxed);
            }
        };
        // What is expected of a message is told before that it is resolved.
        add(&self.expected, gained.expected);
        add(&self.sent, gained.sent);
        add(&self.committed, gained.committed);
        add(&self.delivered, gained.delivered);
        add(&self.resolved, gained.resolved);
    }

    pub(super) fn sending_is_over(&self) {
        self.sending_over.store(true, Relaxed);
    }

    /// Everything that was sent is acknowledged or refused, and delivered.
    pub(super) fn is_settled(&self) -> bool {
        self.sending_over.load(Relaxed)
            && self.resolved.load(Relaxed) >= self.sent()
            && self.delivered() >= self.expected.load(Relaxed)
    }

    /// Changes whenever there is progress.
    pub(super) fn pulse(&self) -> (u64, u64) {
        (self.resolved.load(Relaxed), self.delivered())
    }

    pub(super) fn finish(&self) {
        self.done.store(true, Relaxed);
    }

    pub(super) fn is_done(&self) -> bool {
        self.done.load(Relaxed)
    }
}

/// Time since the start of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watch(Instant);

impl Watch {
    pub(super) fn start() -> Self {
        Self(SystemClock.now())
    }

    #[inline]
    pub(super) fn micros(&self) -> u64 {
        super::plan::micros(SystemClock.now().duration_since(self.0))
    }
}
