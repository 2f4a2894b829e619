//! Who asks chat for something, and through what.
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::Notify;

use super::session::LoggedIn;
use super::warrant::Warrant;
use super::{ChatError, Origin, Session, Shown};
use crate::model::{Role, TransportKind};
use crate::store::Viewer;

/// A client at the door: who it is, the transport it came over, and the address that pays for
/// what it asks.
#[derive(Debug, Clone)]
pub struct Actor {
    who: Who,
    transport: TransportKind,
    origin: Origin,
    /// Woken by the rooms that are read for it. Without one, a room that is joined is read by a
    /// stream of its own.
    signal: Option<Arc<Notify>>,
    until: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone)]
enum Who {
    Anonymous,
    Session(Arc<Session>),
}

impl Actor {
    /// A client that has not shown a session.
    pub fn anonymous(transport: TransportKind, origin: Origin) -> Self {
        Self {
            who: Who::Anonymous,
            transport,
            origin,
            signal: None,
            until: None,
        }
    }

    /// The same client, known as the owner of `session`.
    pub fn with_session(self, session: Arc<Session>) -> Self {
        Self {
            who: Who::Session(session),
            ..self
        }
    }

    /// The same client, which has shown a token and is what that says.
    pub fn by(self, shown: Shown) -> Self {
        let until = shown.until;
        let known = self.with_session(shown.session);
        Self { until, ..known }
    }

    /// When the token expires that it has shown.
    pub fn until(&self) -> Option<DateTime<Utc>> {
        self.until
    }

    /// The same client; its address has paid for what it asks.
    pub fn paid(self) -> Self {
        Self {
            origin: self.origin.paid(),
            ..self
        }
    }

    /// The same client, which is woken by `signal` when a room has more.
    pub fn reading(self, signal: Arc<Notify>) -> Self {
        Self {
            signal: Some(signal),
            ..self
        }
    }

    pub fn session(&self) -> Option<&Arc<Session>> {
        match &self.who {
            Who::Anonymous => None,
            Who::Session(session) => Some(session),
        }
    }

    pub(super) fn transport(&self) -> TransportKind {
        self.transport
    }

    /// Where it asks from: `origin().peer()` says at which address, and whether by TLS.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(super) fn signal(&self) -> Option<&Arc<Notify>> {
        self.signal.as_ref()
    }

    /// What it is where a place says nothing else.
    pub(super) fn role(&self) -> Role {
        match &self.who {
            Who::Anonymous => Role::Anonymous,
            Who::Session(session) => session.role(),
        }
    }

    /// What it is where it has no account.
    pub(super) fn without(&self) -> Role {
        match self.who {
            Who::Anonymous => Role::Anonymous,
            Who::Session(_) => Role::Guest,
        }
    }

    /// The viewer of a list that it asks for.
    pub(super) fn viewer(&self) -> Viewer {
        let account = self.session().and_then(|session| session.account());
        account.map_or(Viewer::Stranger, |account| Viewer::Account(account.user))
    }

    /// The session of an actor that has one; what needs it was refused to all others.
    pub(super) fn known(&self) -> Result<&Arc<Session>, ChatError> {
        self.session().ok_or(ChatError::NotConnected)
    }

    /// What a token lets it do at most, where one stands for it.
    pub(super) fn warrant(&self) -> Option<Arc<Warrant>> {
        self.session()?.warrant()
    }

    /// The account that it is logged in to.
    pub(super) fn account(&self) -> Result<LoggedIn, ChatError> {
        self.known()?.account().ok_or(ChatError::NeedsAccount)
    }
}
