//! Why something was not done: a code that stays, and what the codecs need to say it in words.
use std::fmt;
use std::time::Duration;

use super::vouching::NotVouched;
use crate::delivery::{ReadError, SendError, Unreadable};
use crate::index::QueryError;
use chrono::{DateTime, Utc};

use crate::model::{ContentError, NameError, Nickname, Role, RoomName};
use crate::policy::{Action, Denied};
use crate::search::SearchError;
use crate::store::{Rejected, StoreError};

named! {
    /// What kind of trouble it is. The names are part of the interface.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Code {
        BadName => "bad_name",
        NicknameTaken => "nickname_taken",
        NoSuchRoom => "no_such_room",
        NoSuchMessage => "no_such_message",
        Archived => "archived",
        ArchiveUnreachable => "archive_unreachable",
        ArchiveDamaged => "archive_damaged",
        TooManyReactions => "too_many_reactions",
        RoomExists => "room_exists",
        NotInRoom => "not_in_room",
        TooManyRooms => "too_many_rooms",
        BadCommand => "bad_command",
        BadContent => "bad_content",
        ContentTooLong => "content_too_long",
        BadNonce => "bad_nonce",
        UnknownSession => "unknown_session",
        NotConnected => "not_connected",
        AccountNeeded => "account_needed",
        Forbidden => "forbidden",
        Banned => "banned",
        Muted => "muted",
        NotShown => "not_shown",
        NicknameRegistered => "nickname_registered",
        WrongCredentials => "wrong_credentials",
        BadPassword => "bad_password",
        BadDisplayName => "bad_display_name",
        BadInvite => "bad_invite",
        RegistrationClosed => "registration_closed",
        ClearText => "clear_text",
        NoSuchUser => "no_such_user",
        NoSuchSession => "no_such_session",
        NoSuchToken => "no_such_token",
        TooManyTokens => "too_many_tokens",
        NoSuchWorkspace => "no_such_workspace",
        BadRequest => "bad_request",
        BadQuery => "bad_query",
        SearchDisabled => "search_disabled",
        SearchBusy => "search_busy",
        BadToken => "bad_token",
        ExpiredToken => "expired_token",
        NoAccount => "no_account",
        LoginUnavailable => "login_unavailable",
        LoginExpired => "login_expired",
        LoginDenied => "login_denied",
        NoSignIn => "no_sign_in",
        RateLimited => "rate_limited",
        Busy => "busy",
        DatabaseBusy => "database_busy",
        DatabaseUnavailable => "database_unavailable",
        StorageFull => "storage_full",
        OutcomeUnknown => "outcome_unknown",
        Stopping => "stopping",
        Internal => "internal",
    }
}

/// Why something was not done. Shown by itself, it is its code; the codecs make sentences of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatError {
    BadName(NameError),
    /// A session that is online has it.
    NicknameTaken(Nickname),
    /// No name for a guest was free, however often one was tried.
    NoGuestName,
    NoSuchRoom(RoomName),
    /// It was there when the message was accepted.
    RoomGone,
    /// There is no such message in the room, or it was deleted.
    NoSuchMessage,
    /// It left the database, and can be changed no more.
    NotInDatabase,
    /// Another person said it.
    NotOwn,
    /// It has as many emoji as a message may have.
    TooManyReactions,
    RoomExists(RoomName),
    /// The session has no current room.
    InNoRoom,
    NotIn(RoomName),
    /// The session is in as many rooms as one may be in.
    InTooManyRooms,
    /// There are as many rooms as there may be.
    RoomsFull {
        room: RoomName,
        all: u64,
    },
    /// The user has created as many rooms in a day as one may.
    RoomsToday {
        room: RoomName,
        today: u64,
    },
    /// The connection has a session already.
    HasSession,
    /// The connection has no session yet.
    NotConnected,
    /// Only people with an account may do that here.
    NeedsAccount,
    /// It takes a higher role.
    Forbidden {
        action: Action,
        least: Role,
    },
    /// The role may, and the token's scopes do not have it.
    BeyondToken(Action),
    /// It takes a login, by a password or at an identity provider.
    NotByToken,
    /// The account has as many tokens as one may have.
    TooManyTokens,
    /// There is none of that number, or it is another account's.
    NoSuchToken,
    /// Not in a direct room.
    NotInDirect(Action),
    /// It was to be done to a role above the actor's own.
    AboveOwn(Role),
    Banned {
        room: RoomName,
        until: Option<DateTime<Utc>>,
    },
    Muted {
        room: RoomName,
        until: Option<DateTime<Utc>>,
    },
    /// The room does not show its readers.
    NotShown(RoomName),
    /// The nickname is an account's.
    NicknameOwned(Nickname),
    /// An account keeps its nickname.
    NameIsForGood,
    /// There is no such account, or it has another password: the same for both.
    WrongCredentials,
    BadPassword(String),
    /// More passwords wait to be checked than may.
    PasswordsWait {
        after: Duration,
    },
    BadDisplayName(String),
    /// Registering needs an invite, and this is none, or it is used up.
    BadInvite,
    /// Operators alone make accounts.
    RegistrationClosed,
    /// A password would travel where others can read it.
    ClearText,
    NoSuchUser(Nickname),
    /// Of one's own account.
    NoSuchSession,
    NoSuchWorkspace(String),
    /// What was asked for cannot be meant, in words.
    BadRequest(String),
    /// What is looked for cannot be understood.
    BadQuery(QueryError),
    /// This server finds nothing: it is set so.
    SearchDisabled,
    /// As many search as may at a time, and as many wait.
    SearchBusy,
    /// Another server does not vouch for the person.
    NotVouched(NotVouched),
    /// No session has that secret, or it has expired.
    UnknownSession,
    Content(ContentError),
    /// A nonce has 1 to so many bytes of text.
    BadNonce {
        most: usize,
    },
    RateLimited {
        what: Limited,
        /// In whole seconds.
        after: Duration,
    },
    /// As many sessions are known here as may be.
    SessionsFull {
        most: usize,
    },
    /// The committer's queue has no place.
    QueueFull,
    Database(Trouble),
    /// What is wanted left the database, and is not to be had from the archive now.
    Archive(Unreadable),
    /// The session's user could not be entered into the database yet.
    NotEntered,
    Stopping,
    /// What cannot be, with the cause.
    Internal(String),
}

/// What there was too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limited {
    Requests,
    Messages,
    /// From one address.
    Sessions,
    /// Of one person in a room that is slow.
    SlowMode,
    /// Failed logins of an account or from an address.
    Logins,
}

/// What is wrong with the database, as far as clients are told: the rest is for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    Busy,
    /// Its file was taken away or replaced.
    Gone,
    Damaged,
    ReadOnly,
    Full,
    /// It went away during the commit.
    OutcomeUnknown,
    Unavailable,
    /// It refused a statement that should have worked.
    Refused,
}

/// How soon to come back when the server or its database has too much to do.
const SHORTLY: Duration = Duration::from_secs(1);
/// And when something has to be mended first.
const LATER: Duration = Duration::from_secs(10);
const A_MINUTE: Duration = Duration::from_secs(60);
const AN_HOUR: Duration = Duration::from_secs(3600);

impl ChatError {
    pub fn code(&self) -> Code {
        match self {
            Self::BadName(_) => Code::BadName,
            Self::NicknameTaken(_) | Self::NoGuestName => Code::NicknameTaken,
            Self::NoSuchRoom(_) | Self::RoomGone => Code::NoSuchRoom,
            Self::NoSuchMessage => Code::NoSuchMessage,
            Self::NotInDatabase => Code::Archived,
            Self::NotOwn => Code::Forbidden,
            Self::TooManyReactions => Code::TooManyReactions,
            Self::RoomExists(_) => Code::RoomExists,
            Self::InNoRoom | Self::NotIn(_) => Code::NotInRoom,
            Self::InTooManyRooms | Self::RoomsFull { .. } => Code::TooManyRooms,
            Self::HasSession => Code::BadCommand,
            Self::NotConnected => Code::NotConnected,
            Self::UnknownSession => Code::UnknownSession,
            Self::NeedsAccount => Code::AccountNeeded,
            Self::Forbidden { .. }
            | Self::BeyondToken(_)
            | Self::NotByToken
            | Self::NotInDirect(_)
            | Self::AboveOwn(_) => Code::Forbidden,
            Self::NoSuchToken => Code::NoSuchToken,
            Self::TooManyTokens => Code::TooManyTokens,
            Self::Banned { .. } => Code::Banned,
            Self::Muted { .. } => Code::Muted,
            Self::NotShown(_) => Code::NotShown,
            Self::NicknameOwned(_) => Code::NicknameRegistered,
            Self::NameIsForGood => Code::Forbidden,
            Self::WrongCredentials => Code::WrongCredentials,
            Self::BadPassword(_) => Code::BadPassword,
            Self::BadDisplayName(_) => Code::BadDisplayName,
            Self::BadInvite => Code::BadInvite,
            Self::RegistrationClosed => Code::RegistrationClosed,
            Self::ClearText => Code::ClearText,
            Self::NoSuchUser(_) => Code::NoSuchUser,
            Self::NoSuchSession => Code::NoSuchSession,
            Self::NoSuchWorkspace(_) => Code::NoSuchWorkspace,
            Self::BadRequest(_) => Code::BadRequest,
            Self::BadQuery(_) => Code::BadQuery,
            Self::SearchDisabled => Code::SearchDisabled,
            Self::SearchBusy => Code::SearchBusy,
            Self::NotVouched(why) => why.code(),
            Self::Content(ContentError::TooLong { .. }) => Code::ContentTooLong,
            Self::Content(_) => Code::BadContent,
            Self::BadNonce { .. } => Code::BadNonce,
            Self::RateLimited { .. } | Self::RoomsToday { .. } => Code::RateLimited,
            Self::SessionsFull { .. } | Self::QueueFull | Self::PasswordsWait { .. } => Code::Busy,
            Self::Database(trouble) => trouble.code(),
            Self::Archive(Unreadable::Busy) => Code::Busy,
            Self::Archive(Unreadable::ArchiveUnreachable) => Code::ArchiveUnreachable,
            Self::Archive(Unreadable::ArchiveDamaged) => Code::ArchiveDamaged,
            Self::NotEntered => Code::DatabaseUnavailable,
            Self::Stopping => Code::Stopping,
            Self::Internal(_) => Code::Internal,
        }
    }

    /// When it may be worth trying again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { after, .. } | Self::PasswordsWait { after } => Some(*after),
            Self::NotVouched(why) => why.retry_after(),
            Self::RoomsToday { .. } => Some(AN_HOUR),
            Self::SessionsFull { .. } => Some(A_MINUTE),
            Self::QueueFull | Self::SearchBusy | Self::Stopping | Self::NotEntered => Some(SHORTLY),
            Self::Database(trouble) => trouble.retry_after(),
            Self::Archive(Unreadable::Busy) => Some(SHORTLY),
            Self::Archive(_) => Some(LATER),
            _ => None,
        }
    }

    pub(super) fn rate_limited(what: Limited, after: Duration) -> Self {
        let seconds = after.as_secs_f64().ceil().max(1.0);
        let after = Duration::from_secs_f64(seconds);
        Self::RateLimited { what, after }
    }

    /// What cannot be, as far as the code goes.
    pub fn internal(cause: &dyn fmt::Display) -> Self {
        Self::Internal(cause.to_string())
    }
}

impl Trouble {
    fn code(self) -> Code {
        match self {
            Self::Busy => Code::DatabaseBusy,
            Self::Gone | Self::Damaged | Self::ReadOnly | Self::Unavailable => {
                Code::DatabaseUnavailable
            }
            Self::Full => Code::StorageFull,
            Self::OutcomeUnknown => Code::OutcomeUnknown,
            Self::Refused => Code::Internal,
        }
    }

    fn retry_after(self) -> Option<Duration> {
        match self {
            Self::Busy | Self::OutcomeUnknown | Self::Unavailable => Some(SHORTLY),
            Self::Gone | Self::Damaged | Self::ReadOnly | Self::Full => Some(LATER),
            Self::Refused => None,
        }
    }
}

impl fmt::Display for ChatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code().as_str())
    }
}

impl std::error::Error for ChatError {}

impl From<NameError> for ChatError {
    fn from(error: NameError) -> Self {
        Self::BadName(error)
    }
}

impl From<ContentError> for ChatError {
    fn from(error: ContentError) -> Self {
        Self::Content(error)
    }
}

impl From<QueryError> for ChatError {
    fn from(error: QueryError) -> Self {
        Self::BadQuery(error)
    }
}

impl From<SearchError> for ChatError {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Disabled => Self::SearchDisabled,
            SearchError::Busy => Self::SearchBusy,
            SearchError::Store(error) => error.into(),
        }
    }
}

impl From<Denied> for ChatError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NeedsSession => Self::NotConnected,
            Denied::HasSession => Self::HasSession,
            Denied::NeedsAccount => Self::NeedsAccount,
            Denied::Needs(action, least) => Self::Forbidden { action, least },
            Denied::Direct(action) => Self::NotInDirect(action),
            Denied::Above(role) => Self::AboveOwn(role),
            // With a room these have names; where there is none, they say as much.
            Denied::Hidden => Self::NeedsAccount,
            Denied::Banned | Denied::Muted => Self::RoomGone,
        }
    }
}

impl From<StoreError> for ChatError {
    /// What exactly is wrong with the database is for the operator's log, not for clients.
    fn from(error: StoreError) -> Self {
        Self::Database(match error {
            StoreError::Busy => Trouble::Busy,
            StoreError::Gone(_) => Trouble::Gone,
            StoreError::Damaged(_) => Trouble::Damaged,
            StoreError::NotAllowed(_) => Trouble::ReadOnly,
            StoreError::Full(_) => Trouble::Full,
            StoreError::Unknown(_) => Trouble::OutcomeUnknown,
            StoreError::Unavailable(_)
            | StoreError::Locked(_)
            | StoreError::Missing(_)
            | StoreError::Schema(_)
            | StoreError::Unsupported(_) => Trouble::Unavailable,
            StoreError::Refused(why) => {
                tracing::error!(%why, "the database refused a statement");
                Trouble::Refused
            }
        })
    }
}

impl From<ReadError> for ChatError {
    /// Which file it is, and where, is for the operator's log.
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Store(error) => error.into(),
            ReadError::Archive(error) => Self::Archive((&error).into()),
        }
    }
}

impl From<SendError> for ChatError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Busy => Self::QueueFull,
            SendError::Stopping => Self::Stopping,
            SendError::Rejected(Rejected::NoSuchRoom) => Self::RoomGone,
            SendError::Rejected(Rejected::NoSuchUser) => Self::NotEntered,
            SendError::Rejected(Rejected::NoSuchMessage) => Self::NoSuchMessage,
            SendError::Store(error) => error.into(),
        }
    }
}
