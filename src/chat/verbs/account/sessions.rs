//! The sessions of one's own account: listed, and ended one by one.
use super::{Actor, Chat, ChatError, Outcome};
use crate::store::{Changed, Record};

impl Chat {
    pub(in crate::chat) async fn my_sessions(&self, actor: &Actor) -> Result<Outcome, ChatError> {
        let account = actor.account()?;
        let sessions = self.store().sessions_of(account.user).await?;
        let current = actor.known()?.key().as_str().to_owned();
        Ok(Outcome::Sessions { sessions, current })
    }

    pub(in crate::chat) async fn end_my_session(
        &self,
        actor: &Actor,
        key: &str,
    ) -> Result<Outcome, ChatError> {
        let (session, account) = (actor.known()?, actor.account()?);
        let nickname = session.nickname();
        let record = Record {
            actor: nickname.as_str(),
            action: "end_session",
            target: Some(nickname.as_str()),
            ..Record::default()
        };
        if !self.store().end_session(account.user, key, &record).await? {
            return Err(ChatError::NoSuchSession);
        }
        self.rights_changed_here(&Changed::of(account.user));
        Ok(Outcome::SessionEnded)
    }
}
