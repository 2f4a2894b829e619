//! Until when the nicknames of the sessions here are theirs for certain: as long as the lease of
//! this instance, counted from before its last heartbeat, has not run out.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::store::LEASE;

#[derive(Debug)]
pub(super) struct Tenure {
    began: Instant,
    /// In milliseconds after it began: nothing but this is looked at for each message.
    until: AtomicU64,
    state: Mutex<State>,
    regained: Notify,
}

#[derive(Debug)]
struct State {
    /// When the last heartbeat was begun that was written.
    beat: Instant,
    /// The nicknames have to be claimed first.
    in_doubt: bool,
}

impl Tenure {
    /// From an entry that was written after `now`.
    pub(super) fn new(now: Instant) -> Self {
        let tenure = Self {
            began: now,
            until: AtomicU64::new(0),
            state: Mutex::new(State {
                beat: now,
                in_doubt: false,
            }),
            regained: Notify::new(),
        };
        tenure.extend(now);
        tenure
    }

    /// Whether it holds now.
    pub(super) fn holds(&self, now: Instant) -> bool {
        let since = now.saturating_duration_since(self.began);
        since < Duration::from_millis(self.until.load(Relaxed))
    }

    /// A heartbeat was written that was begun then.
    pub(super) fn beat(&self, begun: Instant) {
        let mut state = self.state.lock();
        state.beat = begun;
        if !state.in_doubt {
            self.extend(begun);
        }
    }

    /// It ran out, as far as is known: the nicknames have to be claimed first.
    pub(super) fn ends(&self) {
        self.state.lock().in_doubt = true;
        self.until.store(0, Relaxed);
    }

    /// They were claimed.
    pub(super) fn goes_on(&self) {
        let mut state = self.state.lock();
        state.in_doubt = false;
        self.extend(state.beat);
        self.regained.notify_waiters();
    }

    /// Waits until it holds again.
    pub(super) async fn regained(&self, now: impl Fn() -> Instant) {
        loop {
            let regained = self.regained.notified();
            if self.holds(now()) {
                return;
            }
            regained.await;
        }
    }

    fn extend(&self, beat: Instant) {
        let until = (beat + LEASE).saturating_duration_since(self.began);
        let until = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
        self.until.store(until, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, ManualClock};

    #[test]
    fn it_holds_for_a_lease_after_a_heartbeat() {
        let clock = ManualClock::default();
        let tenure = Tenure::new(clock.now());
        let after = |time: Duration| {
            clock.advance(time);
            (tenure.holds(clock.now()), clock.now())
        };
        let almost = LEASE.saturating_sub(Duration::from_millis(1));
        assert!(after(almost).0);
        tenure.beat(after(Duration::ZERO).1);
        assert!(after(almost).0);
        assert!(!after(Duration::from_millis(1)).0);
        // The next heartbeat finds that names were free meanwhile.
        tenure.beat(after(Duration::ZERO).1);
        tenure.ends();
        tenure.beat(after(Duration::from_secs(1)).1);
        assert!(!after(Duration::ZERO).0);
        tenure.goes_on();
        assert!(after(almost).0);
        assert!(!after(Duration::from_millis(1)).0);
    }
}
