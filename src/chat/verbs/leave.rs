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
        if room.label().is_some() {
            let why = "a direct room is always yours; /join <room> to speak elsewhere";
            return Err(ChatError::BadRequest(why.into()));
        }
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
    let followed = session.followed().into_iter().map(|followed| followed.room);
    let mut all = session.rooms().into_iter().chain(followed);
    let found = all.find(|room| *room.shown() == name);
    found.ok_or(ChatError::NotIn(name))
}
