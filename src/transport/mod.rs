//! The ways people reach chat: lines over TCP, HTTP with Server-Sent Events, WebSocket. Each
//! knows chat and nothing below it.
mod codec;
mod foreign;
pub mod http;
mod outlet;
pub mod proxy;
mod stream;
pub mod tcp;

pub use stream::Stream;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::random;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The word that the server is about to stop, and how connections hear of it: each at a moment
/// of its own, so that they do not all come back at once.
#[derive(Debug, Clone)]
pub struct Drain {
    pub stop: CancellationToken,
    /// The time over which the moments are spread.
    pub spread: Spread,
    /// Everything that must end before the process does.
    pub tasks: TaskTracker,
}

/// A time that may be set anew as long as no moment was drawn.
#[derive(Debug, Clone)]
pub struct Spread(Arc<AtomicU64>);

impl Spread {
    pub fn new(time: Duration) -> Self {
        let spread = Self(Arc::default());
        spread.set(time);
        spread
    }

    pub fn set(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.0.store(millis, Relaxed);
    }

    fn get(&self) -> Duration {
        Duration::from_millis(self.0.load(Relaxed))
    }
}

impl Drain {
    /// One connection's part in it.
    pub(crate) fn moment(&self) -> Moment {
        Moment {
            drain: self.clone(),
            at: None,
        }
    }
}

/// When one connection is told.
pub(crate) struct Moment {
    drain: Drain,
    at: Option<Instant>,
}

impl Moment {
    /// Waits for it; may be dropped and asked again.
    pub(crate) async fn come(&mut self) {
        self.drain.stop.cancelled().await;
        let spread = self.drain.spread.get();
        let at = *self
            .at
            .get_or_insert_with(|| Instant::now() + spread.mul_f64(random::share()));
        // Boxed: every connection waits for the first, and none for this until the end.
        Box::pin(tokio::time::sleep_until(at)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::codec::slash;
    use super::http::Route;
    use crate::chat::{Cost, Verb as _};

    #[test]
    fn what_requests_cost_is_told_as_it_is_taken() {
        let row = |line: &'static str| {
            let cells = line.strip_prefix("| `")?.strip_suffix(" |")?;
            let (request, cost) = cells.split_once("` | ")?;
            Some((request.to_owned(), cost.parse::<u32>().ok()?))
        };
        let page = include_str!("../../docs/limits.md");
        let told: Vec<_> = page.lines().filter_map(row).collect();
        let commands = slash::shortest().map(|(name, command)| (name, command.terms().cost));
        let of_route =
            |route: Route| (format!("{} {}", route.method(), route.path()), route.cost());
        let frames = [
            ("frame connect", Cost::READ),
            ("frame connect, each room", Cost::READ),
            ("frame message", Cost::FREE),
            ("frame register", Cost::READ),
            ("frame login", Cost::READ),
            ("frame that is none", Cost::READ),
            ("line that is none", Cost::READ),
        ];
        let frames = frames.map(|(name, cost)| (name.to_owned(), cost));
        let taken = commands
            .chain(Route::all().map(of_route))
            .chain(frames)
            .map(|(name, cost)| (name, cost.units()));
        assert_eq!(told, taken.collect::<Vec<_>>());
    }
}
