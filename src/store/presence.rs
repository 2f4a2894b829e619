//! Who is online: sessions, the rooms they are in, and the instances they came through.
use std::sync::Arc;

use crate::model::{Nickname, RoomId, RoomRef, SessionKey, TransportKind, UserId};

/// A running process's row; another run of the same instance gets another.
pub type InstanceId = i64;

/// What an instance says of itself when it starts.
#[derive(Debug, Clone)]
pub struct Instance {
    pub name: String,
    pub pid: u32,
    pub version: &'static str,
    pub tcp_port: u16,
    pub http_port: u16,
}

/// One change of who is where. They are stored in the order in which they happened.
#[derive(Debug, Clone)]
pub enum PresenceChange {
    /// The session goes online as `nickname`, from now on or again. With `account` the user of
    /// that name is made if there is none; a guest gets one when first needed. Rooms the
    /// session is in move with it from one user to the other.
    Claim {
        session: SessionKey,
        nickname: Nickname,
        transport: TransportKind,
        account: bool,
    },
    /// The session is in `room`, and its user a member of it.
    Join {
        session: SessionKey,
        nickname: Nickname,
        room: RoomId,
    },
    /// The session left, and its user is no member any more.
    Leave { session: SessionKey, room: RoomId },
    /// The session is used now.
    Touch { session: SessionKey },
    /// The session has no connection and its nickname is free, but it may come back.
    Idle { session: SessionKey },
    /// The session was never used, and is over unless another instance has it by now.
    Drop { session: SessionKey },
    /// The session is over. A guest's memberships end with it.
    Release { session: SessionKey, guest: bool },
}

/// The answer to a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PresenceOutcome {
    Done,
    /// To a claim or a join: the user it is for.
    User(Option<UserId>),
    /// Somebody online has that nickname.
    NicknameTaken,
    NoSuchRoom,
    NoSuchSession,
}

/// A session as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionRow {
    pub user: Option<UserId>,
    pub nickname: Arc<str>,
    pub online: bool,
    pub rooms: Vec<RoomRef>,
}

/// One line of "who is here".
#[derive(Debug, Clone, PartialEq)]
pub struct Online {
    pub nickname: String,
    pub rooms: Vec<String>,
    pub transport: String,
    pub instance: String,
}
