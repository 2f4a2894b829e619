//! The pinned messages of a room, the last said first.
use super::{Chat, ChatError, Outcome};
use crate::chat::Place;
use crate::chat::outcome::Pins;
use crate::model::Seq;

/// Messages in one answer: where nothing is asked, and at most.
const USUAL: usize = 50;
const MOST: usize = 100;

impl Chat {
    pub(in crate::chat) async fn pins(
        &self,
        place: Place,
        before: Option<Seq>,
        limit: Option<usize>,
    ) -> Result<Outcome, ChatError> {
        let room = place.room()?;
        let limit = limit.unwrap_or(USUAL).clamp(1, MOST);
        let true_at = self.hub.stands_at(&room).await?;
        let (mut messages, more) = self.hub.pinned(&room, before, limit).await?;
        messages.reverse();
        Ok(Outcome::Pins(Pins {
            room: room.shown().clone(),
            next: messages.last().map(|last| last.seq).filter(|_| more),
            messages,
            true_at,
        }))
    }
}
