//! What people in a room are told of each other's coming and going: values, which travel between
//! instances; words are made of them where they are shown.
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Nickname, RoomName};

/// Something that happened in a room and is not part of its log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Notice {
    Joined {
        room: RoomName,
        nickname: Arc<str>,
    },
    Left {
        room: RoomName,
        nickname: Arc<str>,
    },
    Renamed {
        room: RoomName,
        nickname: Arc<str>,
        before: Arc<str>,
    },
    /// It was put out of the room.
    Removed {
        room: RoomName,
        nickname: Arc<str>,
        by: Arc<str>,
    },
    /// The room is about that now, or about nothing.
    Topic {
        room: RoomName,
        topic: Arc<str>,
        by: Arc<str>,
    },
    /// So many more that are not told one by one.
    Crowd {
        room: RoomName,
        #[serde(default)]
        joined: u64,
        #[serde(default)]
        left: u64,
        #[serde(default)]
        renamed: u64,
    },
}

/// A notice as instances tell it to each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// The run of an instance that tells it: a random number of 53 bits.
    pub origin: i64,
    /// That run counts what it tells: 1, 2, 3, …
    pub n: i64,
    #[serde(flatten)]
    pub notice: Notice,
}

impl Notice {
    pub fn joined(room: &RoomName, nickname: &Nickname) -> Self {
        Self::Joined {
            room: room.clone(),
            nickname: nickname.shared(),
        }
    }

    pub fn left(room: &RoomName, nickname: &Nickname) -> Self {
        Self::Left {
            room: room.clone(),
            nickname: nickname.shared(),
        }
    }

    pub fn room(&self) -> &RoomName {
        match self {
            Self::Joined { room, .. }
            | Self::Left { room, .. }
            | Self::Renamed { room, .. }
            | Self::Removed { room, .. }
            | Self::Topic { room, .. }
            | Self::Crowd { room, .. } => room,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_travels_as_an_object_with_its_kind() {
        let told = Told {
            origin: 7,
            n: 1,
            notice: Notice::joined(
                &RoomName::stored("general"),
                &Nickname::parse("alice").expect("a good name"),
            ),
        };
        let text = serde_json::to_string(&told).expect("JSON");
        let wanted = r#"{"origin":7,"n":1,"kind":"joined","room":"general","nickname":"alice"}"#;
        assert_eq!(text, wanted);
        assert_eq!(serde_json::from_str::<Told>(&text).ok(), Some(told));
    }
}
