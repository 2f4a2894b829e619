//! The breaker before the pool: when too many wait for a connection, the next is turned away
//! at once instead of waiting with them.
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;

use super::StoreError;
use crate::meter::Meters;

/// Lets at most `waiting` callers wait for a connection.
#[derive(Debug)]
pub(super) struct Gate {
    waiting: i64,
    patience: Duration,
    meters: Arc<Meters>,
}

impl Gate {
    pub(super) fn new(waiting: usize, patience: Duration, meters: Arc<Meters>) -> Self {
        let waiting = i64::try_from(waiting).unwrap_or(i64::MAX);
        Self {
            waiting,
            patience,
            meters,
        }
    }

    /// Waits for `connection`, or says that the database is busy.
    pub(super) async fn pass<T, E: Into<StoreError>>(
        &self,
        connection: impl Future<Output = Result<T, E>>,
    ) -> Result<T, StoreError> {
        let mut connection = std::pin::pin!(connection);
        // Whoever need not wait is not turned away because others have to.
        if let Some(got) = (&mut connection).now_or_never() {
            self.meters.db_wait.record(Duration::ZERO);
            return got.map_err(Into::into);
        }
        if self.meters.db_waiting.get() > self.waiting {
            self.meters.db_shed.add(1);
            return Err(StoreError::Busy);
        }
        let _waiting = Waiting::new(&self.meters);
        match tokio::time::timeout(self.patience, connection).await {
            Ok(got) => got.map_err(Into::into),
            Err(_) => Err(StoreError::Unavailable(
                "no connection came free in time".into(),
            )),
        }
    }
}

/// Counts one waiter, also when it gives up.
struct Waiting<'a> {
    meters: &'a Meters,
    since: Instant,
}

impl<'a> Waiting<'a> {
    fn new(meters: &'a Meters) -> Self {
        meters.db_waiting.add(1);
        Self {
            meters,
            since: Instant::now(),
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.meters.db_waiting.add(-1);
        self.meters.db_wait.record(self.since.elapsed());
    }
}
