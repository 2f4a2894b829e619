//! What was shown here and is stored no more, since the database went back: kept until it is saved.
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::hub::Hub;
use crate::model::{Entry, Epoch, RoomKind, RoomName};

/// Consecutive messages of a room that the database lacks.
#[derive(Debug, Clone, PartialEq)]
pub struct LostMessages {
    pub room: RoomName,
    pub kind: RoomKind,
    /// In which they were told.
    pub epoch: Epoch,
    pub messages: Vec<Entry>,
}

/// Of each room at most what its tail held.
#[derive(Debug, Default)]
pub(super) struct Lost {
    found: Mutex<Vec<LostMessages>>,
    filled: Notify,
}

impl Lost {
    pub(super) fn add(&self, lost: LostMessages) {
        self.found.lock().push(lost);
        self.filled.notify_one();
    }
}

impl Hub {
    /// Waits for messages that turned out to be lost, and hands them over.
    pub async fn lost(&self) -> Vec<LostMessages> {
        loop {
            let found = std::mem::take(&mut *self.lost.found.lock());
            if !found.is_empty() {
                return found;
            }
            self.lost.filled.notified().await;
        }
    }
}
