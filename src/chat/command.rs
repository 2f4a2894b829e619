//! What can be asked of chat: values, whichever transport they came over.
use super::limits::Cost;
use super::{Asked, Start};
use crate::model::{RoomName, Seq};
use crate::policy::{Action, Room};

/// Something that a client asks for. Names and texts are as the client wrote them: they are
/// checked by what does it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Begin a session under that nickname, or as a guest.
    Connect {
        nickname: Option<String>,
    },
    /// Go on as the session with that secret, on whatever instance it began.
    Resume {
        secret: String,
    },
    /// Go on reading these rooms, as a connection does that was cut off.
    Rejoin {
        rooms: Vec<(String, Start)>,
    },
    /// End the session.
    Disconnect,
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
    /// Read a room live.
    Read {
        room: String,
        start: Start,
    },
    /// Read up to `limit` messages before `before`, or the newest.
    History {
        room: Target,
        before: Option<Seq>,
        limit: Option<usize>,
    },
    Send {
        room: Target,
        content: String,
        nonce: Option<String>,
    },
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

/// How far a session must be online for what it asks, where it comes and goes by requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    Nothing,
    /// It comes online, unless its nickname is another session's by now.
    Presence,
    /// It must have its nickname.
    Nickname,
}

impl Command {
    /// What it costs. What is not here was paid for before: by the request
    /// or frame that brought it, or by a limit of its own.
    pub fn cost(&self) -> Cost {
        match self {
            Self::Rename { .. } | Self::Create { .. } | Self::Join { .. } | Self::Leave { .. } => {
                Cost::SHOWN
            }
            Self::Users { .. } | Self::Rooms { .. } => Cost::LIST,
            Self::Help | Self::History { .. } | Self::Quit | Self::Read { .. } => Cost::READ,
            Self::Connect { .. }
            | Self::Resume { .. }
            | Self::Rejoin { .. }
            | Self::Disconnect
            | Self::Send { .. } => Cost::FREE,
        }
    }

    pub(super) fn action(&self) -> Action {
        match self {
            Self::Connect { .. } | Self::Resume { .. } => Action::Connect,
            Self::Disconnect | Self::Quit => Action::Disconnect,
            Self::Help => Action::Ask,
            Self::Rename { .. } => Action::Rename,
            Self::Users { .. } | Self::Rooms { .. } => Action::See,
            Self::Create { .. } => Action::CreateRoom,
            Self::Join { .. } | Self::Rejoin { .. } => Action::Join,
            Self::Leave { .. } => Action::Leave,
            Self::Read { .. } | Self::History { .. } => Action::Read,
            Self::Send { .. } => Action::Write,
        }
    }

    pub(super) fn need(&self) -> Need {
        match self {
            Self::Connect { .. }
            | Self::Resume { .. }
            | Self::Disconnect
            | Self::Quit
            | Self::Rename { .. } => Need::Nothing,
            Self::Help
            | Self::Users { .. }
            | Self::Rooms { .. }
            | Self::Leave { .. }
            | Self::History { .. } => Need::Presence,
            Self::Rejoin { .. }
            | Self::Create { .. }
            | Self::Join { .. }
            | Self::Read { .. }
            | Self::Send { .. } => Need::Nickname,
        }
    }

    /// How the actor stands to the room that it is about.
    pub(super) fn room(&self, actor: &super::Actor) -> Room {
        let name = match self {
            Self::Create { room } | Self::Join { room } | Self::Read { room, .. } => room,
            Self::Leave { room: Some(room) } => room,
            Self::Send { room, .. } | Self::History { room, .. } => match room {
                // A current room is one that the session is in.
                Target::Current => return Room::Member,
                Target::Named(room) => room,
            },
            Self::Leave { room: None } => return Room::Member,
            _ => return Room::None,
        };
        let Some(session) = actor.session() else {
            return Room::Outsider;
        };
        if session.is_in_named(&RoomName::stored(name)) {
            Room::Member
        } else {
            Room::Outsider
        }
    }
}
