//! Sessions begin, come back and end.
use std::sync::Arc;
use std::time::Duration;

use super::session::{InStore, LoggedIn, Session};
use super::warrant::Warrant;
use super::{Actor, Chat, ChatError, Code, guest};
use crate::model::{Nickname, Notice, SessionId, SessionKey, TransportKind, UserKey};
use crate::store::{ACCOUNT_SESSION_LIFE, Naming, PresenceChange, SessionRow};

/// Guests' names are short, so two may collide; a few tries find a free one.
const TRIES: usize = 8;
/// A used session's row is renewed this often, not at every use.
const TOUCH_AFTER: Duration = Duration::from_secs(30);

impl Chat {
    /// Begins a session under a nickname that no session online has, or as a guest.
    pub(super) async fn connect(
        &self,
        actor: &Actor,
        nickname: Option<&str>,
    ) -> Result<Arc<Session>, ChatError> {
        let transport = actor.transport();
        self.admit_session(actor.origin())?;
        self.has_place()?;
        if let Some(nickname) = nickname {
            let session = self.begin(Nickname::parse(nickname)?, Naming::Chosen, transport);
            self.presence.claim(&session).await?;
            self.note_address(actor, &session).await?;
            let session = self.presence.insert(session);
            if transport == TransportKind::Http {
                self.drop_one_unused(&session).await;
            }
            return Ok(session);
        }
        for _ in 0..TRIES {
            let session = self.begin(guest()?, Naming::Given, transport);
            match self.presence.claim(&session).await {
                Err(error) if error.code() == Code::NicknameTaken => continue,
                // Without the database a guest can read what is in memory; the name is
                // claimed when it is back.
                Err(_) => {
                    session.goes_away();
                }
                Ok(()) => self.note_address(actor, &session).await?,
            }
            return Ok(self.presence.insert(session));
        }
        Err(ChatError::NoGuestName)
    }

    /// Where guests have addresses of their own, one that is banned is known by that.
    async fn note_address(&self, actor: &Actor, session: &Session) -> Result<(), ChatError> {
        if let Some(network) = actor.origin().address() {
            let network = network.to_string();
            self.store()
                .session_from(session.key(), Some(&network))
                .await?;
        }
        Ok(())
    }

    /// Whether one more session may be known here.
    pub(super) fn has_place(&self) -> Result<(), ChatError> {
        let most = self.limiter.live().sessions();
        if self.presence.count() < most {
            return Ok(());
        }
        self.meters().limited_sessions.add(1);
        Err(ChatError::SessionsFull { most })
    }

    /// Drops the oldest that was begun and never used, where `new` makes them too many. If it is
    /// in use through another instance, only what is known of it here goes.
    async fn drop_one_unused(&self, new: &Arc<Session>) {
        let Some(oldest) = self.unused.add(new) else {
            return;
        };
        oldest.end();
        self.presence.remove(oldest.key());
        let session = oldest.key().clone();
        let dropped = self.presence.change(PresenceChange::Drop { session });
        if let Err(error) = dropped.await {
            tracing::debug!(%error, "cannot store that an unused session is dropped");
        }
    }

    pub(super) fn begin(
        &self,
        nickname: Nickname,
        naming: Naming,
        transport: TransportKind,
    ) -> Arc<Session> {
        let (id, now) = (SessionId::random(), self.clock().now());
        let session = Session::new(id, transport, nickname, naming, &self.limiter, now);
        Arc::new(session)
    }

    /// The same for the owner of an account, which is known by that key and no secret.
    pub(super) fn begin_shared(
        &self,
        key: SessionKey,
        nickname: Nickname,
        transport: TransportKind,
    ) -> Arc<Session> {
        let (id, now) = (SessionId::random(), self.clock().now());
        let naming = Naming::Chosen;
        let session = Session::new(id, transport, nickname, naming, &self.limiter, now);
        Arc::new(session.known_by(key))
    }

    /// The session that `secret` belongs to, on whatever instance it began. One that is used by
    /// requests comes online by what it asks for; any other is online under its nickname from here
    /// on, or fails where that is another session's by now.
    pub(super) async fn resume(
        &self,
        secret: &str,
        transport: TransportKind,
    ) -> Result<Arc<Session>, ChatError> {
        let session = self.recognise(secret, transport).await?;
        if transport != TransportKind::Http {
            self.be_online(&session).await?;
        }
        Ok(session)
    }

    /// Claims the session's nickname again, if it was free for others meanwhile.
    pub(super) async fn be_online(&self, session: &Session) -> Result<(), ChatError> {
        if !session.is_online() {
            self.presence.claim(session).await?;
            self.presence.announce(session, Notice::joined);
        }
        Ok(())
    }

    /// The session alone.
    async fn recognise(
        &self,
        secret: &str,
        transport: TransportKind,
    ) -> Result<Arc<Session>, ChatError> {
        let id = SessionId::parse(secret).ok_or(ChatError::UnknownSession)?;
        let cached = self.cached(&id.key());
        let is_known = cached.is_some();
        let session = match cached {
            Some(session) => session,
            None => {
                let session = self.unloaded(id, transport);
                self.load(session).await?
            }
        };
        // A database that does not answer says nothing of what is in memory.
        self.meters().sessions.record(is_known);
        self.use_again(&session, transport).await?;
        Ok(session)
    }

    /// The session of that key, if it is in memory and not over.
    fn cached(&self, key: &SessionKey) -> Option<Arc<Session>> {
        let now = self.clock().now();
        self.presence.get(key).filter(|session| {
            let used = session.state.lock().last_used;
            now.duration_since(used) < self.life(session)
        })
    }

    /// The session that each request with the same token shares: the one that is known here or stored,
    /// logged in; or none. It is capped by `warrant` before it is of use.
    pub(super) async fn shared_session(
        &self,
        key: &SessionKey,
        warrant: Option<&Arc<Warrant>>,
        transport: TransportKind,
    ) -> Result<Option<Arc<Session>>, ChatError> {
        let found = match self.cached(key) {
            Some(session) => Ok(session),
            None => {
                let session = self.unloaded(SessionId::random(), transport);
                let session = session.known_by(key.clone());
                session.cap(warrant.cloned());
                self.load(session).await
            }
        };
        match found {
            Ok(session) if session.is_logged_in() => {
                session.cap(warrant.cloned());
                self.go_on_shared(&session, transport).await?;
                Ok(Some(session))
            }
            Ok(_) | Err(ChatError::UnknownSession) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn go_on_shared(
        &self,
        session: &Session,
        transport: TransportKind,
    ) -> Result<(), ChatError> {
        self.use_again(session, transport).await?;
        if transport != TransportKind::Http {
            self.be_online(session).await?;
        }
        Ok(())
    }

    /// Notes that a session is used, and over what.
    async fn use_again(
        &self,
        session: &Session,
        transport: TransportKind,
    ) -> Result<(), ChatError> {
        session.use_it();
        let (online, upgraded) = {
            let mut state = session.state.lock();
            // Requests beside an open WebSocket do not make it less of one.
            let upgraded = transport == TransportKind::WebSocket && state.transport != transport;
            if upgraded {
                state.transport = transport;
            }
            (state.in_store == InStore::Online, upgraded)
        };
        if online && upgraded {
            self.presence.claim(session).await?;
        }
        if session.mark_used(self.clock().now(), TOUCH_AFTER) {
            let key = session.key().clone();
            let touch = PresenceChange::Touch { session: key };
            // A session that is known here goes on while the database is away.
            if let Err(error) = self.presence.change(touch).await {
                tracing::debug!(%error, "cannot store that a session is used");
            }
            if let Some(warrant) = session.warrant() {
                self.note_used(warrant.token).await;
            }
        }
        Ok(())
    }

    /// What a session of that user's account is logged in to.
    ///
    /// # Errors
    /// The account is gone or disabled, and its sessions with it.
    async fn logged_in(&self, user: Option<UserKey>) -> Result<Option<LoggedIn>, ChatError> {
        let user = user.ok_or(ChatError::UnknownSession)?;
        match self.store().account_of(user).await? {
            Some(account) if !account.disabled => Ok(Some(LoggedIn::to(&account))),
            _ => Err(ChatError::UnknownSession),
        }
    }

    /// How long it may be unused.
    fn life(&self, session: &Session) -> Duration {
        let life = self.rules.session_ttl;
        match session.account() {
            Some(_) => life.max(ACCOUNT_SESSION_LIFE),
            None => life,
        }
    }

    /// A session of which nothing is known but its secret.
    fn unloaded(&self, id: SessionId, transport: TransportKind) -> Session {
        let (nickname, now) = (Nickname::stored(""), self.clock().now());
        Session::new(id, transport, nickname, Naming::Chosen, &self.limiter, now)
    }

    /// Reads from the store what a session is.
    async fn load(&self, session: Session) -> Result<Arc<Session>, ChatError> {
        let key = session.key().clone();
        let turn = self.hub.turn().await?;
        let row = self.store().session(&key, self.rules.session_ttl).await?;
        drop(turn);
        let Some(SessionRow {
            user,
            account,
            nickname,
            online,
            rooms,
        }) = row
        else {
            self.presence.remove(&key);
            return Err(ChatError::UnknownSession);
        };
        let account = if account {
            self.logged_in(user).await?
        } else {
            None
        };
        {
            let mut state = session.state.lock();
            state.nickname = Nickname::stored(&nickname);
            state.becomes(user, account);
            state.current = rooms.last().cloned();
            state.rooms = rooms;
            state.in_store = InStore::online_if(online);
        }
        if online {
            // Used here now: it is not to end with the instance that it was used through before.
            self.presence.claim(&session).await?;
        }
        self.presence.has_come(session.key());
        Ok(self.presence.insert(Arc::new(session)))
    }

    /// Ends a session: its nickname is free, and its rooms hear that it left.
    pub(super) async fn disconnect(&self, session: &Session) -> Result<(), ChatError> {
        let was_online = session.goes_away();
        session.end();
        tracing::debug!(session = %session.key(), "disconnected");
        self.presence.remove(session.key());
        if was_online {
            self.presence.announce(session, Notice::left);
        }
        let released = PresenceChange::Release {
            session: session.key().clone(),
            naming: session.naming(),
        };
        self.presence.change(released).await?;
        Ok(())
    }
}
