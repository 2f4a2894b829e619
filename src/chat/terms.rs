//! What holds for what is asked for: what it costs and takes, and where it is about.
use super::Gate;
use super::limits::Cost;
use crate::model::Seq;

/// What holds for everything of a kind that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Free is what was paid for before: by the request or frame that brought it, or by a limit of
    /// its own.
    pub cost: Cost,
    pub gate: Gate,
    pub need: Need,
}

pub(super) const fn terms(cost: Cost, gate: Gate, need: Need) -> Terms {
    Terms { cost, gate, need }
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

/// Which room is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The one that the session joined last.
    Current,
    Named(String),
}

/// From where a room's past is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageFrom {
    /// The last messages before that place, or of all.
    Before(Option<Seq>),
    /// The first after that place.
    After(Seq),
    /// Some before that place, and some from it on.
    Around(Seq),
}

/// Whether a list is to say how many entries there are beyond what it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    Counted,
    Unknown,
}

/// How far a person has read in a room: up to there, or all that there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marking {
    pub room: Target,
    /// Not the room itself, but the thread of that message.
    pub thread: Option<Seq>,
    pub seq: Option<Seq>,
}

impl Target {
    pub(super) fn about(&self) -> About<'_> {
        match self {
            Self::Current => About::Current,
            Self::Named(room) => About::Named(room),
        }
    }
}
