//! Verbs by which a session begins, goes on and ends.
use std::sync::Arc;

use super::command::Verb;
use super::limits::Cost;
use super::terms::{Need, Terms, terms};
use super::{Actor, Chat, ChatError, Cursor, Gate, Place, Registering, Session, Shown, Start};
use crate::model::Password;

/// Begin a session under that nickname, or as a guest.
pub struct Connect {
    pub nickname: Option<String>,
}

impl Verb for Connect {
    type Answer = Arc<Session>;

    fn terms(&self) -> Terms {
        // A line session has to begin before it can log in: under a given name it may do nothing else
        // where guests are not let in.
        let gate = match self.nickname {
            Some(_) => Gate::Begin,
            None => Gate::Open,
        };
        terms(Cost::FREE, gate, Need::Nothing)
    }

    async fn run(self, chat: &Chat, actor: &Actor, _: Place) -> Result<Arc<Session>, ChatError> {
        chat.connect(actor, self.nickname.as_deref()).await
    }
}

/// Make an account, and begin a session that is logged in to it.
pub struct Register(pub Registering);

impl Verb for Register {
    type Answer = Arc<Session>;

    fn terms(&self) -> Terms {
        terms(Cost::FREE, Gate::Open, Need::Nothing)
    }

    async fn run(self, chat: &Chat, actor: &Actor, _: Place) -> Result<Arc<Session>, ChatError> {
        chat.register(actor, self.0).await
    }
}

/// Begin a session that is logged in to an account.
pub struct Login {
    pub nickname: String,
    pub password: Password,
}

impl Verb for Login {
    type Answer = Arc<Session>;

    fn terms(&self) -> Terms {
        terms(Cost::FREE, Gate::Open, Need::Nothing)
    }

    async fn run(self, chat: &Chat, actor: &Actor, _: Place) -> Result<Arc<Session>, ChatError> {
        chat.log_in(actor, &self.nickname, &self.password).await
    }
}

/// Be the account that a token stands for, of this server or of one that vouches for people.
pub struct ByToken {
    pub token: String,
}

impl Verb for ByToken {
    type Answer = Shown;

    fn terms(&self) -> Terms {
        terms(Cost::FREE, Gate::Open, Need::Nothing)
    }

    async fn run(self, chat: &Chat, actor: &Actor, _: Place) -> Result<Shown, ChatError> {
        chat.by_token(actor, &self.token).await
    }
}

/// Go on as the session with that secret, on whatever instance it began.
pub struct Resume {
    pub secret: String,
}

impl Verb for Resume {
    type Answer = Arc<Session>;

    fn terms(&self) -> Terms {
        terms(Cost::FREE, Gate::Open, Need::Nothing)
    }

    async fn run(self, chat: &Chat, actor: &Actor, _: Place) -> Result<Arc<Session>, ChatError> {
        chat.resume(&self.secret, actor.transport()).await
    }
}

/// Go on reading these rooms, as a connection does that was cut off.
pub struct Rejoin {
    pub rooms: Vec<(String, Start)>,
}

impl Verb for Rejoin {
    /// Of each in its place.
    type Answer = Vec<Result<Box<Cursor>, ChatError>>;

    fn terms(&self) -> Terms {
        terms(Cost::FREE, Gate::Session, Need::Nickname)
    }

    async fn run(self, chat: &Chat, actor: &Actor, _: Place) -> Result<Self::Answer, ChatError> {
        chat.rejoin_all(actor, self.rooms).await
    }
}

/// End the session.
pub struct Disconnect;

impl Verb for Disconnect {
    type Answer = ();

    fn terms(&self) -> Terms {
        terms(Cost::FREE, Gate::Session, Need::Nothing)
    }

    async fn run(self, chat: &Chat, actor: &Actor, _: Place) -> Result<(), ChatError> {
        chat.disconnect(actor.known()?).await
    }
}
