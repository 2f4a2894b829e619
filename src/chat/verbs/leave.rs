//! `/leave [room]`: be in a room no more.
use std::sync::Arc;

use serde_json::json;

use super::{Chat, ChatError, Effect, Reply, Session};
use crate::chat::Code;
use crate::model::{Notice, RoomName, RoomRef};
use crate::store::PresenceChange;

impl Chat {
    pub(super) async fn leave(
        &self,
        session: &Arc<Session>,
        name: Option<&str>,
    ) -> Result<Reply, ChatError> {
        let room = which(session, name)?;
        let change = PresenceChange::Leave {
            session: session.key().clone(),
            room: room.id,
        };
        self.presence.change(change).await?;
        {
            let mut state = session.state.lock();
            state.rooms.retain(|r| r.id != room.id);
            if state
                .current
                .as_ref()
                .is_some_and(|current| current.id == room.id)
            {
                state.current = state.rooms.last().cloned();
            }
        }
        tracing::debug!(session = %session.key(), room = %room.name, "left");
        let left = Notice::left(&room.name, &session.nickname());
        self.hub.announce(left);
        Ok(Reply::text(format!("you left {}", room.name))
            .with_data(json!({ "room": room.name.as_str() }))
            .with_effect(Effect::Left(room)))
    }
}

fn which(session: &Session, name: Option<&str>) -> Result<RoomRef, ChatError> {
    let Some(name) = name else {
        let none = || ChatError::new(Code::NotInRoom, "you are in no room; /join one");
        return session.current().ok_or_else(none);
    };
    let name = RoomName::stored(name);
    let found = session.rooms().into_iter().find(|room| room.name == name);
    found.ok_or_else(|| {
        let name = name.as_str().escape_debug();
        ChatError::new(Code::NotInRoom, format!("you are not in '{name}'"))
    })
}
