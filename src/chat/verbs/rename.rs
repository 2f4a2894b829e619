//! Have another nickname from now on. What was said keeps its author.
use std::sync::Arc;

use super::{Chat, ChatError, Outcome, Session};
use crate::model::{Nickname, Notice};
use crate::store::Naming;

impl Chat {
    pub(in crate::chat) async fn rename(
        &self,
        session: &Arc<Session>,
        name: &str,
    ) -> Result<Outcome, ChatError> {
        if session.account().is_some() {
            return Err(ChatError::NameIsForGood);
        }
        let wanted = Nickname::parse(name)?;
        let before = session.nickname();
        let comes_back = session.comes_and_goes() && !session.is_online();
        self.presence
            .claim_as(session, wanted.clone(), Naming::Chosen, None)
            .await?;
        if comes_back {
            // It was not seen to leave under the name that may be another's now.
            self.presence.announce(session, Notice::joined);
        } else {
            self.presence.announce_rename(session, &before, &wanted);
        }
        let user = session.user();
        Ok(Outcome::Renamed {
            nickname: wanted,
            user,
        })
    }
}
