//! `/history [n] [before-seq]`: older messages of the current room.
use serde_json::json;

use super::{Chat, ChatError, Effect, Reply, Session, counted};
use crate::chat::{Code, MOST_HISTORY};
use crate::model::{RoomRef, Seq, TransportKind};

impl Chat {
    /// A line session is given them at its own pace, everybody else in one answer of a bounded
    /// length.
    pub(super) async fn past(
        &self,
        session: &Session,
        limit: Option<usize>,
        before: Option<Seq>,
    ) -> Result<Reply, ChatError> {
        let none = || ChatError::new(Code::NotInRoom, "you are in no room; /join one");
        let room = session.current().ok_or_else(none)?;
        let limit = limit.unwrap_or(self.rules.history).clamp(1, MOST_HISTORY);
        if session.transport() == TransportKind::Tcp {
            return self.past_as_lines(&room, limit, before).await;
        }
        let (messages, has_more) = self.history(&room, before, limit).await?;
        let shown = Shown {
            first: messages.first().map(|message| message.seq),
            last: messages.last().map(|message| message.seq),
            count: messages.len(),
            more: has_more,
        };
        let data =
            json!({ "room": room.name.as_str(), "messages": messages, "has_more": has_more });
        Ok(Reply::text(shown.text(&room, limit)).with_data(data))
    }

    async fn past_as_lines(
        &self,
        room: &RoomRef,
        limit: usize,
        before: Option<Seq>,
    ) -> Result<Reply, ChatError> {
        let before = before.unwrap_or(Seq::MAX);
        let Some((span, past)) = self.hub.past(room, before, limit).await? else {
            return Ok(Reply::text(Shown::default().text(room, limit)));
        };
        let shown = Shown {
            first: Some(span.first),
            last: Some(span.last),
            count: span.count,
            more: span.more,
        };
        Ok(Reply::text(shown.text(room, limit)).with_effect(Effect::Past(Box::new(past))))
    }
}

/// What an answer holds, as it is told to people.
#[derive(Debug, Default)]
struct Shown {
    first: Option<Seq>,
    last: Option<Seq>,
    count: usize,
    more: bool,
}

impl Shown {
    fn text(&self, room: &RoomRef, limit: usize) -> String {
        let name = &room.name;
        let (Some(first), Some(last)) = (self.first, self.last) else {
            return format!("{name}: no older messages");
        };
        let mut text = format!(
            "{name}: {}, {first} to {last}",
            counted(self.count, "message")
        );
        if self.more {
            text.push_str(&format!("; more with /history {limit} {first}"));
        }
        text
    }
}
