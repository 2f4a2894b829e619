//! The channels of rooms: each has one of its own, so that an instance hears only what it has readers for.
use crate::model::{RoomKind, RoomName, RoomRef, Uid};

/// How a room's channel begins.
const PREFIX: &str = "room:";
/// The uid of a room that not all people may know of follows. No name has a colon.
const HIDDEN: &str = "uid:";

/// The channel of a room.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RoomChannel {
    /// Of a public room, by its name as the database has it, in its case, so that all instances agree
    /// on it.
    Public(RoomName),
    /// Of a private or direct room, by its uid.
    Hidden(Uid),
}

impl RoomChannel {
    pub fn of(room: &RoomRef, kind: RoomKind) -> Self {
        match kind {
            RoomKind::Public => Self::Public(room.name.clone()),
            RoomKind::Private | RoomKind::Direct => Self::Hidden(room.key.uid),
        }
    }

    /// What the bus calls it. `None` for a room that was created by hand under a name that this program
    /// refuses (`headcount` above all): its readers are served from the store.
    pub(super) fn name(&self) -> Option<String> {
        match self {
            Self::Public(room) => fits(room).then(|| format!("{PREFIX}{room}")),
            Self::Hidden(uid) => Some(format!("{PREFIX}{HIDDEN}{uid}")),
        }
    }

    /// The room's channel of that name.
    pub(super) fn named(channel: &str) -> Option<Self> {
        let of = channel.strip_prefix(PREFIX)?;
        match of.strip_prefix(HIDDEN) {
            Some(uid) => uid.parse().ok().map(Self::Hidden),
            None => {
                let room = RoomName::stored(of);
                fits(&room).then_some(Self::Public(room))
            }
        }
    }
}

fn fits(room: &RoomName) -> bool {
    RoomName::parse_old(room.as_str()).is_ok() || RoomName::parse(room.as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RoomId;

    fn public(name: &str) -> RoomChannel {
        RoomChannel::Public(RoomName::stored(name))
    }

    #[test]
    fn a_room_that_not_all_may_know_of_is_called_by_its_uid() {
        let room = RoomRef::stored(RoomId::new(3), Uid::new(77), "acme/plans");
        let channel = |kind| RoomChannel::of(&room, kind);
        assert_eq!(channel(RoomKind::Public), public("acme/plans"));
        for kind in [RoomKind::Private, RoomKind::Direct] {
            assert_eq!(channel(kind).name().as_deref(), Some("room:uid:77"));
        }
    }

    #[test]
    fn each_channel_is_known_by_what_it_is_called() {
        let all = [
            public("General"),
            public("acme/general"),
            public("system"),
            RoomChannel::Hidden(Uid::new(9)),
        ];
        for channel in all {
            let name = channel.name().expect("it has one");
            assert_eq!(RoomChannel::named(&name), Some(channel));
        }
    }

    #[test]
    fn a_room_of_a_name_that_is_refused_has_none() {
        for name in ["HEADCOUNT", "a b", "a/b/c", "uid:7", ""] {
            assert_eq!(public(name).name(), None, "{name}");
        }
        for channel in ["room:headcount", "room:uid:x", "rooms:a", "room:a b"] {
            assert_eq!(RoomChannel::named(channel), None, "{channel}");
        }
    }
}
