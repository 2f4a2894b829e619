//! Be the account that a token stands for: one of this server's, or of one that vouches for people. It is
//! shown with each request, and no secret of a session is given for it.
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{Actor, Chat, ChatError, Session};
use crate::auth::secret::Token;
use crate::chat::NotVouched;
use crate::chat::warrant::Warrant;
use crate::model::{Nickname, Password, SessionKey, TransportKind};
use crate::store::{Account, TokenOf, Which};

/// The session of a token's bearer.
#[derive(Debug, Clone)]
pub struct Shown {
    pub session: Arc<Session>,
    /// When the token expires.
    pub until: Option<DateTime<Utc>>,
}

impl Chat {
    pub(in crate::chat) async fn by_token(
        &self,
        actor: &Actor,
        token: &str,
    ) -> Result<Shown, ChatError> {
        if Token::is_meant(token) {
            self.by_own_token(actor, token).await
        } else {
            self.by_vouched_token(actor, token).await
        }
    }

    /// A token that was shown here before costs no query: what ends it ends its session.
    async fn by_own_token(&self, actor: &Actor, raw: &str) -> Result<Shown, ChatError> {
        let token = Token::parse(raw).ok_or(NotVouched::Token)?;
        let digest = token.digest();
        let known = self.tokens.get(&digest);
        let known = known.and_then(|key| self.presence.get(&key));
        if let Some(session) = known
            && let Some(warrant) = session.warrant()
            && session.is_logged_in()
        {
            if warrant.has_expired(self.clock().utc()) {
                return Err(NotVouched::Expired.into());
            }
            self.go_on_shared(&session, actor.transport()).await?;
            self.meters().sessions.record(true);
            let until = warrant.expires_at;
            return Ok(Shown { session, until });
        }
        self.meters().sessions.record(false);
        let generation = self.rights.generation();
        let stored = Which::Digest(&digest.to_string());
        let (stored, account) = self.token_holds(stored).await?;
        let key = SessionKey::of_token(stored.id);
        let warrant = Arc::new(Warrant::of(&stored));
        let transport = actor.transport();
        let session = match self.shared_session(&key, Some(&warrant), transport).await? {
            Some(session) => session,
            None => {
                let warrant = Some(warrant);
                self.enter_shared(actor, key.clone(), warrant, &account)
                    .await?
            }
        };
        self.still_holds(&session, stored.id, generation).await?;
        self.note_used(stored.id).await;
        self.tokens.insert(&digest, key);
        let until = stored.expires_at;
        Ok(Shown { session, until })
    }

    /// The session of a line logs in by a token in the place of the password.
    pub(super) async fn log_in_by_token(
        &self,
        actor: &Actor,
        nickname: &str,
        shown: &Password,
    ) -> Result<Arc<Session>, ChatError> {
        if actor.transport() != TransportKind::Tcp {
            let why = "a token is no password here: send Authorization: Bearer, or connect with it";
            return Err(ChatError::BadRequest(why.into()));
        }
        let session = actor.known()?;
        let token = Token::parse(shown.secret().trim()).ok_or(NotVouched::Token)?;
        let generation = self.rights.generation();
        let stored = Which::Digest(&token.digest().to_string());
        let (stored, account) = self.token_holds(stored).await?;
        if Nickname::stored(&account.nickname) != Nickname::stored(nickname) {
            return Err(ChatError::WrongCredentials);
        }
        session.cap(Some(Arc::new(Warrant::of(&stored))));
        if let Err(error) = self.enter_account(actor, &account).await {
            session.cap(None);
            return Err(error);
        }
        self.still_holds(session, stored.id, generation).await?;
        self.note_used(stored.id).await;
        Ok(session.clone())
    }

    /// That token and its account, if both hold.
    pub(in crate::chat) async fn token_holds(
        &self,
        which: Which<'_>,
    ) -> Result<(TokenOf, Account), ChatError> {
        let turn = self.hub.turn().await?;
        let token = self.store().token(which).await?;
        drop(turn);
        let token = token.ok_or(NotVouched::Token)?;
        if token.expires_at.is_some_and(|at| at <= self.clock().utc()) {
            return Err(NotVouched::Expired.into());
        }
        match self.store().account_of(token.user).await? {
            Some(account) if !account.disabled => Ok((token, account)),
            _ => Err(NotVouched::Token.into()),
        }
    }

    /// A token that was revoked while its session began had no session to end: it is asked for once more.
    async fn still_holds(
        &self,
        session: &Session,
        token: i64,
        generation: u64,
    ) -> Result<(), ChatError> {
        if self.rights.generation() == generation {
            return Ok(());
        }
        let held = self.token_holds(Which::Id(token)).await;
        if held.is_err() {
            session.end();
            self.presence.remove(session.key());
        }
        held.map(drop)
    }

    /// Begins the session that all requests with a token share.
    pub(super) async fn enter_shared(
        &self,
        actor: &Actor,
        key: SessionKey,
        warrant: Option<Arc<Warrant>>,
        account: &Account,
    ) -> Result<Arc<Session>, ChatError> {
        self.admit_session(actor.origin())?;
        self.has_place()?;
        let nickname = Nickname::stored(&account.nickname);
        let session = self.begin_shared(key, nickname, actor.transport());
        session.cap(warrant);
        let actor = actor.clone().with_session(session);
        let session = self.enter_account(&actor, account).await?;
        Ok(self.presence.insert(session))
    }

    /// For its owner's eyes; what it is shown for does not wait for a database that cannot write.
    pub(in crate::chat) async fn note_used(&self, token: i64) {
        if let Err(error) = self.store().token_used(token).await {
            tracing::debug!(%error, token, "cannot note that a token is used");
        }
    }
}
