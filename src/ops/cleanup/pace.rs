//! How much to delete at once, and how long to rest: chat goes first.
//!
//! A batch that takes long says that the disk is busy or that others write; sessions that wait
//! in the database say that they wait, perhaps for us. Either makes batches smaller and rests
//! longer, until neither is so; but not so long that a run is not over in its time, or where people
//! never stop talking more would come than goes.
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// A batch should hold others up for no longer than this.
const AIM: Duration = Duration::from_millis(15);
/// However busy it is, a twentieth of the largest batch goes, and that at least twice a second.
const LEAST_SHARE: usize = 20;
const SHORTEST_REST: Duration = Duration::from_millis(5);
const LONGEST_REST: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(super) struct Pace {
    batch: usize,
    least: usize,
    most: usize,
    beside_chat: bool,
    /// How often in a row others had to wait.
    strain: u32,
    since: Instant,
    /// When the run, and what is deleted now, should be over.
    end: Instant,
    due: Instant,
    /// Rooms that are still to come, and messages of this one.
    rooms: u32,
    left: u64,
}

impl Pace {
    /// With batches of at most `most`; slower where instances are served by the same database, as
    /// far as so many rooms are done `within` that time.
    pub(super) fn new(most: usize, beside_chat: bool, rooms: usize, within: Duration) -> Self {
        let end = Instant::now() + within;
        let least = (most / LEAST_SHARE).max(1);
        Self {
            batch: if beside_chat {
                (most / 8).max(least)
            } else {
                most
            },
            least,
            most,
            beside_chat,
            strain: 0,
            since: Instant::now(),
            end,
            due: end,
            rooms: u32::try_from(rooms).unwrap_or(u32::MAX),
            left: 0,
        }
    }

    /// The next room begins, with so many messages to go. It has its share of the time.
    pub(super) fn room(&mut self, messages: u64) {
        let now = Instant::now();
        self.due = now + self.end.saturating_duration_since(now) / self.rooms.max(1);
        self.rooms = self.rooms.saturating_sub(1);
        self.left = messages;
    }

    pub(super) fn beside_chat(&self) -> bool {
        self.beside_chat
    }

    /// The size of the next batch, which begins now.
    pub(super) fn begin(&mut self) -> usize {
        self.since = Instant::now();
        self.batch
    }

    /// After a batch, with so many sessions that wait: rests as long as it should.
    pub(super) async fn rest(&mut self, waiting: u64) {
        let time = self.due.saturating_duration_since(Instant::now());
        let rest = self.learn(self.since.elapsed(), waiting, time);
        if !rest.is_zero() {
            sleep(rest).await;
        }
    }

    fn learn(&mut self, took: Duration, waiting: u64, time: Duration) -> Duration {
        if !self.beside_chat {
            return Duration::ZERO;
        }
        let done = self.batch;
        let rest = self.make_way(took, waiting);
        self.left = self.left.saturating_sub(done as u64);
        let batches = u32::try_from(self.left.div_ceil(done as u64)).unwrap_or(u32::MAX);
        let each = time / batches.max(1);
        if took + rest <= each {
            return rest;
        }
        // A larger batch takes less for each message.
        self.batch = if each < took * 2 {
            (done * 2).min(self.most)
        } else {
            done
        };
        each.saturating_sub(took)
    }

    /// How long chat would like it to rest.
    fn make_way(&mut self, took: Duration, waiting: u64) -> Duration {
        let strained = waiting > 0 || took > AIM * 4;
        self.strain = if strained {
            (self.strain + 1).min(8)
        } else {
            0
        };
        if strained || took > AIM * 2 {
            self.batch = (self.batch / 2).max(self.least);
        } else if took < AIM {
            self.batch = (self.batch + self.batch / 4 + 1).min(self.most);
        }
        // Chat has the database to itself twice as long as it had to share it.
        let rest = (took * 2).max(SHORTEST_REST) * 2u32.pow(self.strain);
        rest.min(LONGEST_REST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    const LONG: Duration = Duration::from_secs(3_600);

    fn beside_chat() -> Pace {
        let mut pace = Pace::new(1_000, true, 1, LONG);
        pace.room(100_000);
        pace
    }

    #[test]
    fn it_speeds_up_while_nobody_minds() {
        let mut pace = beside_chat();
        let first = pace.begin();
        for _ in 0..50 {
            assert!(pace.learn(ms(3), 0, LONG) <= ms(10));
        }
        assert!(pace.begin() > first);
        assert_eq!(pace.begin(), 1_000, "and no further");
    }

    #[test]
    fn it_slows_down_when_commits_get_slow() {
        let mut pace = beside_chat();
        let rests: Vec<_> = (0..8).map(|_| pace.learn(ms(80), 0, LONG)).collect();
        assert!(rests.is_sorted() && rests[7] == LONGEST_REST, "{rests:?}");
        assert_eq!(pace.begin(), 50);
        assert!(
            pace.learn(ms(3), 0, LONG) <= ms(10),
            "and is quick again at once"
        );
    }

    #[test]
    fn it_slows_down_when_others_wait() {
        let mut pace = beside_chat();
        assert!(pace.learn(ms(3), 2, LONG) > pace.learn(ms(3), 0, LONG));
        let rests: Vec<_> = (0..9).map(|_| pace.learn(ms(3), 1, LONG)).collect();
        assert!(rests.is_sorted() && rests[8] == LONGEST_REST, "{rests:?}");
    }

    #[test]
    fn it_is_over_in_time_whoever_waits() {
        let (took, mut time) = (ms(20), Duration::from_secs(10));
        let mut pace = beside_chat();
        while pace.left > 0 {
            pace.begin();
            time = time.checked_sub(took).expect("there is time for it");
            let rest = pace.learn(took, 5, time);
            time = time.checked_sub(rest).expect("it rests no longer");
        }
    }

    #[test]
    fn out_of_time_it_rests_no_more() {
        let mut pace = beside_chat();
        for _ in 0..5 {
            assert_eq!(pace.learn(ms(80), 9, Duration::ZERO), Duration::ZERO);
        }
        assert_eq!(pace.begin(), 1_000);
    }

    #[test]
    fn each_room_has_its_share_of_the_time() {
        let mut pace = Pace::new(1_000, true, 4, LONG);
        let share = |pace: &Pace| pace.due.saturating_duration_since(Instant::now());
        pace.room(1);
        assert!(share(&pace) <= LONG / 4);
        pace.room(1);
        pace.room(1);
        pace.room(1);
        assert!(share(&pace) > LONG / 2, "the last has all that is left");
        pace.room(1);
    }

    #[test]
    fn alone_it_does_not_rest() {
        let mut pace = Pace::new(1_000, false, 1, LONG);
        assert_eq!(
            (pace.begin(), pace.learn(ms(500), 3, Duration::ZERO)),
            (1_000, Duration::ZERO)
        );
    }
}
