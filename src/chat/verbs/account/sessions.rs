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

    /// Ends the session with an id that begins like that, where it is one alone.
    pub(in crate::chat) async fn end_my_session(
        &self,
        actor: &Actor,
        id: &str,
    ) -> Result<Outcome, ChatError> {
        let (session, account) = (actor.known()?, actor.account()?);
        let nickname = session.nickname();
        let record = Record {
            actor: nickname.as_str(),
            action: "end_session",
            target: Some(nickname.as_str()),
            ..Record::default()
        };
        let sessions = self.store().sessions_of(account.user).await?;
        let mut found = sessions.iter().filter(|of| of.key.starts_with(id));
        let key = match (found.next(), found.next()) {
            (Some(of), None) if !id.is_empty() => of.key.as_str(),
            (Some(_), _) => return Err(ChatError::NoSuchSession),
            // The list is not endless.
            (None, _) => id,
        };
        if !self.store().end_session(account.user, key, &record).await? {
            return Err(ChatError::NoSuchSession);
        }
        self.rights_changed_here(&Changed::of(account.user));
        Ok(Outcome::SessionEnded)
    }
}
