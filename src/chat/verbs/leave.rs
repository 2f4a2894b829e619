//! Be in a room no more.
use std::sync::Arc;

use super::{Chat, ChatError, Outcome, Session};
use crate::model::{Notice, RoomName, RoomRef};
use crate::store::PresenceChange;

impl Chat {
    pub(in crate::chat) async fn leave(
        &self,
        session: &Arc<Session>,
        name: Option<&str>,
    ) -> Result<Outcome, ChatError> {
        let room = which(session, name)?;
        let change = PresenceChange::Leave {
            session: session.key().clone(),
            room: room.key,
        };
        self.presence.change(change).await?;
        session.lose(&room);
        tracing::debug!(session = %session.key(), room = %room.name, "left");
        let left = Notice::left(&room.name, &session.nickname());
        self.hub.announce(left);
        Ok(Outcome::Left(room))
    }
}

fn which(session: &Session, name: Option<&str>) -> Result<RoomRef, ChatError> {
    let Some(name) = name else {
        return session.current().ok_or(ChatError::InNoRoom);
    };
    let name = RoomName::stored(name);
    let found = session.rooms().into_iter().find(|room| room.name == name);
    found.ok_or(ChatError::NotIn(name))
}
