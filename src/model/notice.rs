//! What people in a room are told of each other's coming and going: values, which travel between
//! instances; words are made of them where they are shown.
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Nickname, RoomName, Seq, Uid};

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
    /// It is writing something.
    Typing {
        room: RoomName,
        nickname: Arc<str>,
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

/// An account has read a room, which it calls so, or a thread there, up to that place: for its other devices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HasRead {
    pub user: Uid,
    pub room: RoomName,
    pub room_uid: Uid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<Seq>,
    pub seq: Seq,
}

/// Something that is for the devices of one person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Aside {
    Read(HasRead),
}

/// What instances tell each other beside messages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum News {
    Room(Notice),
    Person(Aside),
}

impl From<Notice> for News {
    fn from(notice: Notice) -> Self {
        Self::Room(notice)
    }
}

/// The same as it travels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// The run of an instance that tells it: a random number of 53 bits.
    pub origin: i64,
    /// That run counts what it tells: 1, 2, 3, …
    pub n: i64,
    #[serde(flatten)]
    pub news: News,
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

    pub fn typing(room: &RoomName, nickname: &Nickname) -> Self {
        Self::Typing {
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
            | Self::Typing { room, .. }
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
            news: Notice::joined(
                &RoomName::stored("general"),
                &Nickname::parse("alice").expect("a good name"),
            )
            .into(),
        };
        let text = serde_json::to_string(&told).expect("JSON");
        let wanted = r#"{"origin":7,"n":1,"kind":"joined","room":"general","nickname":"alice"}"#;
        assert_eq!(text, wanted);
        assert_eq!(serde_json::from_str::<Told>(&text).ok(), Some(told));
    }

    #[test]
    fn how_far_a_person_has_read_travels_as_another_kind() {
        let told = Told {
            origin: 7,
            n: 2,
            news: News::Person(Aside::Read(HasRead {
                user: Uid::new(5),
                room: RoomName::stored("@bob"),
                room_uid: Uid::new(6),
                thread: None,
                seq: Seq::new(41),
            })),
        };
        let text = serde_json::to_string(&told).expect("JSON");
        let wanted =
            r#"{"origin":7,"n":2,"kind":"read","user":5,"room":"@bob","room_uid":6,"seq":41}"#;
        assert_eq!(text, wanted);
        assert_eq!(serde_json::from_str::<Told>(&text).ok(), Some(told));
        let tomorrow = text.replace("read", "of tomorrow");
        assert!(serde_json::from_str::<Told>(&tomorrow).is_err());
    }
}
