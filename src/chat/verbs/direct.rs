//! Speak to people alone: their direct room, made when it is first asked for.
use super::{Actor, Chat, ChatError, Outcome};
use crate::policy::Action;

impl Chat {
    /// Opens the room of the actor and these people, and says something there if there is something to
    /// say: then the answer comes once it is committed.
    pub(in crate::chat) async fn direct(
        &self,
        actor: &Actor,
        nicknames: &[String],
        content: Option<&str>,
    ) -> Result<Outcome, ChatError> {
        let (room, title) = self.open_direct(actor, nicknames).await?;
        let shown = room.shown().clone();
        let receipt = match content {
            None => None,
            Some(content) => {
                let place = self.allow_in(actor, Action::Write, room).await?;
                let (room, stood) = place.stood()?;
                let mut sending = self.send(actor, room, &stood, content, None).await?;
                Some(sending.done().await?)
            }
        };
        Ok(Outcome::Direct {
            room: shown,
            title,
            receipt,
        })
    }
}
