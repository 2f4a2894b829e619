//! What operators' commands and jobs keep in the database: leases, runs of jobs, sizes.
//!
//! On connections of its own, so that it never stands between chat and the database.
mod postgres;
mod sqlite;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;

/// Who has a lease that somebody else wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub holder: String,
    pub until: DateTime<Utc>,
}

/// What jobs and operators' commands ask of the database. All times are the database's, so that
/// the clocks of those who ask need not agree.
#[async_trait]
pub trait Upkeep: Send + Sync + 'static {
    /// The database's clock.
    async fn now(&self) -> Result<DateTime<Utc>, StoreError>;

    /// Takes the lease for `life`, unless somebody else has it and their time is not over.
    async fn take_lease(
        &self,
        name: &str,
        holder: &str,
        life: Duration,
    ) -> Result<Result<(), Held>, StoreError>;

    /// Makes it last for `life` from now on; false if somebody else has it by now.
    async fn renew_lease(
        &self,
        name: &str,
        holder: &str,
        life: Duration,
    ) -> Result<bool, StoreError>;

    /// Lets go of it, if `holder` has it.
    async fn release_lease(&self, name: &str, holder: &str) -> Result<(), StoreError>;

    /// Who has it now.
    async fn lease(&self, name: &str) -> Result<Option<Held>, StoreError>;

    async fn close(&self);
}

/// Opens the database that `url` names, for a program that the database's own views call
/// `application`. The embedded one is migrated, but not made.
pub async fn open(url: &str, application: &str) -> Result<Arc<dyn Upkeep>, StoreError> {
    if url.starts_with("sqlite:") {
        return Ok(Arc::new(sqlite::SqliteUpkeep::open(url).await?));
    }
    let upkeep = postgres::PostgresUpkeep::open(url, application).await?;
    Ok(Arc::new(upkeep))
}
