//! A room as it is referred to everywhere: its identity and its name.
use super::{RoomId, RoomName};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomRef {
    pub id: RoomId,
    pub name: RoomName,
}

impl RoomRef {
    /// A room as it is stored.
    pub fn stored(id: RoomId, name: &str) -> Self {
        let name = RoomName::stored(name);
        Self { id, name }
    }
}
