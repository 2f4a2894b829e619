//! Who is online: sessions, the rooms they are in, and the instances they came through.
use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::{InstanceId, LEASE};
use crate::model::{
    Nickname, RoomId, RoomKey, RoomRef, SessionKey, TransportKind, Uid, UserId, UserKey,
};

/// What an instance says of itself when it starts.
#[derive(Debug, Clone)]
pub struct Instance {
    pub name: String,
    pub pid: u32,
    pub version: &'static str,
    pub tcp_port: u16,
    pub http_port: u16,
}

/// A process that has an instance's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    pub id: InstanceId,
    pub pid: i64,
    /// Its last heartbeat, by the database's clock.
    pub seen: DateTime<Utc>,
}

/// One change of who is where. They are stored in the order in which they happened.
#[derive(Debug, Clone)]
pub enum PresenceChange {
    /// The session goes online as `nickname`, from now on or again. The user of a chosen name
    /// is made if there is none; that of a given one when first needed. Rooms the session is in
    /// move with it from one user to the other. An account has its nickname in any number of sessions,
    /// and no session of another has it.
    Claim {
        session: SessionKey,
        nickname: Nickname,
        transport: TransportKind,
        naming: Naming,
        /// The account that the session is logged in to.
        account: Option<UserKey>,
    },
    /// The session is in `room`, and its user a member of it.
    Join {
        session: SessionKey,
        nickname: Nickname,
        room: RoomKey,
    },
    /// The session left, and its user is no member any more.
    Leave { session: SessionKey, room: RoomKey },
    /// The session is in no room any more; its user stays a member of each.
    Part { session: SessionKey },
    /// The session is used now.
    Touch { session: SessionKey },
    /// The session has no connection and its nickname is free, but it may come back.
    Idle { session: SessionKey },
    /// The session was never used, and is over unless another instance has it by now.
    Drop { session: SessionKey },
    /// The session is over. A guest's memberships end with it.
    Release { session: SessionKey, naming: Naming },
}

/// What a session's nickname is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// It was given to the session.
    Given,
    /// It was chosen: its user stays when the session ends.
    Chosen,
}

/// The answer to a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PresenceOutcome {
    Done,
    /// To a claim or a join: the user it is for.
    User(Option<UserKey>),
    /// A session that is online has that nickname.
    NicknameTaken,
    /// The nickname is an account's.
    NicknameOwned,
    NoSuchRoom,
    NoSuchSession,
}

impl PresenceOutcome {
    /// What a claim was answered.
    pub(super) fn to_claim(answer: Option<Claimed>) -> Self {
        match answer {
            Some(claimed) if claimed.granted => Self::User(claimed.user),
            Some(claimed) if claimed.owned => Self::NicknameOwned,
            _ => Self::NicknameTaken,
        }
    }
}

/// What a claim was answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claimed {
    pub(super) granted: bool,
    /// The nickname is an account's, and not the session's.
    pub(super) owned: bool,
    pub(super) user: Option<UserKey>,
}

/// A session as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionRow {
    pub user: Option<UserKey>,
    /// It is logged in to that user's account.
    pub account: bool,
    pub nickname: Arc<str>,
    pub online: bool,
    pub rooms: Vec<RoomRef>,
}

/// One line of "who is here".
#[derive(Debug, Clone, PartialEq)]
pub struct Online {
    pub nickname: String,
    pub display_name: Option<String>,
    pub rooms: Vec<String>,
    pub transport: String,
    pub instance: String,
}

/// What a heartbeat found of the lease that the one before it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// It had not run out.
    Held,
    /// It had, by the database's clock: nicknames were free for all meanwhile.
    RanOut,
    /// There was none, or not the one that was left: the database was restored, and sessions must
    /// claim their nicknames again.
    Forgotten,
}

/// A sign of life as it was written: what was there before, and what is now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beat(Option<(DateTime<Utc>, DateTime<Utc>)>);

impl Beat {
    pub(super) fn after(before: DateTime<Utc>, now: DateTime<Utc>) -> Self {
        Self(Some((before, now)))
    }

    /// There was no row.
    pub(super) fn entered() -> Self {
        Self(None)
    }

    /// What it says if our own `last` was the one before, which it becomes. A database that was put
    /// back holds an older one, or none.
    pub(super) fn after_ours(self, last: &mut Option<DateTime<Utc>>) -> Lease {
        let ours = last.take();
        let Some((before, now)) = self.0 else {
            return Lease::Forgotten;
        };
        *last = Some(now);
        if ours.is_some_and(|ours| ours != before) {
            Lease::Forgotten
        } else if (now - before)
            .to_std()
            .is_ok_and(|silence| silence >= LEASE)
        {
            Lease::RanOut
        } else {
            Lease::Held
        }
    }
}

/// Changes of one kind that may be applied as one, laid out by column: their order does not show.
#[derive(Debug)]
pub(super) enum Run<'c> {
    Claims(Claims<'c>),
    Joins(Joins<'c>),
    Leaves {
        sessions: Vec<&'c str>,
        rooms: Rooms,
    },
    Parts(Vec<&'c str>),
    Touches(Vec<&'c str>),
    Idles(Vec<&'c str>),
    Drops(Vec<&'c str>),
    Releases {
        sessions: Vec<&'c str>,
        guests: Vec<bool>,
    },
}

/// Rooms by column.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    pub(super) ids: Vec<RoomId>,
    pub(super) uids: Vec<Uid>,
}

impl Rooms {
    fn push(&mut self, room: RoomKey) {
        self.ids.push(room.id);
        self.uids.push(room.uid);
    }
}

/// Claims by different sessions of different nicknames.
#[derive(Debug, Default)]
pub(super) struct Claims<'c> {
    pub(super) sessions: Vec<&'c str>,
    pub(super) nicknames: Vec<&'c str>,
    pub(super) transports: Vec<&'static str>,
    pub(super) chosen: Vec<bool>,
    /// The accounts that the sessions are logged in to.
    pub(super) owners: Vec<Option<UserId>>,
    named: HashSet<String>,
    claimed: HashSet<&'c str>,
}

#[derive(Debug, Default)]
pub(super) struct Joins<'c> {
    pub(super) sessions: Vec<&'c str>,
    pub(super) nicknames: Vec<&'c str>,
    pub(super) rooms: Rooms,
}

impl<'c> Claims<'c> {
    /// One of them.
    pub(super) fn only(&self, at: usize) -> Self {
        Self {
            sessions: vec![self.sessions[at]],
            nicknames: vec![self.nicknames[at]],
            transports: vec![self.transports[at]],
            chosen: vec![self.chosen[at]],
            owners: vec![self.owners[at]],
            ..Self::default()
        }
    }

    /// Whether `session` claims another name before the claim at `at`, which may then have the
    /// name that it gives up.
    pub(super) fn gives_up_before(&self, session: &str, at: usize) -> bool {
        self.sessions[..at].contains(&session)
    }

    /// False if its session or its nickname is among them already.
    fn push(
        &mut self,
        session: &'c SessionKey,
        nickname: &'c Nickname,
        transport: TransportKind,
        naming: Naming,
        account: Option<UserKey>,
    ) -> bool {
        if self.claimed.contains(session.as_str()) || !self.named.insert(nickname.key()) {
            return false;
        }
        self.claimed.insert(session.as_str());
        self.sessions.push(session.as_str());
        self.nicknames.push(nickname.as_str());
        self.transports.push(transport.as_str());
        self.chosen.push(naming == Naming::Chosen);
        self.owners.push(account.map(|account| account.id));
        true
    }
}

impl<'c> Run<'c> {
    fn begin(change: &'c PresenceChange) -> Self {
        let mut run = match change {
            PresenceChange::Claim { .. } => Self::Claims(Claims::default()),
            PresenceChange::Join { .. } => Self::Joins(Joins::default()),
            PresenceChange::Leave { .. } => Self::Leaves {
                sessions: Vec::new(),
                rooms: Rooms::default(),
            },
            PresenceChange::Part { .. } => Self::Parts(Vec::new()),
            PresenceChange::Touch { .. } => Self::Touches(Vec::new()),
            PresenceChange::Idle { .. } => Self::Idles(Vec::new()),
            PresenceChange::Drop { .. } => Self::Drops(Vec::new()),
            PresenceChange::Release { .. } => Self::Releases {
                sessions: Vec::new(),
                guests: Vec::new(),
            },
        };
        run.take(change);
        run
    }

    /// Takes one more, if it fits.
    fn take(&mut self, change: &'c PresenceChange) -> bool {
        match (self, change) {
            (
                Self::Claims(claims),
                PresenceChange::Claim {
                    session,
                    nickname,
                    transport,
                    naming,
                    account,
                },
            ) => return claims.push(session, nickname, *transport, *naming, *account),
            (
                Self::Joins(joins),
                PresenceChange::Join {
                    session,
                    nickname,
                    room,
                },
            ) => {
                joins.sessions.push(session.as_str());
                joins.nicknames.push(nickname.as_str());
                joins.rooms.push(*room);
            }
            (Self::Leaves { sessions, rooms }, PresenceChange::Leave { session, room }) => {
                sessions.push(session.as_str());
                rooms.push(*room);
            }
            (Self::Parts(sessions), PresenceChange::Part { session })
            | (Self::Touches(sessions), PresenceChange::Touch { session })
            | (Self::Idles(sessions), PresenceChange::Idle { session })
            | (Self::Drops(sessions), PresenceChange::Drop { session }) => {
                sessions.push(session.as_str());
            }
            (Self::Releases { sessions, guests }, PresenceChange::Release { session, naming }) => {
                sessions.push(session.as_str());
                guests.push(*naming == Naming::Given);
            }
            _ => return false,
        }
        true
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Claims(claims) => claims.sessions.len(),
            Self::Joins(joins) => joins.sessions.len(),
            Self::Leaves { sessions, .. }
            | Self::Parts(sessions)
            | Self::Touches(sessions)
            | Self::Idles(sessions)
            | Self::Drops(sessions)
            | Self::Releases { sessions, .. } => sessions.len(),
        }
    }
}

/// Changes in runs, in their order.
pub(super) fn runs(changes: &[PresenceChange]) -> Vec<Run<'_>> {
    let mut runs: Vec<Run<'_>> = Vec::new();
    for change in changes {
        if !runs.last_mut().is_some_and(|run| run.take(change)) {
            runs.push(Run::begin(change));
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SessionId;

    fn claim(session: &SessionKey, nickname: &str) -> PresenceChange {
        PresenceChange::Claim {
            session: session.clone(),
            nickname: Nickname::parse(nickname).expect("a good name"),
            transport: TransportKind::Http,
            naming: Naming::Chosen,
            account: None,
        }
    }

    #[test]
    fn a_run_ends_where_the_order_would_show() {
        let (alice, bob) = (SessionId::random().key(), SessionId::random().key());
        let touch = |session: &SessionKey| PresenceChange::Touch {
            session: session.clone(),
        };
        let changes = [
            claim(&alice, "alice"),
            claim(&bob, "bob"),
            claim(&alice, "carol"),
            claim(&bob, "CAROL"),
            touch(&alice),
            touch(&alice),
            claim(&bob, "bob"),
        ];
        let lengths: Vec<usize> = runs(&changes).iter().map(Run::len).collect();
        assert_eq!(lengths, [2, 1, 1, 2, 1]);
        assert!(runs(&[]).is_empty());
    }
}
