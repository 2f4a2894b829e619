//! What is done when the past is another one than was shown here: a database that was restored, a
//! failover that went back, a file that was put back. What is shown is compared with what is stored, a
//! new epoch begins for all instances, and readers go back to where the past changed.
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::hub::Hub;
use super::lost::LostMessages;
use super::relay::AFTER_FAILURE;
use super::room::Room;
use crate::model::{Epoch, Seq};
use crate::store::{Part, StoreError};

/// Messages compared at once.
const PAGE: usize = 1_000;

impl Hub {
    /// Finds out soon whether what is shown of a room is what is stored, since two messages were heard
    /// of in one place. However often that happens, it is one look at a time.
    pub(super) fn doubt(self: &Arc<Self>, room: Arc<Room>) {
        if room.doubted.swap(true, Relaxed) {
            return;
        }
        let hub = self.clone();
        tokio::spawn(async move {
            while hub.settle(&room).await.is_err() {
                // A look that began meanwhile tries again in the place of this one.
                if room.doubted.swap(true, Relaxed) {
                    return;
                }
                hub.clock.sleep(AFTER_FAILURE).await;
            }
        });
    }

    pub(super) async fn settle(self: &Arc<Self>, room: &Arc<Room>) -> Result<(), StoreError> {
        // In which epoch it is wrong, and not in which it may be right by the time that is known.
        let (epoch, wrong) = {
            let _one = room.catching_up.lock().await;
            room.doubted.store(false, Relaxed);
            (room.epoch(), self.first_other(room).await?)
        };
        match (wrong, epoch) {
            (Some(seq), Some(epoch)) => {
                let name = &room.room.name;
                let reason = format!("another message is stored as {seq} of {name} than was shown");
                self.rewind(&epoch, &reason).await
            }
            _ => {
                room.is_right();
                self.catch_up(room).await
            }
        }
    }

    /// Begins a new epoch if the database lacks what it said was committed here: also rooms of which
    /// nothing is in memory may then have lost something.
    pub(super) async fn look_behind(self: &Arc<Self>) -> Result<(), StoreError> {
        // In which epoch it went back, and not in which it may be right by the time that is known: a
        // room may be found wrong meanwhile, and one epoch is enough for both.
        let epoch = self.epoch();
        if self.log.went_back().await? {
            *self.behind.lock() = epoch;
        }
        let behind = self.behind.lock().clone();
        if let Some(epoch) = behind {
            let reason = "what was committed through this instance is not stored any more";
            self.rewind(&epoch, reason).await?;
            *self.behind.lock() = None;
        }
        Ok(())
    }

    /// Begins a new epoch after `known`, unless another instance did, and goes back with all rooms
    /// here.
    pub(super) async fn rewind(
        self: &Arc<Self>,
        known: &Epoch,
        reason: &str,
    ) -> Result<(), StoreError> {
        let era = self.epochs.begin_epoch(known, reason).await?;
        tracing::error!(
            epoch = era.epoch.as_str(),
            reason,
            "the past changed: readers are told, and go back to what is stored"
        );
        self.adopt(&era.epoch).await
    }

    /// Brings every room here that was read in another epoch into this one. What fails half way goes
    /// on with the next sweep.
    pub(super) async fn adopt(self: &Arc<Self>, epoch: &Epoch) -> Result<(), StoreError> {
        self.is_in(epoch);
        for room in self.warm_rooms() {
            let there = || room.epoch().is_none_or(|here| here == *epoch);
            if there() {
                continue;
            }
            {
                let _one = room.catching_up.lock().await;
                // Another look may have brought it there meanwhile.
                if there() {
                    continue;
                }
                let before = room.epoch();
                let wrong = self.first_other(&room).await?;
                let messages = room.rewind(wrong, epoch);
                if let (Some(first), Some(before)) = (messages.first(), before) {
                    tracing::error!(
                        room = ?room.room.name,
                        from = first.seq.get(),
                        messages = messages.len(),
                        "messages were shown that are not stored any more"
                    );
                    self.lost.add(LostMessages {
                        room: room.room.name.clone(),
                        kind: room.kind(),
                        epoch: before,
                        messages,
                    });
                }
            }
            self.catch_up(&room).await?;
        }
        Ok(())
    }

    /// The first `seq` of what memory holds of a room in whose place another message is stored, or
    /// none and none after it. What is missing between others was deleted, and is not it.
    async fn first_other(&self, room: &Room) -> Result<Option<Seq>, StoreError> {
        let Some((before, last)) = room.shown() else {
            return Ok(None);
        };
        let head = self.log.head(room.room.key).await?;
        let stored = head.map_or(Seq::START, |head| head.last_seq);
        let ends = (stored < last).then(|| stored.next());
        let mut after = before;
        while after < last {
            let page = self.read_page(&room.room, Part::After(after), PAGE).await?;
            let Some(reached) = page.last().map(|message| message.seq) else {
                break;
            };
            let other = room.with_tail(|tail| tail.disputed_by(&page)).flatten();
            if other.is_some() {
                return Ok(other.min(ends.or(other)));
            }
            after = reached;
        }
        Ok(ends)
    }
}
