//! How much to delete at once, and how long to rest: chat goes first.
//!
//! A batch that takes long says that the disk is busy or that others write; sessions that wait
//! in the database say that they wait, perhaps for us. Either makes batches smaller and rests
//! longer, until neither is so.
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// A batch should hold others up for no longer than this.
const AIM: Duration = Duration::from_millis(15);
/// However busy it is, a twentieth of the largest batch goes, and that at least twice a second:
/// more than people say in that time, or it would never end.
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
}

impl Pace {
    /// With batches of at most `most`; slower where instances are served by the same database.
    pub(super) fn new(most: usize, beside_chat: bool) -> Self {
        let least = (most / LEAST_SHARE).max(1);
        Self {
            batch: match beside_chat {
                true => (most / 8).max(least),
                false => most,
            },
            least,
            most,
            beside_chat,
            strain: 0,
            since: Instant::now(),
        }
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
        let rest = self.learn(self.since.elapsed(), waiting);
        if !rest.is_zero() {
            sleep(rest).await;
        }
    }

    fn learn(&mut self, took: Duration, waiting: u64) -> Duration {
        if !self.beside_chat {
            return Duration::ZERO;
        }
        let strained = waiting > 0 || took > AIM * 4;
        self.strain = match strained {
            true => (self.strain + 1).min(8),
            false => 0,
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

    #[test]
    fn it_speeds_up_while_nobody_minds() {
        let mut pace = Pace::new(1_000, true);
        let first = pace.begin();
        for _ in 0..50 {
            assert!(pace.learn(ms(3), 0) <= ms(10));
        }
        assert!(pace.begin() > first);
        assert_eq!(pace.begin(), 1_000, "and no further");
    }

    #[test]
    fn it_slows_down_when_commits_get_slow() {
        let mut pace = Pace::new(1_000, true);
        let rests: Vec<_> = (0..8).map(|_| pace.learn(ms(80), 0)).collect();
        assert!(rests.is_sorted() && rests[7] == LONGEST_REST, "{rests:?}");
        assert_eq!(pace.begin(), 50);
        assert!(pace.learn(ms(3), 0) <= ms(10), "and is quick again at once");
    }

    #[test]
    fn it_slows_down_when_others_wait() {
        let mut pace = Pace::new(1_000, true);
        assert!(pace.learn(ms(3), 2) > pace.learn(ms(3), 0));
        let rests: Vec<_> = (0..9).map(|_| pace.learn(ms(3), 1)).collect();
        assert!(rests.is_sorted() && rests[8] == LONGEST_REST, "{rests:?}");
    }

    #[test]
    fn alone_it_does_not_rest() {
        let mut pace = Pace::new(1_000, false);
        assert_eq!(
            (pace.begin(), pace.learn(ms(500), 3)),
            (1_000, Duration::ZERO)
        );
    }
}
