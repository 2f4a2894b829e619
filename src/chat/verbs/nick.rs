//! `/nick <name>`: be somebody else from now on. What was said keeps its author.
use std::sync::Arc;

use serde_json::json;

use super::{Chat, ChatError, Reply, Session};
use crate::model::Nickname;

impl Chat {
    pub(super) async fn nick(
        &self,
        session: &Arc<Session>,
        name: &str,
    ) -> Result<Reply, ChatError> {
        let wanted = Nickname::parse(name)?;
        let (before, guest) = {
            let mut state = session.state.lock();
            let before = std::mem::replace(&mut state.nickname, wanted.clone());
            (before, std::mem::replace(&mut state.guest, false))
        };
        if let Err(error) = self.presence.claim(session).await {
            let mut state = session.state.lock();
            state.nickname = before;
            state.guest = guest;
            return Err(error);
        }
        for room in session.rooms() {
            if let Some(served) = self.hub.served(room.id) {
                served.notice(&format!("{before} is now {wanted}"));
            }
        }
        let text = format!("you are now {wanted}");
        let user = session.user();
        Ok(Reply::text(text).with_data(json!({ "nickname": wanted.as_str(), "user_id": user })))
    }
}
