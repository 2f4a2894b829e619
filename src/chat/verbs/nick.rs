//! `/nick <name>`: be somebody else from now on. What was said keeps its author.
use std::sync::Arc;

use serde_json::json;

use super::{Chat, ChatError, Reply, Session};
use crate::model::{Nickname, Notice};

impl Chat {
    pub(super) async fn nick(
        &self,
        session: &Arc<Session>,
        name: &str,
    ) -> Result<Reply, ChatError> {
        let wanted = Nickname::parse(name)?;
        let before = session.nickname();
        let comes_back = session.comes_and_goes() && !session.state.lock().stored;
        self.presence
            .claim_as(session, wanted.clone(), false)
            .await?;
        // Nobody saw it leave under the name that is somebody else's now.
        match comes_back {
            true => self.presence.announce(session, Notice::joined),
            false => self.presence.announce_rename(session, &before, &wanted),
        }
        let text = format!("you are now {wanted}");
        let user = session.user();
        Ok(Reply::text(text).with_data(json!({ "nickname": wanted.as_str(), "user_id": user })))
    }
}
