//! Be the account of a person that another server vouches for.
use std::sync::Arc;

use super::{Actor, Chat, ChatError, Session, Shown};
use crate::auth::jwt::Identity;
use crate::chat::{NotVouched, Strangers};
use crate::model::{Role, SessionKey};
use crate::store::{Naming, NewAccount};

impl Chat {
    /// The session of the person that the token is about, which all its requests share. The token is
    /// looked at each time.
    pub(super) async fn by_vouched_token(
        &self,
        actor: &Actor,
        token: &str,
    ) -> Result<Shown, ChatError> {
        let Some((verifier, strangers)) = &self.vouchers.tokens else {
            return Err(NotVouched::NoVoucher.into());
        };
        let identity = verifier.verify(token).await?;
        let key = SessionKey::of_person(&identity.account_key());
        let session = match self.shared_session(&key, None, actor.transport()).await? {
            Some(session) => session,
            None => {
                self.be_person(actor, &identity, *strangers, Some(key))
                    .await?
            }
        };
        let until = Some(identity.holds_until());
        Ok(Shown { session, until })
    }

    /// With a key the session is shared by all requests of the person; without one it has a secret.
    /// Issuer and subject identify the account, never a name alone: at many providers people choose
    /// their names.
    pub(super) async fn be_person(
        &self,
        actor: &Actor,
        identity: &Identity,
        strangers: Strangers,
        key: Option<SessionKey>,
    ) -> Result<Arc<Session>, ChatError> {
        let person = identity.account_key();
        match (self.store().account_by_subject(&person).await?, strangers) {
            (Some(account), _) if !account.disabled => match key {
                Some(key) => self.enter_shared(actor, key, None, &account).await,
                None => self.enter_account(actor, &account).await,
            },
            (None, Strangers::Registered) => {
                let (name, transport) = (identity.name.clone(), actor.transport());
                let session = match key {
                    Some(key) => self.begin_shared(key, name, transport),
                    None => self.begin(name, Naming::Chosen, transport),
                };
                self.register_person(actor, identity, session).await
            }
            _ => Err(NotVouched::NoAccount.into()),
        }
    }

    /// Makes an account where the nickname is free. It is held meanwhile, so that no guest is in it.
    async fn register_person(
        &self,
        actor: &Actor,
        identity: &Identity,
        session: Arc<Session>,
    ) -> Result<Arc<Session>, ChatError> {
        let held = self.hold(actor, session).await?;
        let entered = self.register_vouched(actor, &held, identity).await;
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
    ) -> Result<Arc<Session>, ChatError> {
        let (nickname, person) = (identity.name.as_str(), identity.account_key());
        let account = NewAccount {
            nickname,
            subject: Some(&person),
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
        let made = self.store().account_by_subject(&person).await?;
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
