//! What can be asked of chat: values, whichever transport they came over.
use std::sync::Arc;

use super::limits::Cost;
use super::{Actor, Asked, Chat, ChatError, Cursor, Outcome, Sending, Session, Start};
use crate::model::{RoomName, Seq};
use crate::policy::{Action, Room};

/// Something that a client asks for, and what comes of it. `Chat::act` does it.
pub trait Verb: Send {
    type Answer;

    fn terms(&self) -> Terms;

    fn about(&self) -> About<'_> {
        About::NoRoom
    }

    /// Does it, once it may be done. Names and texts are as the client wrote them: they are checked
    /// here.
    fn run(
        self,
        chat: &Chat,
        actor: &Actor,
    ) -> impl Future<Output = Result<Self::Answer, ChatError>> + Send;
}

/// What holds for everything of a kind that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Free is what was paid for before: by the request or frame that brought it, or by a limit of
    /// its own.
    pub cost: Cost,
    pub action: Action,
    pub need: Need,
}

const fn terms(cost: Cost, action: Action, need: Need) -> Terms {
    Terms { cost, action, need }
}

/// How far a session must be online for what it asks, where it comes and goes by requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    Nothing,
    /// It comes online, unless its nickname is another session's by now.
    Presence,
    /// It must have its nickname.
    Nickname,
}

/// Which room something is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About<'a> {
    NoRoom,
    /// The one that the session joined last, and so is in.
    Current,
    Named(&'a str),
}

impl About<'_> {
    /// How the actor stands to it.
    pub(super) fn standing(self, actor: &Actor) -> Room {
        let name = match self {
            Self::NoRoom => return Room::None,
            Self::Current => return Room::Member,
            Self::Named(name) => RoomName::stored(name),
        };
        match actor.session() {
            Some(session) if session.is_in_named(&name) => Room::Member,
            _ => Room::Outsider,
        }
    }
}

/// Which room is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The one that the session joined last.
    Current,
    Named(String),
}

/// Whether a list is to say how many entries there are beyond what it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    Counted,
    Unknown,
}

impl Target {
    fn about(&self) -> About<'_> {
        match self {
            Self::Current => About::Current,
            Self::Named(room) => About::Named(room),
        }
    }
}

/// Begin a session under that nickname, or as a guest.
pub struct Connect {
    pub nickname: Option<String>,
}

impl Verb for Connect {
    type Answer = Arc<Session>;

    fn terms(&self) -> Terms {
        terms(Cost::FREE, Action::Connect, Need::Nothing)
    }

    async fn run(self, chat: &Chat, actor: &Actor) -> Result<Arc<Session>, ChatError> {
        chat.connect(actor, self.nickname.as_deref()).await
    }
}

/// Go on as the session with that secret, on whatever instance it began.
pub struct Resume {
    pub secret: String,
}

impl Verb for Resume {
    type Answer = Arc<Session>;

    fn terms(&self) -> Terms {
        terms(Cost::FREE, Action::Connect, Need::Nothing)
    }

    async fn run(self, chat: &Chat, actor: &Actor) -> Result<Arc<Session>, ChatError> {
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
        terms(Cost::FREE, Action::Join, Need::Nickname)
    }

    async fn run(self, chat: &Chat, actor: &Actor) -> Result<Self::Answer, ChatError> {
        chat.rejoin_all(actor, self.rooms).await
    }
}

/// End the session.
pub struct Disconnect;

impl Verb for Disconnect {
    type Answer = ();

    fn terms(&self) -> Terms {
        terms(Cost::FREE, Action::Disconnect, Need::Nothing)
    }

    async fn run(self, chat: &Chat, actor: &Actor) -> Result<(), ChatError> {
        chat.disconnect(actor.known()?).await
    }
}

/// Read a room live; the actor's signal is woken when there is more.
pub struct Read {
    pub room: String,
    pub start: Start,
}

impl Verb for Read {
    type Answer = Box<Cursor>;

    fn terms(&self) -> Terms {
        terms(Cost::READ, Action::Read, Need::Nickname)
    }

    fn about(&self) -> About<'_> {
        About::Named(&self.room)
    }

    async fn run(self, chat: &Chat, actor: &Actor) -> Result<Box<Cursor>, ChatError> {
        let room = chat.room(&self.room).await?;
        chat.cursor(actor, &room, self.start).await
    }
}

/// Say something.
pub struct Say {
    pub room: Target,
    pub content: String,
    pub nonce: Option<String>,
}

impl Verb for Say {
    /// The message is on its way.
    type Answer = Sending;

    fn terms(&self) -> Terms {
        terms(Cost::FREE, Action::Write, Need::Nickname)
    }

    fn about(&self) -> About<'_> {
        self.room.about()
    }

    async fn run(self, chat: &Chat, actor: &Actor) -> Result<Sending, ChatError> {
        let room = chat.target(actor, &self.room).await?;
        chat.send(actor, room, &self.content, self.nonce.as_deref())
    }
}

/// What is asked for in words, and answered in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Help,
    /// Say goodbye; the connection ends the session once it has written what is queued.
    Quit,
    Rename {
        nickname: String,
    },
    /// Who is online, over all instances.
    Users {
        page: Asked,
        total: Total,
    },
    Rooms {
        page: Asked,
        total: Total,
    },
    Create {
        room: String,
    },
    Join {
        room: String,
    },
    /// Leave that room, or the current one.
    Leave {
        room: Option<String>,
    },
    /// Read up to `limit` messages before `before`, or the newest.
    History {
        room: Target,
        before: Option<Seq>,
        limit: Option<usize>,
    },
}

impl Verb for Command {
    type Answer = Outcome;

    fn terms(&self) -> Terms {
        match self {
            Self::Help => terms(Cost::READ, Action::Ask, Need::Presence),
            Self::Quit => terms(Cost::READ, Action::Disconnect, Need::Nothing),
            Self::Rename { .. } => terms(Cost::SHOWN, Action::Rename, Need::Nothing),
            Self::Users { .. } | Self::Rooms { .. } => {
                terms(Cost::LIST, Action::See, Need::Presence)
            }
            Self::Create { .. } => terms(Cost::SHOWN, Action::CreateRoom, Need::Nickname),
            Self::Join { .. } => terms(Cost::SHOWN, Action::Join, Need::Nickname),
            Self::Leave { .. } => terms(Cost::SHOWN, Action::Leave, Need::Presence),
            Self::History { .. } => terms(Cost::READ, Action::Read, Need::Presence),
        }
    }

    fn about(&self) -> About<'_> {
        match self {
            Self::Create { room } | Self::Join { room } | Self::Leave { room: Some(room) } => {
                About::Named(room)
            }
            Self::Leave { room: None } => About::Current,
            Self::History { room, .. } => room.about(),
            Self::Help
            | Self::Quit
            | Self::Rename { .. }
            | Self::Users { .. }
            | Self::Rooms { .. } => About::NoRoom,
        }
    }

    async fn run(self, chat: &Chat, actor: &Actor) -> Result<Outcome, ChatError> {
        match self {
            Self::Help => Ok(Outcome::Help),
            Self::Quit => Ok(Outcome::Goodbye),
            Self::Rename { nickname } => chat.rename(actor.known()?, &nickname).await,
            Self::Users { page, total } => chat.users(page, total).await,
            Self::Rooms { page, total } => chat.rooms(page, total).await,
            Self::Create { room } => chat.create(actor, &room).await,
            Self::Join { room } => chat.join(actor, &room).await,
            Self::Leave { room } => chat.leave(actor.known()?, room.as_deref()).await,
            Self::History {
                room,
                before,
                limit,
            } => {
                let room = chat.target(actor, &room).await?;
                chat.history(actor, room, before, limit).await
            }
        }
    }
}
