//! Joins and leaves as notices, so few that a crowd at the door does not drown the talk: with
//! thousands in a room, telling each of each would be millions of lines.
use std::time::{Duration, Instant};

use crate::model::RoomName;

/// Somebody came or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    Joined,
    Left,
}

impl Move {
    /// The notice for one person.
    pub fn text(self, nickname: &str, room: &RoomName) -> String {
        match self {
            Self::Joined => format!("{nickname} joined {room}"),
            Self::Left => format!("{nickname} left {room}"),
        }
    }
}

const PERIOD: Duration = Duration::from_secs(1);
/// Notices a room shows by name in a period; the others are summed up after it.
const BY_NAME: usize = 10;
/// Lines that a room's readers are given by those in a period, all together: where thousands
/// read, ten names would be more work than the talk.
const LINES: usize = 10_000;

/// What a room's notices of the present period come to.
#[derive(Debug, Default)]
pub(super) struct Notices {
    began: Option<Instant>,
    by_name: usize,
    joined: u64,
    left: u64,
}

impl Notices {
    /// Whether this move is to be told by name to so many readers; else it is counted.
    pub(super) fn admit(&mut self, what: Move, readers: usize, now: Instant) -> bool {
        if self
            .began
            .is_none_or(|began| now.duration_since(began) >= PERIOD)
        {
            self.began = Some(now);
            self.by_name = 0;
        }
        let most = (LINES / readers.max(1)).clamp(1, BY_NAME);
        if self.by_name < most && self.joined + self.left == 0 {
            self.by_name += 1;
            return true;
        }
        match what {
            Move::Joined => self.joined += 1,
            Move::Left => self.left += 1,
        }
        false
    }

    /// The sum of what was not told by name, once the period is over.
    pub(super) fn summary(&mut self, room: &RoomName, now: Instant) -> Option<String> {
        let over = self
            .began
            .is_some_and(|began| now.duration_since(began) >= PERIOD);
        if !over || self.joined + self.left == 0 {
            return None;
        }
        let (joined, left) = (
            std::mem::take(&mut self.joined),
            std::mem::take(&mut self.left),
        );
        Some(match (joined, left) {
            (joined, 0) => format!("{joined} more joined {room}"),
            (0, left) => format!("{left} more left {room}"),
            (joined, left) => format!("{joined} more joined {room} and {left} left"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, ManualClock};

    #[test]
    fn a_crowd_is_summed_up() {
        let (clock, room) = (ManualClock::default(), RoomName::stored("general"));
        let mut notices = Notices::default();
        let told = (0..1000)
            .filter(|_| notices.admit(Move::Joined, 1000, clock.now()))
            .count();
        assert_eq!(told, 10);
        assert_eq!(notices.summary(&room, clock.now()), None);
        clock.advance(PERIOD);
        let summary = notices.summary(&room, clock.now());
        assert_eq!(summary.as_deref(), Some("990 more joined general"));
        assert!(notices.admit(Move::Left, 1000, clock.now()));
    }

    #[test]
    fn the_more_there_are_to_be_told_the_fewer_are_told_by_name() {
        let clock = ManualClock::default();
        let told = |readers| {
            let mut notices = Notices::default();
            (0..100)
                .filter(|_| notices.admit(Move::Joined, readers, clock.now()))
                .count()
        };
        assert_eq!([0, 1, 1_000, 5_000, 100_000].map(told), [10, 10, 10, 2, 1]);
    }
}
