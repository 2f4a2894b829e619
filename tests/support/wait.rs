//! Waiting for a state, with a deadline.
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long a test waits for something before it calls it lost.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Looks again and again until it is so, and returns how long that took.
pub(crate) async fn eventually<F: Future<Output = bool>>(
    what: &str,
    mut is_so: impl FnMut() -> F,
) -> Duration {
    let start = Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < DEADLINE, "never: {what}");
        sleep(Duration::from_millis(10)).await;
    }
    start.elapsed()
}

/// What `future` brings, if it does within the deadline.
pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    let late = |_| panic!("{what} did not come in time");
    tokio::time::timeout(DEADLINE, future)
        .await
        .unwrap_or_else(late)
}
