//! Which past this instance's database tells, and what of another one is worth.
use super::hub::Hub;
use crate::model::{Epoch, Lineage};

impl Hub {
    /// Which past the store tells, once it was asked.
    pub fn epoch(&self) -> Option<Epoch> {
        self.epoch.read().clone()
    }

    /// The past that this instance's database tells, once it was asked.
    pub(super) fn lineage(&self) -> Option<Lineage> {
        Some(Lineage {
            epoch: self.epoch()?,
            timeline: self.log.timeline(),
        })
    }

    /// Whether something is of another past than this instance's, so that the store alone can tell.
    pub(super) fn is_of_another(&self, of: Option<&Lineage>) -> bool {
        let known = of.zip(self.lineage());
        known.is_some_and(|(of, ours)| of.is_other(&ours))
    }

    pub(super) fn is_in(&self, epoch: &Epoch) {
        if self.epoch.read().as_ref() == Some(epoch) {
            return;
        }
        if self.epoch.write().replace(epoch.clone()).is_some() {
            // Names may be other rooms' and other users' by now.
            self.names.write().clear();
            self.log.epoch_began();
            *self.behind.lock() = None;
            self.strangers.notify_one();
        }
    }
}
