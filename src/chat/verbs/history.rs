//! Older messages of a room.
use chrono::{DateTime, Utc};

use super::{Actor, Chat, ChatError, Outcome};
use crate::chat::outcome::{History, Messages};
use crate::chat::{MOST_HISTORY, PageFrom, Span};
use crate::model::{Entry, RoomRef, Seq, TransportKind};

/// What there are pages of: what was said in a room, or the replies in the thread of a message there.
#[derive(Debug, Clone, Copy)]
pub(super) enum Paged {
    Room,
    Thread(Seq),
}

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
            from => {
                let (messages, more) = self
                    .page(&room, Paged::Room, from, (limit, true_at))
                    .await?;
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

    /// A page as it is at `true_at` or later, ascending, and whether there are more: older ones, or newer where
    /// it is of what comes after a place.
    pub(super) async fn page(
        &self,
        room: &RoomRef,
        of: Paged,
        from: PageFrom,
        (limit, true_at): (usize, Seq),
    ) -> Result<(Vec<Entry>, bool), ChatError> {
        match from {
            PageFrom::Before(before) => self.older(room, of, before, (limit, true_at)).await,
            PageFrom::After(seq) => self.newer(room, of, seq, (limit, true_at)).await,
            PageFrom::Around(seq) => {
                let (older, newer) = (limit / 2, limit - limit / 2);
                let (mut messages, mut more) = (Vec::new(), false);
                if older > 0 {
                    (messages, more) = self.older(room, of, Some(seq), (older, true_at)).await?;
                }
                let after = self.newer(room, of, seq.previous(), (newer, true_at));
                messages.extend(after.await?.0);
                Ok((messages, more))
            }
        }
    }

    async fn older(
        &self,
        room: &RoomRef,
        of: Paged,
        before: Option<Seq>,
        (limit, true_at): (usize, Seq),
    ) -> Result<(Vec<Entry>, bool), ChatError> {
        Ok(match of {
            Paged::Room => self.hub.history(room, before, limit, true_at).await?,
            Paged::Thread(root) => self.hub.replies(room, root, before, limit).await?,
        })
    }

    async fn newer(
        &self,
        room: &RoomRef,
        of: Paged,
        after: Seq,
        (limit, true_at): (usize, Seq),
    ) -> Result<(Vec<Entry>, bool), ChatError> {
        Ok(match of {
            Paged::Room => self.hub.history_after(room, after, limit, true_at).await?,
            Paged::Thread(root) => self.hub.replies_after(room, root, after, limit).await?,
        })
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
