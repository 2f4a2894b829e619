//! Time that passes only when there is nothing else to do, and chance that a seed decides.
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use parking_lot::Mutex;

use crate::clock::{Clock, SystemClock};

/// So often every task that is ready has its turn before time passes.
const TURNS: usize = 2;

/// A clock that jumps from one waiting sleeper to the next.
#[derive(Clone)]
pub(super) struct Time {
    start: Instant,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    passed: Duration,
    count: u64,
    sleepers: BTreeMap<(Duration, u64), Waker>,
}

impl Time {
    pub(super) fn new() -> Self {
        Self {
            start: SystemClock.now(),
            state: Arc::default(),
        }
    }

    /// How much has passed.
    pub(super) fn passed(&self) -> Duration {
        self.state.lock().passed
    }

    /// Runs what `whole` starts, on one thread, until that has ended.
    pub(super) fn run<T>(&self, whole: impl Future<Output = T>) -> T {
        // Nothing in the simulation waits for this timer; a store's turn has a limit in it.
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().build().expect("a runtime");
        let passes = async {
            loop {
                for _ in 0..TURNS {
                    tokio::task::yield_now().await;
                }
                self.jump();
            }
        };
        runtime.block_on(async {
            tokio::select! {
                biased;
                value = whole => value,
                () = passes => unreachable!("time passes for ever"),
            }
        })
    }

    fn jump(&self) {
        let first = {
            let mut state = self.state.lock();
            let first = state.sleepers.pop_first();
            if let Some(((at, _), _)) = &first {
                state.passed = state.passed.max(*at);
            }
            first
        };
        if let Some((_, waker)) = first {
            waker.wake();
        }
    }
}

impl Clock for Time {
    fn now(&self) -> Instant {
        self.start + self.passed()
    }

    fn utc(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + self.passed()
    }

    fn sleep(&self, span: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let mut state = self.state.lock();
        state.count += 1;
        Box::pin(Sleep {
            key: (state.passed + span, state.count),
            time: self.clone(),
        })
    }
}

struct Sleep {
    key: (Duration, u64),
    time: Time,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.time.state.lock();
        if state.passed >= self.key.0 {
            return Poll::Ready(());
        }
        state.sleepers.insert(self.key, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.time.state.lock().sleepers.remove(&self.key);
    }
}

/// Chance without a memory: the same question has the same answer, whenever it is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// A number that is the question's own.
    pub(super) fn number(self, question: &[u64]) -> u64 {
        // SplitMix64.
        question.iter().fold(self.0, |state, part| {
            let mut z = (state ^ part).wrapping_add(0x9e37_79b9_7f4a_7c15);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        })
    }

    pub(super) fn below(self, bound: u64, question: &[u64]) -> u64 {
        self.number(question) % bound
    }

    /// True so many times in a hundred.
    pub(super) fn percent(self, chance: u64, question: &[u64]) -> bool {
        self.below(100, question) < chance
    }

    /// Up to so long, to the microsecond, so that hardly two things happen at once.
    pub(super) fn span(self, most: Duration, question: &[u64]) -> Duration {
        let most = most.as_micros() as u64 + 1;
        Duration::from_micros(self.below(most, question))
    }
}
