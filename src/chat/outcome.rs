//! What chat answers: values, which the codecs make words and JSON of.
use chrono::{DateTime, Utc};

use super::{
    Audited, Cursor, Giving, Hit, Interest, Listed, Made, Me, Member, MyRoom, MyToken, Online,
    Past, Receipt, Restraint, RoomAs, RoomSummary, Seer, SessionOf, Showing, Span, Thread,
};
use crate::model::{Entry, Epoch, MessageId, Nickname, Role, RoomName, RoomRef, Seq, UserKey};

/// What came of a command.
#[derive(Debug)]
pub enum Outcome {
    Help,
    /// A terminal shows that from now on.
    Showing(Showing),
    Goodbye,
    Renamed {
        nickname: Nickname,
        user: Option<UserKey>,
    },
    Users(Counted<Online>),
    Rooms(Counted<RoomSummary>),
    Joined(Joined),
    /// It was in that room already, which is its current one now.
    AlreadyIn(RoomRef),
    /// Read that room to where it is now.
    Left(RoomRef),
    History(History),
    /// The session is logged in to its account.
    LoggedIn {
        nickname: Nickname,
        role: Role,
    },
    /// It is a guest's again, and in none of these rooms.
    LoggedOut {
        nickname: Nickname,
        rooms: Vec<RoomRef>,
    },
    /// With it, all other sessions of the account ended.
    PasswordChanged,
    Sessions {
        sessions: Vec<SessionOf>,
        current: String,
    },
    SessionEnded,
    TokenMade(Made),
    Tokens(Vec<MyToken>),
    TokenRevoked,
    /// A direct room was opened, and something was said in it.
    Direct {
        room: RoomName,
        /// Its other people.
        title: String,
        receipt: Option<Receipt>,
    },
    Invited {
        nickname: Nickname,
        room: RoomName,
    },
    Kicked {
        nickname: Nickname,
        room: RoomName,
    },
    Restricted {
        kind: Restraint,
        nickname: Nickname,
        room: RoomName,
        until: Option<DateTime<Utc>>,
    },
    Lifted {
        kind: Restraint,
        nickname: Nickname,
        room: RoomName,
    },
    RoleGiven {
        nickname: Nickname,
        role: Role,
        room: RoomName,
    },
    RoomSet {
        room: RoomName,
        topic: Option<String>,
        slow: Option<u32>,
        now: RoomAs,
    },
    Members(Listed<Member>),
    Audited(Listed<Audited>),
    /// The code is shown this once.
    InviteMade {
        code: String,
        url: String,
    },
    RoomDeleted(RoomName),
    Message(Entry),
    /// Something was done to a message.
    Changed {
        what: Changed,
        room: RoomName,
        target: Seq,
        receipt: Receipt,
    },
    Threads(Threads),
    /// A page of the replies in a thread, ascending.
    Thread {
        room: RoomName,
        thread: Box<Thread>,
        replies: Vec<Entry>,
        more: bool,
        /// Up to which place they are as they are shown.
        true_at: Seq,
    },
    /// So one stands to that thread now.
    Stands {
        room: RoomName,
        root: Seq,
        interest: Interest,
    },
    Me(Me),
    /// In these something was not read.
    Unread(Vec<MyRoom>),
    /// Messages that mention the account, the newest first; before `next` there may be more.
    Mentioned {
        messages: Vec<Entry>,
        next: Option<MessageId>,
    },
    Pins(Pins),
    /// Messages that were looked for.
    Found(Found),
    /// The room calls no more, but for mentions, or calls again.
    RoomMuted {
        room: RoomName,
        muted: bool,
    },
    /// These are read up to there.
    Read(Vec<ReadUpTo>),
    /// These have read it, of so many.
    Seen(Counted<Seer>),
    /// Others in the room are told that something is being written, or were told a moment ago.
    Typing(RoomName),
}

/// What was done to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    Edited,
    Deleted,
    Reacted(Giving),
    Pinned(bool),
    Answered,
}

/// How far a room was read, or the thread of a message there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadUpTo {
    pub room: RoomRef,
    pub thread: Option<Seq>,
    pub seq: Seq,
}

/// A page of a room's threads, the newest first.
#[derive(Debug)]
pub struct Threads {
    pub room: RoomName,
    pub threads: Vec<Thread>,
    /// Where older ones begin.
    pub next: Option<Seq>,
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

/// Pinned messages of a room, the last said first.
#[derive(Debug)]
pub struct Pins {
    pub room: RoomName,
    pub messages: Vec<Entry>,
    /// Where older ones begin.
    pub next: Option<Seq>,
    /// Up to which place they are as they are shown.
    pub true_at: Seq,
}

/// Messages that were looked for, the newest first.
#[derive(Debug)]
pub struct Found {
    /// What was asked for.
    pub typed: String,
    pub hits: Vec<Hit>,
    /// Before this message there may be more.
    pub next: Option<MessageId>,
    /// False where some of the past could not be looked at.
    pub complete: bool,
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
    /// Up to which place the messages are as they are shown: what was done after that may be told again.
    pub true_at: Seq,
    /// In which epoch they were read, where that is known by now.
    pub epoch: Option<Epoch>,
}

/// The messages of an answer.
#[derive(Debug)]
pub enum Messages {
    /// All of them at once, ascending.
    All(Vec<Entry>),
    /// To be shown before anything else, at the pace of the connection.
    Paced(Box<Past>),
    None,
}
