//! When a look at something ends, whatever is still missing.
use std::time::Duration;

use tokio::time::Instant;

/// One moment for many looks side by side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    at: Instant,
    pub(super) within: Duration,
}

/// It did not answer before the deadline.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {0:?}")]
pub(super) struct Late(Duration);

impl Deadline {
    pub(super) fn after(within: Duration) -> Self {
        Self {
            at: Instant::now() + within,
            within,
        }
    }

    pub(super) fn left(self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    pub(super) async fn bound<T>(self, work: impl Future<Output = T>) -> Result<T, Late> {
        let bounded = tokio::time::timeout_at(self.at, work).await;
        bounded.map_err(|_| Late(self.within))
    }
}
