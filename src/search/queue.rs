//! How many search at a time, and how many may wait for it.
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// A search reads and compares for some milliseconds: more at a time would be in chat's way.
const AT_A_TIME: usize = 2;
const WAITING: usize = 16;
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct Queue {
    /// Those that search or wait.
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
    patience: Duration,
}

/// Given back when it is dropped.
pub(super) struct Turn {
    _place: OwnedSemaphorePermit,
    _turn: OwnedSemaphorePermit,
}

impl Default for Queue {
    fn default() -> Self {
        Self::with(PATIENCE)
    }
}

impl Queue {
    fn with(patience: Duration) -> Self {
        Self {
            places: Arc::new(Semaphore::new(AT_A_TIME + WAITING)),
            turns: Arc::new(Semaphore::new(AT_A_TIME)),
            patience,
        }
    }

    /// `None` where too many wait, or the wait was too long.
    pub(super) async fn turn(&self) -> Option<Turn> {
        let place = self.places.clone().try_acquire_owned().ok()?;
        let turn = timeout(self.patience, self.turns.clone().acquire_owned());
        let turn = turn.await.ok()?.ok()?;
        Some(Turn {
            _place: place,
            _turn: turn,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn two_search_some_wait_and_the_others_are_told_so() {
        let queue = Queue::with(Duration::from_millis(20));
        let both = (queue.turn().await, queue.turn().await);
        assert!(both.0.is_some() && both.1.is_some());
        assert!(queue.turn().await.is_none(), "the wait was too long");
        drop(both.0);
        assert!(queue.turn().await.is_some());
    }

    #[tokio::test]
    async fn nothing_waits_behind_those_that_may() {
        let queue = Queue::with(Duration::from_secs(600));
        let both = (queue.turn().await, queue.turn().await);
        let one = async |queue: &Queue| queue.turn().await.is_some();
        let waiting = futures_util::future::join_all((0..WAITING).map(|_| one(&queue)));
        let late = async {
            tokio::task::yield_now().await;
            assert!(queue.turn().await.is_none(), "at once");
            drop(both);
        };
        let (turns, ()) = tokio::join!(waiting, late);
        assert!(turns.into_iter().all(|had_a_turn| had_a_turn));
    }
}
