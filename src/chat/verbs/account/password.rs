//! Have another password; all other sessions of the account end.
use super::{Actor, Chat, ChatError, Outcome};
use crate::auth::password;
use crate::model::Password;
use crate::store::{Changed, Record};

impl Chat {
    pub(in crate::chat) async fn change_password(
        &self,
        actor: &Actor,
        old: &Password,
        new: &Password,
    ) -> Result<Outcome, ChatError> {
        self.may_tell_password(actor)?;
        let (session, account) = (actor.known()?, actor.account()?);
        let nickname = session.nickname();
        let stored = self.store().account_of(account.user).await?;
        let stored = stored.and_then(|account| account.password);
        if !self.prove(actor, &nickname, old, stored.as_deref()).await? {
            return Err(ChatError::WrongCredentials);
        }
        password::check(new, &nickname).map_err(|weak| ChatError::BadPassword(weak.to_string()))?;
        let hash = self.hasher.hash(new).await?;
        let record = Record {
            actor: nickname.as_str(),
            action: "password",
            target: Some(nickname.as_str()),
            ..Record::default()
        };
        let (user, keep) = (account.user, Some(session.key()));
        self.store()
            .set_password(user, hash.as_str(), keep, &record)
            .await?;
        self.rights_changed_here(&Changed::of(account.user));
        Ok(Outcome::PasswordChanged)
    }
}
