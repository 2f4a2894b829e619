//! Waiting for a state, with a deadline.
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

/// How long a test waits for something before it calls it lost. Generous, since a loaded machine is
/// slow and a correct program never gets here.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Looks again and again until it is so, and returns how long that took; `None` if it never was.
pub(crate) async fn comes_true<F: Future<Output = bool>>(
    mut is_so: impl FnMut() -> F,
) -> Option<Duration> {
    let start = Instant::now();
    while !is_so().await {
        if start.elapsed() >= DEADLINE {
            return None;
        }
        sleep(Duration::from_millis(10)).await;
    }
    Some(start.elapsed())
}

/// The same of what must come true.
pub(crate) async fn eventually<F: Future<Output = bool>>(
    what: &str,
    is_so: impl FnMut() -> F,
) -> Duration {
    let took = comes_true(is_so).await;
    took.unwrap_or_else(|| panic!("never: {what}"))
}

/// What `future` brings, if it does within the deadline.
pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    let late = |_| panic!("{what} did not come in time");
    timeout(DEADLINE, future).await.unwrap_or_else(late)
}

/// Looks again and again until it is so, where looking changes something of the test's own.
macro_rules! until {
    ($what:literal, $is_so:expr) => {{
        let start = tokio::time::Instant::now();
        while !$is_so {
            let waited = start.elapsed();
            assert!(waited < crate::support::DEADLINE, concat!("never: ", $what));
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }};
}
pub(crate) use until;
