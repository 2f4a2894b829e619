//! A room as it is referred to everywhere: its identity and its name.
use super::{RoomId, RoomName};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomRef {
    pub id: RoomId,
    pub name: RoomName,
}
