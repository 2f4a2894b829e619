//! What chat answers: values, which the codecs make words and JSON of.
use std::sync::Arc;

use super::{ChatError, Cursor, Listed, Online, Past, RoomSummary, Sending, Session, Span};
use crate::model::{Message, Nickname, RoomName, RoomRef, Seq, UserId};

/// What came of a command.
#[derive(Debug)]
pub enum Outcome {
    /// A session has begun, or goes on.
    Connected(Arc<Session>),
    /// The rooms that a connection goes on reading, each in the place where it was asked for.
    Rejoined(Vec<Result<Box<Cursor>, ChatError>>),
    Disconnected,
    Help,
    Goodbye,
    Renamed {
        nickname: Nickname,
        user: Option<UserId>,
    },
    Users(Counted<Online>),
    Rooms(Counted<RoomSummary>),
    Joined(Joined),
    /// It was in that room already, which is its current one now.
    AlreadyIn(RoomRef),
    /// Read that room to where it is now.
    Left(RoomRef),
    Reading(Box<Cursor>),
    History(History),
    /// The message is on its way.
    Sending(Sending),
}

/// A page of a list, with how many entries there are.
#[derive(Debug)]
pub struct Counted<T> {
    pub list: Listed<T>,
    pub total: usize,
    /// Only those with a part of a name were asked for.
    pub filtered: bool,
}

/// A room that was entered.
#[derive(Debug)]
pub struct Joined {
    pub room: RoomRef,
    pub nickname: Nickname,
    /// The newest message, where the database could tell.
    pub last_seq: Option<Seq>,
    /// `None` where the session reads by streams of its own.
    pub cursor: Option<Box<Cursor>>,
}

/// Part of a room's past.
#[derive(Debug)]
pub struct History {
    pub room: RoomName,
    /// So many were asked for.
    pub limit: usize,
    /// Where the messages lie; `None` where there are none.
    pub span: Option<Span>,
    pub messages: Messages,
}

/// The messages of an answer.
#[derive(Debug)]
pub enum Messages {
    /// All of them at once, ascending.
    All(Vec<Message>),
    /// To be shown before anything else, at the pace of the connection.
    Paced(Box<Past>),
    None,
}

impl Outcome {
    /// # Errors
    /// Fails if a session was not what was asked for, as the next two.
    pub fn into_session(self) -> Result<Arc<Session>, ChatError> {
        match self {
            Self::Connected(session) => Ok(session),
            other => Err(other.unexpected()),
        }
    }

    pub fn into_cursor(self) -> Result<Box<Cursor>, ChatError> {
        match self {
            Self::Reading(cursor) => Ok(cursor),
            other => Err(other.unexpected()),
        }
    }

    pub fn into_sending(self) -> Result<Sending, ChatError> {
        match self {
            Self::Sending(sending) => Ok(sending),
            other => Err(other.unexpected()),
        }
    }

    fn unexpected(self) -> ChatError {
        tracing::error!(outcome = ?self, "a command was answered by another's outcome");
        ChatError::internal(&"the answer is not what was asked for")
    }
}
