//! Older messages of a room.
use chrono::{DateTime, Utc};

use super::{Actor, Chat, ChatError, Outcome};
use crate::chat::outcome::{History, Messages};
use crate::chat::{MOST_HISTORY, PageFrom, Span};
use crate::model::{Entry, RoomRef, Seq, TransportKind};

impl Chat {
    /// A line session is given them at its own pace, any other in one answer of a bounded length.
    pub(in crate::chat) async fn history(
        &self,
        actor: &Actor,
        room: RoomRef,
        from: PageFrom,
        limit: Option<usize>,
    ) -> Result<Outcome, ChatError> {
        let limit = limit.unwrap_or(self.rules.history).clamp(1, MOST_HISTORY);
        let true_at = self.hub.stands_at(&room).await?;
        let (span, messages) = match from {
            PageFrom::Before(before) if actor.transport() == TransportKind::Tcp => {
                match self.hub.past(&room, before, limit).await? {
                    Some((span, past)) => (Some(span), Messages::Paced(Box::new(past))),
                    None => (None, Messages::None),
                }
            }
            PageFrom::Before(before) => {
                let (messages, more) = self.hub.history(&room, before, limit, true_at).await?;
                (span_of(&messages, more), Messages::All(messages))
            }
            PageFrom::After(seq) => {
                let (messages, more) = self.hub.history_after(&room, seq, limit, true_at).await?;
                (span_of(&messages, more), Messages::All(messages))
            }
            PageFrom::Around(seq) => {
                let (older, newer) = (limit / 2, limit - limit / 2);
                let mut messages = Vec::new();
                let mut more = false;
                if older > 0 {
                    (messages, more) = self.hub.history(&room, Some(seq), older, true_at).await?;
                }
                let after = self
                    .hub
                    .history_after(&room, seq.previous(), newer, true_at);
                messages.extend(after.await?.0);
                (span_of(&messages, more), Messages::All(messages))
            }
        };
        let room = room.shown().clone();
        Ok(Outcome::History(History {
            room,
            limit,
            span,
            messages,
            true_at,
            epoch: self.hub.epoch(),
        }))
    }
}

/// Messages of a room that are about to be shown: from the first place to the last.
type Shown = (RoomRef, Seq, Seq);

impl Outcome {
    fn shown(&self) -> Option<Shown> {
        match self {
            Self::Joined(joined) => {
                let first = joined.cursor.as_ref()?.next_seq();
                Some((joined.room.clone(), first, joined.last_seq?))
            }
            Self::History(history) => match &history.messages {
                Messages::Paced(past) => {
                    let (first, last) = past.rest();
                    Some((past.room().clone(), first, last))
                }
                _ => None,
            },
            _ => None,
        }
    }
}

impl Chat {
    /// Which room's past an outcome is about to show, and from when to when that was said. `None` where
    /// it shows none, or where the store cannot tell: the messages say the same, one by one.
    pub async fn period(
        &self,
        outcome: &Outcome,
    ) -> Option<(RoomRef, DateTime<Utc>, DateTime<Utc>)> {
        let (room, first, last) = outcome.shown()?;
        let found = self.hub.said_between(&room, (first, last)).await;
        let (from, to) = found.ok().flatten()?;
        Some((room, from, to))
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
