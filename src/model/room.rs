//! Rooms and users as they are referred to everywhere: by which one it is, and never by an id alone.
use std::fmt::Write;

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
    /// As the database has it.
    pub name: RoomName,
    /// What one of its people calls a direct room: `@bob`, or `@bob+carol`.
    label: Option<RoomName>,
}

impl RoomRef {
    /// A room as it is stored.
    pub fn stored(id: RoomId, uid: Uid, name: &str) -> Self {
        Self {
            key: RoomKey { id, uid },
            name: RoomName::stored(name),
            label: None,
        }
    }

    /// A direct room as one of its people calls it: by the others, in the order of their nicknames.
    pub fn direct<'a>(self, others: impl Iterator<Item = &'a str>) -> Self {
        let mut label = String::new();
        for other in others {
            let mark = if label.is_empty() { '@' } else { '+' };
            let _ = write!(label, "{mark}{other}");
        }
        // Without others there is nothing to call it by.
        let label = (!label.is_empty()).then(|| RoomName::stored(&label));
        Self { label, ..self }
    }

    pub fn label(&self) -> Option<&RoomName> {
        self.label.as_ref()
    }

    /// What it is called to the person for whom this was looked up.
    pub fn shown(&self) -> &RoomName {
        self.label.as_ref().unwrap_or(&self.name)
    }

    /// The same room as it is called to no person in particular.
    pub fn plain(&self) -> Self {
        Self {
            label: None,
            ..self.clone()
        }
    }
}
