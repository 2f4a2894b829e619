//! The mentions of a message: accounts that may read its room.
use std::sync::Arc;

use super::{Chat, ChatError};
use crate::chat::rights::Stood;
use crate::model::{Mention, Nickname, RoomRef, UserKey, mentions};

impl Chat {
    /// The accounts that `text` mentions, without its author. A text without an `@` asks nothing of the store.
    pub(super) async fn called(
        &self,
        room: &RoomRef,
        author: UserKey,
        text: &str,
    ) -> Result<Option<Arc<[Mention]>>, ChatError> {
        let names = mentions(text);
        if names.is_empty() {
            return Ok(None);
        }
        let names: Vec<&str> = names.iter().map(Nickname::as_str).collect();
        let found = self.store().stand(&names, room.key).await?;
        let mut called = Vec::new();
        for person in found {
            if person.user != author && self.reads(&Stood::of(person.stands)) {
                called.push(Mention {
                    user: person.user,
                    nickname: person.nickname.into(),
                });
            }
        }
        Ok((!called.is_empty()).then(|| called.into()))
    }
}
