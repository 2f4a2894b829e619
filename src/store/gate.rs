//! The breaker before the pool: while requests wait for a connection for too long, the next is
//! turned away at once instead of waiting with them. Load is judged by time, not by heads: two
//! hundred requests that are served within a blink are no overload, and five that wait are.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::StoreError;
use crate::meter::Meters;

/// When a gate turns requests away, and how long it lets one wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shedding {
    /// New requests are turned away while the oldest has waited longer than this.
    pub(super) after: Duration,
    /// And while so many wait, however short.
    pub(super) waiting: usize,
    /// One that waits longer is given up.
    pub(super) patience: Duration,
}

#[derive(Debug)]
pub(super) struct Gate {
    shedding: Shedding,
    meters: Arc<Meters>,
    line: Mutex<Line>,
}

/// Since when each waits, by the number it drew: the first is the oldest.
#[derive(Debug, Default)]
struct Line {
    drawn: u64,
    since: BTreeMap<u64, Instant>,
}

impl Gate {
    pub(super) fn new(shedding: Shedding, meters: Arc<Meters>) -> Self {
        Self {
            shedding,
            meters,
            line: Mutex::default(),
        }
    }

    /// For how long the oldest has been waiting, and whether new requests are turned away.
    pub(super) fn state(&self) -> (Duration, bool) {
        let line = self.line.lock();
        let oldest = line.since.first_key_value();
        let waited = oldest.map_or(Duration::ZERO, |(_, since)| since.elapsed());
        let full = line.since.len() >= self.shedding.waiting;
        (waited, full || waited > self.shedding.after)
    }

    /// Waits for `connection`, or says that the database is busy.
    pub(super) async fn pass<T, E: Into<StoreError>>(
        &self,
        connection: impl Future<Output = Result<T, E>>,
    ) -> Result<T, StoreError> {
        let mut connection = std::pin::pin!(connection);
        // A request that need not wait is not turned away because others have to.
        if let Some(got) = (&mut connection).now_or_never() {
            self.meters.db_wait.record(Duration::ZERO);
            return got.map_err(Into::into);
        }
        let (_, sheds) = self.state();
        if sheds {
            self.meters.db_shed.add(1);
            return Err(StoreError::Busy);
        }
        let _waiting = Waiting::new(self);
        match tokio::time::timeout(self.shedding.patience, connection).await {
            Ok(got) => got.map_err(Into::into),
            Err(_) => Err(StoreError::Unavailable(
                "no connection came free in time".into(),
            )),
        }
    }
}

/// A place in the line, given back also when its holder gives up.
struct Waiting<'a> {
    gate: &'a Gate,
    number: u64,
    since: Instant,
}

impl<'a> Waiting<'a> {
    fn new(gate: &'a Gate) -> Self {
        gate.meters.db_waiting.add(1);
        let since = Instant::now();
        let mut line = gate.line.lock();
        line.drawn += 1;
        let number = line.drawn;
        line.since.insert(number, since);
        Self {
            gate,
            number,
            since,
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.gate.line.lock().since.remove(&self.number);
        self.gate.meters.db_waiting.add(-1);
        self.gate.meters.db_wait.record(self.since.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    fn gate(after: Duration, waiting: usize) -> Arc<Gate> {
        let shedding = Shedding {
            after,
            waiting,
            patience: Duration::from_secs(3600),
        };
        Arc::new(Gate::new(shedding, Arc::default()))
    }

    /// One that waits for a connection that does not come.
    fn waits(gate: &Arc<Gate>) -> tokio::task::JoinHandle<Result<(), StoreError>> {
        let gate = gate.clone();
        tokio::spawn(async move { gate.pass(pending::<Result<(), StoreError>>()).await })
    }

    /// Waits until so many wait.
    async fn line_of(gate: &Gate, count: usize) {
        while gate.line.lock().since.len() != count {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn many_may_wait_for_a_moment_and_few_for_long() {
        let gate = gate(Duration::from_secs(3600), 1_000);
        let _crowd: Vec<_> = (0..200).map(|_| waits(&gate)).collect();
        line_of(&gate, 200).await;
        assert!(!gate.state().1);

        let gate = self::gate(Duration::from_millis(1), 1_000);
        let slow = waits(&gate);
        while !gate.state().1 {
            tokio::task::yield_now().await;
        }
        let turned_away = gate.pass(pending::<Result<(), StoreError>>()).await;
        assert!(matches!(turned_away, Err(StoreError::Busy)));
        assert!(gate.pass(ready(Ok::<(), StoreError>(()))).await.is_ok());
        // One that gives up is no longer in the line.
        slow.abort();
        line_of(&gate, 0).await;
        assert!(!gate.state().1);
    }

    #[tokio::test]
    async fn the_line_has_an_end() {
        let gate = gate(Duration::from_secs(3600), 3);
        let _crowd: Vec<_> = (0..3).map(|_| waits(&gate)).collect();
        line_of(&gate, 3).await;
        let turned_away = gate.pass(pending::<Result<(), StoreError>>()).await;
        assert!(matches!(turned_away, Err(StoreError::Busy)));
    }
}
