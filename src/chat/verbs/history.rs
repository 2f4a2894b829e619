//! `/history [n] [before-seq]`: older messages of the current room.
use serde_json::json;

use super::{Chat, ChatError, Effect, Reply, Session, counted};
use crate::chat::Code;
use crate::model::Seq;

impl Chat {
    pub(super) async fn past(
        &self,
        session: &Session,
        limit: Option<usize>,
        before: Option<Seq>,
    ) -> Result<Reply, ChatError> {
        let none = || ChatError::new(Code::NotInRoom, "you are in no room; /join one");
        let room = session.current().ok_or_else(none)?;
        let limit = limit.unwrap_or(self.rules.history);
        let (messages, has_more) = self.history(&room, before, limit).await?;
        let mut text = match (messages.first(), messages.last()) {
            (Some(first), Some(last)) => {
                let count = counted(messages.len(), "message");
                format!("{}: {count}, {} to {}", room.name, first.seq, last.seq)
            }
            _ => format!("{}: no older messages", room.name),
        };
        if let (true, Some(first)) = (has_more, messages.first()) {
            text.push_str(&format!("; more with /history {limit} {}", first.seq));
        }
        let data =
            json!({ "room": room.name.as_str(), "messages": &messages, "has_more": has_more });
        Ok(Reply::text(text)
            .with_data(data)
            .with_effect(Effect::History(messages)))
    }
}
