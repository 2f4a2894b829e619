//! No bus: one instance alone, or several on one file that find each other in the database.
use super::{Backlog, Bus, BusState, Events, Key, RoomChannel};
use crate::model::{Entry, Lineage, Told};

/// Carries nothing.
#[derive(Debug)]
pub struct LocalBus;

impl LocalBus {
    /// The bus and its events, of which there are none.
    pub fn open() -> (Self, Events) {
        (Self, Events::none())
    }
}

impl Bus for LocalBus {
    fn publish(&self, _to: &RoomChannel, _messages: &[Entry], _of: Option<&Lineage>) {}

    fn subscribe(&self, _to: &RoomChannel) {}

    fn unsubscribe(&self, _to: &RoomChannel) {}

    fn tell(&self, _told: &[Told], _of: Option<&Lineage>) {}

    fn tell_rights(&self) {}

    fn headcount(&self, _online: u64) {}

    fn trust(&self, _key: Key) {}

    fn state(&self) -> BusState {
        BusState::Disabled
    }

    fn backlog(&self) -> Backlog {
        Backlog::default()
    }
}
