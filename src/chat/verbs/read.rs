//! Read a room live. It takes no session.
use super::{Actor, Chat, ChatError};
use crate::chat::{Cursor, Start};
use crate::model::RoomRef;

impl Chat {
    pub(in crate::chat) async fn cursor(
        &self,
        actor: &Actor,
        room: &RoomRef,
        start: Start,
    ) -> Result<Box<Cursor>, ChatError> {
        let signal = actor.signal().cloned().unwrap_or_default();
        Ok(Box::new(self.hub.read(room, start, signal).await?))
    }
}
