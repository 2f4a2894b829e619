//! Signs of life: a task and a connection of their own, which wait for nothing else.
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{Doubt, Presence};
use crate::store::{LEASE, Lease, StoreError};

/// Between two signs of life; `store::LEASE` allows for three.
const BEAT: Duration = Duration::from_secs(3);
/// How long one may take: whatever holds it up, the next is tried in time.
const BEAT_WITHIN: Duration = Duration::from_millis(2_500);
/// A sign of life is late that comes so long after the one before.
const LATE: Duration = Duration::from_secs(5);

impl Presence {
    /// Gives signs of life, for ever.
    pub(super) async fn beat(&self) {
        let (mut last, mut fails) = (self.clock.now(), false);
        let mut ticks = interval(BEAT);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await; // entered a moment ago
        loop {
            ticks.tick().await;
            let begun = self.clock.now();
            let beat = timeout(BEAT_WITHIN, self.store.heartbeat(self.id, &self.instance)).await;
            let slow = || StoreError::Unavailable("no sign of life was written in time".into());
            let beat = beat.unwrap_or_else(|_| Err(slow()));
            let now = self.clock.now();
            self.meters.beat.record(now.duration_since(begun));
            self.meters.db_down.set(i64::from(beat.is_err()));
            let silence = now.duration_since(last);
            self.meters.beats_late.add(u64::from(silence >= LATE));
            // An outage is told of when it begins.
            let begins = beat.is_err() && !fails;
            fails = beat.is_err();
            match beat {
                Ok(lease) => {
                    last = begun;
                    self.meters.db_full.set(0);
                    self.meters.refusing.set(0);
                    self.look_back(lease, silence);
                    self.tenure.beat(begun);
                    self.beats
                        .fetch_add(u64::from(lease != Lease::Forgotten), Relaxed);
                }
                Err(error) if begins => {
                    tracing::warn!(%error, ?silence, "cannot write the heartbeat");
                }
                Err(_) => {}
            }
        }
    }

    /// What follows from a sign of life after such a silence: our nicknames may be others' by
    /// now, or the database knows nothing of them.
    fn look_back(&self, lease: Lease, silence: Duration) {
        let doubt = match lease {
            Lease::Forgotten => Doubt::Lost,
            Lease::RanOut => Doubt::Late,
            Lease::Held if silence >= LEASE => Doubt::Late,
            Lease::Held => return,
        };
        tracing::warn!(?silence, ?lease, "claiming every nickname anew");
        self.doubt(doubt);
    }
}
