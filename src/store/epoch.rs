//! Which past the database tells, and since when. Every process that learns of another past than it
//! knew begins a new epoch, of which there is one for all of them.
use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::ask::{Ask, Statement, Turn};
use super::{Epochs, StoreError};
use crate::model::Epoch;

/// What holds of the past.
#[derive(Debug, Clone, PartialEq)]
pub struct Era {
    pub epoch: Epoch,
    pub since: DateTime<Utc>,
    /// Why the one before ended; the first has no reason.
    pub reason: Option<String>,
    /// When an operator said that this is known.
    pub acknowledged_at: Option<DateTime<Utc>>,
}

impl Era {
    /// Readers lost what they had been shown, and no operator has said yet that this is known.
    pub fn is_news(&self) -> bool {
        self.reason.is_some() && self.acknowledged_at.is_none()
    }
}

pub(super) const LOOK: &str = "SELECT epoch, since, reason, acknowledged_at FROM epoch";
/// Begins `$1`, known from the beginning.
pub(super) const CHANGE: &str =
    "UPDATE epoch SET epoch = $1, since = @now, reason = $2, acknowledged_at = @now";
pub(super) const ACKNOWLEDGE: &str = "UPDATE epoch SET acknowledged_at = @now
    WHERE reason IS NOT NULL AND acknowledged_at IS NULL";

/// The name of an epoch that no database has had.
pub(super) fn next() -> Result<Epoch, StoreError> {
    let failed = |error| StoreError::Unavailable(format!("cannot name a new epoch: {error}"));
    Epoch::random().map_err(failed)
}

pub(super) type EraRow = (String, DateTime<Utc>, Option<String>, Option<DateTime<Utc>>);

/// The row can be made again: a new epoch is what then holds.
pub(super) fn missing() -> StoreError {
    let row = "the table 'epoch' has no row: run INSERT INTO epoch DEFAULT VALUES";
    StoreError::Refused(row.into())
}

pub(super) fn era(rows: &[EraRow]) -> Result<Era, StoreError> {
    let (epoch, since, reason, acknowledged_at) = rows.first().ok_or_else(missing)?;
    Ok(Era {
        epoch: Epoch::named(epoch),
        since: *since,
        reason: reason.clone(),
        acknowledged_at: *acknowledged_at,
    })
}

#[async_trait]
impl<A: Ask> Epochs for A {
    async fn era(&self) -> Result<Era, StoreError> {
        era(&self.all(Turn::ReadAside, &[(LOOK, &[])]).await?)
    }

    /// Of several that find the same at once, the first begins it for all.
    async fn begin_epoch(&self, after: &Epoch, reason: &str) -> Result<Era, StoreError> {
        let next = next()?;
        let begin = "UPDATE epoch SET epoch = $1, since = @now, reason = $2, acknowledged_at = NULL
             WHERE epoch = $3";
        let args = [next.as_str().into(), reason.into(), after.as_str().into()];
        let statements: [Statement<'_>; 2] = [(begin, &args), (LOOK, &[])];
        era(&self.all(Turn::RepeatableAside, &statements).await?)
    }
}
