//! Rooms that are not there any more: what is read of them ends, and sessions are told.
use super::End;
use super::hub::Hub;
use crate::model::{RoomId, RoomKey, RoomRef};

impl Hub {
    /// Lets go of a room that was deleted: of its name, and of what is read of it here.
    pub fn forget_deleted(&self, room: RoomId) {
        self.names.write().retain(|_, known| known.key.id != room);
        let rooms = self.rooms.read();
        let served = rooms.keys().find(|key| key.id == room).copied();
        drop(rooms);
        if let Some(served) = served {
            self.close(served);
        }
    }

    /// Lets go of a room that is not there any more, and ends what is read of it here.
    pub(super) fn close(&self, room: RoomKey) {
        let Some(closed) = self.rooms.write().remove(&room) else {
            return;
        };
        let room = &closed.room;
        tracing::info!(room = ?room.name, id = room.key.id.get(), "a room that was read is gone");
        self.forget(room);
        self.bus.unsubscribe(&closed.channel());
        closed.close(End::NoSuchRoom);
        self.gone.lock().push(room.clone());
    }

    /// The rooms that turned out to be gone since this was asked last.
    pub fn take_gone(&self) -> Vec<RoomRef> {
        std::mem::take(&mut self.gone.lock())
    }
}
