//! Older messages of a room.
use super::{Actor, Chat, ChatError, Outcome};
use crate::chat::outcome::{History, Messages};
use crate::chat::{MOST_HISTORY, Span};
use crate::model::{Entry, RoomRef, Seq, TransportKind};

impl Chat {
    /// A line session is given them at its own pace, any other in one answer of a bounded length.
    pub(in crate::chat) async fn history(
        &self,
        actor: &Actor,
        room: RoomRef,
        before: Option<Seq>,
        limit: Option<usize>,
    ) -> Result<Outcome, ChatError> {
        let limit = limit.unwrap_or(self.rules.history).clamp(1, MOST_HISTORY);
        let (span, messages) = if actor.transport() == TransportKind::Tcp {
            match self.hub.past(&room, before, limit).await? {
                Some((span, past)) => (Some(span), Messages::Paced(Box::new(past))),
                None => (None, Messages::None),
            }
        } else {
            let (messages, more) = self.hub.history(&room, before, limit).await?;
            (span_of(&messages, more), Messages::All(messages))
        };
        let room = room.shown().clone();
        Ok(Outcome::History(History {
            room,
            limit,
            span,
            messages,
            epoch: self.hub.epoch(),
        }))
    }
}

fn span_of(messages: &[Entry], more: bool) -> Option<Span> {
    let (first, last) = (messages.first()?.seq, messages.last()?.seq);
    let count = messages.len();
    Some(Span {
        first,
        last,
        count,
        more,
    })
}
