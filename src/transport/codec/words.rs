//! The sentences that clients are shown, the same over every transport.
use crate::model::{Notice, RoomName, Seq};

/// What happened in a room, beside its messages.
pub(super) fn notice(notice: &Notice) -> String {
    match notice {
        Notice::Joined { room, nickname } => format!("{nickname} joined {room}"),
        Notice::Left { room, nickname } => format!("{nickname} left {room}"),
        Notice::Renamed {
            nickname, before, ..
        } => format!("{before} is now {nickname}"),
        Notice::Crowd {
            room,
            joined,
            left,
            renamed,
        } => {
            let all = [(joined, "joined"), (left, "left"), (renamed, "renamed")];
            let mut some = all.into_iter().filter(|(count, _)| **count > 0);
            let first = some.next().map(|(count, verb)| {
                let whom = if verb == "renamed" { " in" } else { "" };
                format!("{count} more {verb}{whom} {room}")
            });
            let rest: Vec<String> = some
                .map(|(count, verb)| format!("{count} {verb}"))
                .collect();
            let rest = match rest.as_slice() {
                [] => String::new(),
                [one] => format!(" and {one}"),
                [one, other, ..] => format!(", {one} and {other}"),
            };
            first.unwrap_or_default() + &rest
        }
    }
}

/// Messages that are not shown since they are not there, or whose reader named no position.
pub(super) fn gap(room: &RoomName, from: Option<Seq>, to: Seq) -> String {
    match from {
        Some(from) => format!("messages {from} to {to} of {room} are not stored here any more"),
        None => format!("{room} stands at message {to}; earlier ones: /history"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd(joined: u64, left: u64, renamed: u64) -> String {
        let room = RoomName::stored("general");
        notice(&Notice::Crowd {
            room,
            joined,
            left,
            renamed,
        })
    }

    #[test]
    fn a_crowd_is_told_as_a_sum() {
        assert_eq!(crowd(12, 0, 0), "12 more joined general");
        assert_eq!(crowd(0, 3, 0), "3 more left general");
        assert_eq!(crowd(12, 3, 0), "12 more joined general and 3 left");
        assert_eq!(
            crowd(12, 3, 1),
            "12 more joined general, 3 left and 1 renamed"
        );
        assert_eq!(crowd(0, 0, 2), "2 more renamed in general");
    }
}
