//! Errors as people and programs are told them: a code that stays, and a sentence.
use std::time::Duration;

use crate::delivery::SendError;
use crate::model::{ContentError, NameError, RoomName};
use crate::store::{Rejected, StoreError};

/// What kind of trouble it is. The names are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    BadName,
    NicknameTaken,
    NoSuchRoom,
    RoomExists,
    NotInRoom,
    TooManyRooms,
    BadCommand,
    BadContent,
    ContentTooLong,
    BadNonce,
    UnknownSession,
    NotConnected,
    RateLimited,
    Busy,
    DatabaseBusy,
    DatabaseUnavailable,
    StorageFull,
    OutcomeUnknown,
    Stopping,
    Internal,
}

impl Code {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadName => "bad_name",
            Self::NicknameTaken => "nickname_taken",
            Self::NoSuchRoom => "no_such_room",
            Self::RoomExists => "room_exists",
            Self::NotInRoom => "not_in_room",
            Self::TooManyRooms => "too_many_rooms",
            Self::BadCommand => "bad_command",
            Self::BadContent => "bad_content",
            Self::ContentTooLong => "content_too_long",
            Self::BadNonce => "bad_nonce",
            Self::UnknownSession => "unknown_session",
            Self::NotConnected => "not_connected",
            Self::RateLimited => "rate_limited",
            Self::Busy => "busy",
            Self::DatabaseBusy => "database_busy",
            Self::DatabaseUnavailable => "database_unavailable",
            Self::StorageFull => "storage_full",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::Stopping => "stopping",
            Self::Internal => "internal",
        }
    }
}

/// Why something was not done. `detail` is a sentence for the person who asked.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{detail}")]
pub struct ChatError {
    pub code: Code,
    pub detail: String,
    /// When it may be worth trying again.
    pub retry_after: Option<Duration>,
}

/// How soon to come back when the server or its database has too much to do.
const SHORTLY: Duration = Duration::from_secs(1);

impl ChatError {
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            retry_after: None,
        }
    }

    pub(super) fn later(code: Code, detail: impl Into<String>, after: Duration) -> Self {
        Self {
            code,
            detail: detail.into(),
            retry_after: Some(after),
        }
    }

    pub(super) fn no_such_room(name: &RoomName) -> Self {
        let detail =
            format!("there is no room '{name}'; /rooms lists them, /create {name} makes it");
        Self::new(Code::NoSuchRoom, detail)
    }

    pub(super) fn rate_limited(what: &str, after: Duration) -> Self {
        let seconds = after.as_secs_f64().ceil().max(1.0);
        Self::later(
            Code::RateLimited,
            format!("too many {what}; try again in {seconds} s"),
            Duration::from_secs_f64(seconds),
        )
    }

    pub(super) fn unknown_session() -> Self {
        let detail = "no such session, or it has expired; connect again";
        Self::new(Code::UnknownSession, detail)
    }

    pub fn stopping() -> Self {
        Self::later(
            Code::Stopping,
            "the server is restarting; connect again in a moment",
            SHORTLY,
        )
    }

    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        Self::new(Code::Internal, cause.to_string())
    }
}

impl From<NameError> for ChatError {
    fn from(error: NameError) -> Self {
        Self::new(Code::BadName, error.to_string())
    }
}

impl From<ContentError> for ChatError {
    fn from(error: ContentError) -> Self {
        let code = match error {
            ContentError::TooLong { .. } => Code::ContentTooLong,
            _ => Code::BadContent,
        };
        Self::new(code, error.to_string())
    }
}

impl From<StoreError> for ChatError {
    /// What exactly is wrong with the database is for the operator's log, not for people.
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy => Self::later(Code::DatabaseBusy, "the database is busy", SHORTLY),
            StoreError::Gone(_) => Self::later(
                Code::DatabaseUnavailable,
                "the database's file was taken away or replaced under the server",
                10 * SHORTLY,
            ),
            StoreError::Damaged(_) => Self::later(
                Code::DatabaseUnavailable,
                "the database is damaged",
                10 * SHORTLY,
            ),
            StoreError::NotAllowed(_) => Self::later(
                Code::DatabaseUnavailable,
                "the database cannot be written to",
                10 * SHORTLY,
            ),
            StoreError::Full(_) => Self::later(
                Code::StorageFull,
                "the database has no space left",
                10 * SHORTLY,
            ),
            StoreError::Unknown(_) => Self::later(
                Code::OutcomeUnknown,
                "the database went away during the commit; try again with the same nonce",
                SHORTLY,
            ),
            StoreError::Unavailable(_)
            | StoreError::Locked(_)
            | StoreError::Missing(_)
            | StoreError::Schema(_)
            | StoreError::Unsupported(_) => {
                Self::later(Code::DatabaseUnavailable, "database unavailable", SHORTLY)
            }
            StoreError::Refused(why) => {
                tracing::error!(%why, "the database refused a statement");
                Self::internal(&"the database refused; the server's log says more")
            }
        }
    }
}

impl From<SendError> for ChatError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Busy => Self::later(Code::Busy, "busy, try again in a moment", SHORTLY),
            SendError::Stopping => Self::stopping(),
            SendError::Rejected(Rejected::NoSuchRoom) => {
                Self::new(Code::NoSuchRoom, "the room is gone")
            }
            SendError::Store(error) => error.into(),
        }
    }
}
