//! Read a room live. It takes no session.
use super::{Actor, Chat, ChatError};
use crate::chat::terms::terms;
use crate::chat::{About, Cost, Cursor, Gate, Need, Place, Start, Terms, Verb};
use crate::model::RoomRef;
use crate::policy::Action;

/// Read a room live; the actor's signal is woken when there is more.
pub struct Read {
    pub room: String,
    pub start: Start,
}

impl Verb for Read {
    type Answer = Box<Cursor>;

    fn terms(&self) -> Terms {
        terms(Cost::READ, Gate::Table(Action::Read), Need::Nickname)
    }

    fn about(&self) -> About<'_> {
        About::Named(&self.room)
    }

    async fn run(self, chat: &Chat, actor: &Actor, place: Place) -> Result<Box<Cursor>, ChatError> {
        chat.cursor(actor, &place.room()?, self.start).await
    }
}

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
