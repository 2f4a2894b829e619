//! Be the account of a person that another server vouches for.
use std::sync::Arc;

use super::{Actor, Chat, ChatError, Session};
use crate::auth::jwt::Identity;
use crate::chat::{NotVouched, Strangers};
use crate::model::Role;
use crate::store::NewAccount;

impl Chat {
    /// The session of the person that the token is about: the one that it has here, or a new one. The
    /// token is looked at each time.
    pub(in crate::chat) async fn by_token(
        &self,
        actor: &Actor,
        token: &str,
    ) -> Result<Arc<Session>, ChatError> {
        let Some((verifier, strangers)) = &self.vouchers.tokens else {
            return Err(NotVouched::NoVoucher.into());
        };
        let identity = verifier.verify(token).await?;
        let person = identity.account_key();
        if let Some(known) = self.vouched.get(&person) {
            match self.resume(known.secret(), actor.transport()).await {
                Ok(session) if session.account().is_some() => return Ok(session),
                // It logged out of the account, or ended.
                Ok(_) | Err(ChatError::UnknownSession) => {}
                Err(error) => return Err(error),
            }
        }
        let session = self.be_person(actor, &identity, *strangers).await?;
        self.vouched.insert(person, session.id().clone());
        Ok(session)
    }

    /// Issuer and subject identify the account, never a name alone: at many providers people choose
    /// their names.
    async fn be_person(
        &self,
        actor: &Actor,
        identity: &Identity,
        strangers: Strangers,
    ) -> Result<Arc<Session>, ChatError> {
        let person = identity.account_key();
        match (self.store().account_by_subject(&person).await?, strangers) {
            (Some(account), _) if !account.disabled => self.enter_account(actor, &account).await,
            (None, Strangers::Registered) => self.register_person(actor, identity, &person).await,
            _ => Err(NotVouched::NoAccount.into()),
        }
    }

    /// Makes an account where the nickname is free. It is held meanwhile, so that no guest is in it.
    async fn register_person(
        &self,
        actor: &Actor,
        identity: &Identity,
        person: &str,
    ) -> Result<Arc<Session>, ChatError> {
        let held = self.hold(actor, &identity.name).await?;
        let entered = self.register_vouched(actor, &held, identity, person).await;
        if entered.is_err() {
            self.disconnect(&held).await?;
        }
        entered
    }

    async fn register_vouched(
        &self,
        actor: &Actor,
        held: &Arc<Session>,
        identity: &Identity,
        person: &str,
    ) -> Result<Arc<Session>, ChatError> {
        let nickname = identity.name.as_str();
        let account = NewAccount {
            nickname,
            subject: Some(person),
            role: Some(role(&identity.roles)),
            ..NewAccount::default()
        };
        if self
            .store()
            .register_account(&account, nickname)
            .await?
            .is_some()
        {
            self.rights.found();
        }
        // Two requests may have come at once: then the other made it.
        let made = self.store().account_by_subject(person).await?;
        let made = made.ok_or_else(|| ChatError::NicknameOwned(identity.name.clone()))?;
        let actor = actor.clone().with_session(held.clone());
        self.enter_account(&actor, &made).await
    }
}

/// The highest of them that has a meaning here.
fn role(roles: &[String]) -> Role {
    let known = roles.iter().filter_map(|role| Role::named(role));
    known.max().unwrap_or(Role::Member).max(Role::Member)
}
