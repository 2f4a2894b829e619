//! A person is writing something: told to the room, and kept nowhere.
use std::time::Duration;

use super::{Actor, Chat, ChatError, Outcome};
use crate::chat::Place;
use crate::model::Notice;

/// Of one person a room is told so once in this time.
const AGAIN: Duration = Duration::from_secs(3);

impl Chat {
    pub(in crate::chat) fn is_typing(
        &self,
        actor: &Actor,
        place: Place,
    ) -> Result<Outcome, ChatError> {
        let (room, session) = (place.room()?, actor.known()?);
        let user = session.user().ok_or(ChatError::NotEntered)?;
        let now = self.clock().now();
        if self.typing.take(user, room.key, AGAIN, now).is_ok() {
            let nickname = session.nickname();
            self.hub.announce(Notice::typing(&room.name, &nickname));
        }
        Ok(Outcome::Typing(room.shown().clone()))
    }
}
