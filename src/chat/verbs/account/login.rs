//! Log in to an account, and out of it.
use std::sync::Arc;

use super::{Actor, Chat, ChatError, Outcome, Session};
use crate::auth::secret::Token;
use crate::chat::direct::Following;
use crate::chat::{LoggedIn, guest};
use crate::model::{Nickname, Password, TransportKind};
use crate::policy::Admission;
use crate::store::{Account, Naming, PresenceChange};

impl Chat {
    /// The session of a connection logs in: it is that of no other.
    pub(in crate::chat) async fn log_in_here(
        &self,
        actor: &Actor,
        nickname: &str,
        password: &Password,
    ) -> Result<Outcome, ChatError> {
        connection_of(actor)?;
        self.log_in(actor, nickname, password).await?;
        logged_in(actor)
    }

    /// A session that is logged in: the actor's own, where it has one over a connection that is its
    /// own, or a new one.
    pub(in crate::chat) async fn log_in(
        &self,
        actor: &Actor,
        nickname: &str,
        password: &Password,
    ) -> Result<Arc<Session>, ChatError> {
        self.may_tell_password(actor)?;
        if let Some(session) = actor.session()
            && session.account().is_some()
        {
            return Err(ChatError::BadRequest(
                "you are logged in already; /logout first".into(),
            ));
        }
        if Token::is_meant(password.secret()) {
            return self.log_in_by_token(actor, nickname, password).await;
        }
        // What is no nickname belongs to no account, and is told in the same way.
        let name = Nickname::parse_old(nickname).map_err(|_| ChatError::WrongCredentials)?;
        let account = self.store().account(name.as_str()).await?;
        let stored = account.as_ref().and_then(|of| of.password.as_deref());
        let proved = self.prove(actor, &name, password, stored).await?;
        let Some(account) = account.filter(|account| proved && !account.disabled) else {
            return Err(ChatError::WrongCredentials);
        };
        self.store_better(&account, password).await;
        self.enter_account(actor, &account).await
    }

    /// Hashes anew what was hashed with less than is usual now.
    async fn store_better(&self, account: &Account, password: &Password) {
        use crate::auth::password::PasswordHash;
        let Some(before) = &account.password else {
            return;
        };
        if PasswordHash::parse(before).is_ok_and(|hash| hash.needs_rehash())
            && let Ok(better) = self.hasher.hash(password).await
            && let Err(error) = self
                .store()
                .rehash(account.user, before, better.as_str())
                .await
        {
            tracing::warn!(%error, "cannot store a password that was hashed anew");
        }
    }

    /// The actor's session is that account's, or a new one is.
    pub(in crate::chat) async fn enter_account(
        &self,
        actor: &Actor,
        account: &Account,
    ) -> Result<Arc<Session>, ChatError> {
        let nickname = Nickname::stored(&account.nickname);
        let logged_in = LoggedIn::to(account);
        let session = match actor.session() {
            Some(session) => session.clone(),
            None => {
                self.admit_session(actor.origin())?;
                self.has_place()?;
                self.begin(nickname.clone(), Naming::Chosen, actor.transport())
            }
        };
        let before = session.nickname();
        self.presence
            .claim_as(&session, nickname.clone(), Naming::Chosen, Some(logged_in))
            .await?;
        let address = actor.origin().peer().address;
        let address = address.map(|address| address.ip().to_canonical().to_string());
        self.store()
            .session_from(session.key(), address.as_deref())
            .await?;
        tracing::info!(session = %session.key(), account = %nickname, "logged in");
        if actor.session().is_some() {
            if before != nickname {
                self.presence.announce_rename(&session, &before, &nickname);
            }
            // Before the answer: what is said to the account from then on is heard.
            if self.follow_directs(&session).await.is_err() {
                session.follow(account.user, Following::is_unknown);
            }
            return Ok(session);
        }
        Ok(self.presence.insert(session))
    }

    /// The session is a guest's again where guests are let in, and over where they are not.
    pub(in crate::chat) async fn log_out(&self, actor: &Actor) -> Result<Outcome, ChatError> {
        let session = actor.known()?;
        actor.account()?;
        // Without a secret it is its account's alone.
        let stays = actor.transport() != TransportKind::Http && session.id().is_some();
        if !stays || self.admission() == Admission::Accounts {
            self.disconnect(session).await?;
            return Ok(Outcome::Goodbye);
        }
        let mut rooms = session.rooms();
        self.presence.announce(session, crate::model::Notice::left);
        self.presence
            .change(PresenceChange::Part {
                session: session.key().clone(),
            })
            .await?;
        rooms.iter().for_each(|room| session.lose(room));
        rooms.extend(session.follow_nothing());
        let nickname = guest()?;
        // With a user of its own: what it says is not said by the account.
        self.presence
            .claim_as(session, nickname.clone(), Naming::Chosen, None)
            .await?;
        session.cap(None);
        session.state.lock().naming = Naming::Given;
        Ok(Outcome::LoggedOut { nickname, rooms })
    }
}

/// A session that comes by requests may be known to others by its secret: it gets another one by logging
/// in.
pub(super) fn connection_of(actor: &Actor) -> Result<(), ChatError> {
    if actor.transport() == TransportKind::Http {
        let why = "log in with POST /api/login, and register with POST /api/register";
        return Err(ChatError::BadRequest(why.into()));
    }
    Ok(())
}

pub(super) fn logged_in(actor: &Actor) -> Result<Outcome, ChatError> {
    let nickname = actor.known()?.nickname();
    let role = actor.role();
    Ok(Outcome::LoggedIn { nickname, role })
}
