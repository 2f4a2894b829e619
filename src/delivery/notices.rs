//! Notices, so few that a crowd at the door does not drown the talk: with thousands in a room,
//! telling each of each would be millions of lines.
use std::time::{Duration, Instant};

use crate::model::{Notice, RoomName};

pub(super) const PERIOD: Duration = Duration::from_secs(1);
/// Notices of a room that are told one by one in a period; the others are summed up after it.
const ONE_BY_ONE: usize = 10;
/// Lines that a room's readers are given by those in a period, all together: where thousands
/// read, ten would be more work than the talk.
const LINES: usize = 10_000;

/// What a room's notices of the present period come to.
#[derive(Debug, Default)]
pub(super) struct Notices {
    began: Option<Instant>,
    told: usize,
    /// That people are writing, which is in no sum.
    typing: usize,
    joined: u64,
    left: u64,
    renamed: u64,
}

impl Notices {
    /// Whether this one is to be told to so many readers as it is; else it is counted.
    pub(super) fn admit(&mut self, notice: &Notice, readers: usize, now: Instant) -> bool {
        // Moderation is rare, and in no sum.
        if matches!(notice, Notice::Removed { .. }) {
            return true;
        }
        if self
            .began
            .is_none_or(|began| now.duration_since(began) >= PERIOD)
        {
            self.began = Some(now);
            (self.told, self.typing) = (0, 0);
        }
        let most = (LINES / readers.max(1)).clamp(1, ONE_BY_ONE);
        if matches!(notice, Notice::Typing { .. }) {
            let told = self.typing < most;
            self.typing += usize::from(told);
            return told;
        }
        if self.told < most && self.is_even() {
            self.told += 1;
            return true;
        }
        match notice {
            Notice::Joined { .. } => self.joined += 1,
            Notice::Left { .. } => self.left += 1,
            Notice::Renamed { .. } => self.renamed += 1,
            Notice::Removed { .. } | Notice::Typing { .. } => {}
            Notice::Crowd {
                joined,
                left,
                renamed,
                ..
            } => {
                self.joined += joined;
                self.left += left;
                self.renamed += renamed;
            }
        }
        false
    }

    /// The sum of what was not told one by one, once the period is over.
    pub(super) fn summary(&mut self, room: &RoomName, now: Instant) -> Option<Notice> {
        if !self.is_over(now) || self.is_even() {
            return None;
        }
        Some(Notice::Crowd {
            room: room.clone(),
            joined: std::mem::take(&mut self.joined),
            left: std::mem::take(&mut self.left),
            renamed: std::mem::take(&mut self.renamed),
        })
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.began
            .is_some_and(|began| now.duration_since(began) >= PERIOD)
    }

    /// Whether nothing is left to be summed up.
    fn is_even(&self) -> bool {
        self.joined + self.left + self.renamed == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, ManualClock};
    use crate::model::Nickname;

    fn joined() -> Notice {
        let nickname = Nickname::parse("alice").expect("a good name");
        Notice::joined(&RoomName::stored("general"), &nickname)
    }

    fn more(joined: u64) -> Notice {
        Notice::Crowd {
            room: RoomName::stored("general"),
            joined,
            left: 0,
            renamed: 0,
        }
    }

    #[test]
    fn a_crowd_is_summed_up() {
        let (clock, room) = (ManualClock::default(), RoomName::stored("general"));
        let mut notices = Notices::default();
        let told = (0..1000)
            .filter(|_| notices.admit(&joined(), 1000, clock.now()))
            .count();
        assert_eq!(told, 10);
        assert_eq!(notices.summary(&room, clock.now()), None);
        clock.advance(PERIOD);
        let summary = notices.summary(&room, clock.now()).expect("a sum");
        assert_eq!(summary, more(990));
        // A sum of others is told as it is, or added to ours.
        assert!(notices.admit(&summary, 1000, clock.now()));
        let told = (0..20)
            .filter(|_| notices.admit(&summary, 1000, clock.now()))
            .count();
        assert_eq!(told, 9);
        clock.advance(PERIOD);
        let summary = notices.summary(&room, clock.now()).expect("a sum");
        assert_eq!(summary, more(11 * 990));
    }

    #[test]
    fn those_who_write_are_told_of_beside_a_crowd_and_in_no_sum() {
        let (clock, room) = (ManualClock::default(), RoomName::stored("general"));
        let nickname = Nickname::parse("alice").expect("a good name");
        let typing = Notice::typing(&room, &nickname);
        let mut notices = Notices::default();
        for _ in 0..2 {
            let mut told = |notice: &Notice| {
                let all = 0..100;
                all.filter(|_| notices.admit(notice, 1, clock.now()))
                    .count()
            };
            assert_eq!((told(&typing), told(&typing)), (10, 0));
            clock.advance(PERIOD);
            assert_eq!(notices.summary(&room, clock.now()), None);
        }
        assert!(notices.admit(&joined(), 1, clock.now()));
    }

    #[test]
    fn the_more_there_are_to_be_told_the_fewer_are_told_by_name() {
        let clock = ManualClock::default();
        let told = |readers| {
            let mut notices = Notices::default();
            (0..100)
                .filter(|_| notices.admit(&joined(), readers, clock.now()))
                .count()
        };
        assert_eq!([0, 1, 1_000, 5_000, 100_000].map(told), [10, 10, 10, 2, 1]);
    }
}
