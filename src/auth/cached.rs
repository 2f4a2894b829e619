//! What a provider publishes, asked for seldom: kept while the provider is down, looked for anew
//! when it does not suit, and never asked for per request. A stranger can send as many requests as it
//! likes.
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::random;

/// What is older is looked for anew while it is still used: a provider also takes keys away.
const FRESH: Duration = Duration::from_secs(10 * 60);
/// What is older is not believed any more.
const BELIEVED: Duration = Duration::from_secs(24 * 3600);
/// Between two looks that succeed, and between two that fail in the end.
pub(super) const PAUSE: Duration = Duration::from_secs(30);
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The provider does not answer, and what it said before is too old to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot ask the identity provider: {why}")]
pub struct Unavailable {
    pub why: String,
    /// When to ask again.
    pub after: Duration,
}

/// Asks the provider once.
pub(super) type Fetching<T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send>>;
pub(super) type Fetch<T> = Box<dyn Fn() -> Fetching<T> + Send + Sync>;

pub(super) struct Cached<T> {
    fetch: Fetch<T>,
    clock: Arc<dyn Clock>,
    state: Mutex<State<T>>,
}

struct State<T> {
    value: Option<(Arc<T>, Instant)>,
    /// Looks that failed since the last that did not.
    failures: u32,
    why: String,
    /// Before this nothing is asked.
    not_before: Option<Instant>,
    /// While one asks; it closes when there is an answer.
    running: Option<watch::Receiver<()>>,
}

impl<T: Send + Sync + 'static> Cached<T> {
    pub(super) fn new(fetch: Fetch<T>, clock: Arc<dyn Clock>) -> Arc<Self> {
        let state = Mutex::new(State {
            value: None,
            failures: 0,
            why: String::new(),
            not_before: None,
            running: None,
        });
        Arc::new(Self {
            fetch,
            clock,
            state,
        })
    }

    /// What is published: what is known if it `suits`, and otherwise what the provider says now,
    /// if it may be asked.
    ///
    /// # Errors
    /// Nothing is known that may be believed.
    pub(super) async fn get(
        self: &Arc<Self>,
        suits: impl Fn(&T) -> bool,
    ) -> Result<Arc<T>, Unavailable> {
        if let Some((value, age)) = self.known()
            && suits(&value)
        {
            if age > FRESH {
                // The caller does not wait for it.
                self.look();
            }
            return Ok(value);
        }
        if let Some(mut answered) = self.look() {
            // It closes without a word, within the deadline of a request.
            let _ = answered.changed().await;
        }
        let known = self.known().map(|(value, _)| value);
        known.ok_or_else(|| self.unavailable())
    }

    /// What is believed, and its age.
    fn known(&self) -> Option<(Arc<T>, Duration)> {
        let state = self.state.lock();
        let (value, since) = state.value.as_ref()?;
        let age = self.clock.now().saturating_duration_since(*since);
        (age < BELIEVED).then(|| (Arc::clone(value), age))
    }

    fn unavailable(&self) -> Unavailable {
        let state = self.state.lock();
        let now = self.clock.now();
        let left = state.not_before.map(|at| at.saturating_duration_since(now));
        let after = left.unwrap_or_default().max(FIRST_PAUSE);
        let why = state.why.clone();
        Unavailable { why, after }
    }

    /// Asks the provider, unless it was asked lately; one asks for all. What was begun goes on
    /// without the callers: a caller that hangs up must not keep a new key from the others.
    fn look(self: &Arc<Self>) -> Option<watch::Receiver<()>> {
        let mut state = self.state.lock();
        if let Some(running) = &state.running {
            return Some(running.clone());
        }
        let now = self.clock.now();
        if state.not_before.is_some_and(|at| now < at) {
            return None;
        }
        let (answered, running) = watch::channel(());
        state.running = Some(running.clone());
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let result = (this.fetch)().await;
            this.learn(result);
            drop(answered);
        });
        Some(running)
    }

    fn learn(&self, result: Result<T, String>) {
        let now = self.clock.now();
        let mut state = self.state.lock();
        state.running = None;
        let pause = match result {
            Ok(value) => {
                state.value = Some((Arc::new(value), now));
                state.failures = 0;
                PAUSE
            }
            Err(why) => {
                let doubled = 1 << state.failures.min(5);
                state.failures += 1;
                let failures = state.failures;
                tracing::warn!(%why, failures, "cannot ask the identity provider");
                state.why = why;
                PAUSE.min(FIRST_PAUSE * doubled)
            }
        };
        state.not_before = Some(now + random::between(pause, pause.mul_f64(1.2)));
    }
}
