//! How an actor stands to a room: all that the table asks about.
use super::{Admission, Overrides};
use crate::model::{Role, RoomKind};

/// What was done to a person in a room or its workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Restricted {
    pub banned: bool,
    pub muted: bool,
}

/// An actor and a room, as far as the table goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing<'a> {
    pub admission: Admission,
    /// What the actor is in this room; nothing where it is no member of the room's workspace.
    pub role: Option<Role>,
    pub kind: RoomKind,
    /// It is a member of the room.
    pub member: bool,
    pub restricted: Restricted,
    pub overrides: &'a Overrides,
}
