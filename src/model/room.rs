//! Rooms and users as they are referred to everywhere: by which one it is, and never by an id alone.
use super::{RoomId, RoomName, Uid, UserId};

/// Which room it is, also in a database that went back and gave its id to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomKey {
    pub id: RoomId,
    pub uid: Uid,
}

impl RoomKey {
    pub const fn new(id: i64, uid: i64) -> Self {
        Self {
            id: RoomId::new(id),
            uid: Uid::new(uid),
        }
    }
}

/// Which user it is, in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserKey {
    pub id: UserId,
    pub uid: Uid,
}

impl UserKey {
    /// A user as it is stored, if there is one.
    pub fn of(id: Option<UserId>, uid: Option<Uid>) -> Option<Self> {
        let (id, uid) = (id?, uid?);
        Some(Self { id, uid })
    }

    pub const fn new(id: i64, uid: i64) -> Self {
        Self {
            id: UserId::new(id),
            uid: Uid::new(uid),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomRef {
    pub key: RoomKey,
    pub name: RoomName,
}

impl RoomRef {
    /// A room as it is stored.
    pub fn stored(id: RoomId, uid: Uid, name: &str) -> Self {
        let (key, name) = (RoomKey { id, uid }, RoomName::stored(name));
        Self { key, name }
    }
}
