//! Read a room live. It takes no session.
use super::{Actor, Chat, ChatError};
use crate::chat::{Cursor, Start, Target};
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

    /// The room that is meant.
    pub(in crate::chat) async fn target(
        &self,
        actor: &Actor,
        target: &Target,
    ) -> Result<RoomRef, ChatError> {
        match target {
            Target::Current => actor.known()?.current().ok_or(ChatError::InNoRoom),
            Target::Named(name) => self.room(name).await,
        }
    }
}
