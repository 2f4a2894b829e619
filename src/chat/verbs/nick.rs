//! `/nick <name>`: be somebody else from now on. What was said keeps its author.
use std::sync::Arc;

use serde_json::json;

use super::{Chat, ChatError, Reply, Session};
use crate::delivery::Move;
use crate::model::Nickname;

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
        if comes_back {
            // Nobody saw it leave under the name that is somebody else's now.
            self.presence.announce(session, Move::Joined);
        }
        for room in session.rooms().iter().filter(|_| !comes_back) {
            if let Some(served) = self.hub.served(room.id) {
                served.notice(&format!("{before} is now {wanted}"));
            }
        }
        let text = format!("you are now {wanted}");
        let user = session.user();
        Ok(Reply::text(text).with_data(json!({ "nickname": wanted.as_str(), "user_id": user })))
    }
}
