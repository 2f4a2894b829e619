//! What operators' commands and jobs keep in the database: leases, runs of jobs, sizes.
//!
//! On connections of its own, so that it never stands between chat and the database.
mod postgres;
mod sqlite;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::model::RoomId;

/// What is later than now by more than this was written by a clock that went back since.
pub(in crate::store) const AHEAD: Duration = Duration::from_secs(60);

/// Who has a lease that somebody else wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub holder: String,
    pub until: DateTime<Utc>,
}

/// A job's run. A scheduled one has the time at which it was due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    pub id: RunId,
    pub job: String,
    pub due_at: Option<DateTime<Utc>>,
    pub instance: String,
    pub started_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
    pub result: Option<String>,
    pub detail: Option<String>,
}

pub type RunId = i64;

/// A run as it is read.
type RunRow = (
    RunId,
    String,
    Option<DateTime<Utc>>,
    String,
    DateTime<Utc>,
    Option<DateTime<Utc>>,
    Option<String>,
    Option<String>,
);

impl From<RunRow> for Run {
    fn from(row: RunRow) -> Self {
        let (id, job, due_at, instance, started_at, finished_at, result, detail) = row;
        Self {
            id,
            job,
            due_at,
            instance,
            started_at,
            finished_at,
            result,
            detail,
        }
    }
}

/// How large a table is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSize {
    pub name: String,
    pub rows: i64,
    /// False where `rows` is the database's own estimate, since to count would take long.
    pub exact: bool,
    /// With its indexes.
    pub bytes: i64,
    pub index_bytes: i64,
    /// Rows that are deleted and still take room, where the database has such.
    pub dead_rows: Option<i64>,
}

/// How large the whole database is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseSize {
    pub bytes: i64,
    /// The embedded one's file.
    pub file: Option<PathBuf>,
    /// What the embedded one has written beside its file.
    pub wal_bytes: Option<i64>,
    /// Room in the embedded one's file that is free for new rows.
    pub free_bytes: Option<i64>,
}

/// How large a table was when somebody looked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    pub name: String,
    pub seen_at: DateTime<Utc>,
    pub rows: i64,
    pub bytes: i64,
}

/// An instance that lives, as the database knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Living {
    pub name: String,
    pub pid: i64,
}

impl From<(String, DateTime<Utc>)> for Held {
    fn from((holder, until): (String, DateTime<Utc>)) -> Self {
        Self { holder, until }
    }
}

impl From<(String, i64)> for Living {
    fn from((name, pid): (String, i64)) -> Self {
        Self { name, pid }
    }
}

/// How long runs of jobs are kept; a job's last is kept in any case.
const KEEP_RUNS: Duration = Duration::from_secs(7 * 86_400);
/// How long looks at sizes are kept.
const KEEP_LOOKS: Duration = Duration::from_secs(7 * 86_400);
/// A run that began so long ago, without its job's lease, is not under way any more.
const LOST_AFTER: Duration = Duration::from_secs(60);

/// What jobs and operators' commands ask of the database. All times are the database's, so that
/// the clocks of those who ask need not agree.
#[async_trait]
pub trait Upkeep: Send + Sync + 'static {
    /// The database's clock.
    async fn now(&self) -> Result<DateTime<Utc>, StoreError>;

    /// Takes the lease for `life`, unless another holder has it and their time is not over. One
    /// that ends far later than `life` was taken by a clock that went back since, and is over.
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

    /// Enters the run of `job` that is due at `due`; none if somebody has entered it before.
    async fn claim_run(
        &self,
        job: &str,
        due: DateTime<Utc>,
        instance: &str,
    ) -> Result<Option<RunId>, StoreError>;

    /// Enters a run of `job` that somebody asked for.
    async fn begin_run(&self, job: &str, instance: &str) -> Result<RunId, StoreError>;

    /// Says how a run ended, unless that is said already.
    async fn end_run(&self, run: RunId, result: &str, detail: &str) -> Result<(), StoreError>;

    /// The run of each job that was entered last, whatever the clock said then.
    async fn last_runs(&self) -> Result<Vec<Run>, StoreError>;

    /// Ends runs whose process was killed as `lost`, and forgets old ones, and those of a time
    /// that is still to come.
    async fn tidy_runs(&self) -> Result<(), StoreError>;

    /// This schema's tables, by name.
    async fn tables(&self) -> Result<Vec<TableSize>, StoreError>;

    async fn size(&self) -> Result<DatabaseSize, StoreError>;

    /// Writes down what was seen, for the next look, and forgets what was seen long ago.
    async fn note(&self, tables: &[TableSize]) -> Result<(), StoreError>;

    /// What was seen before, oldest first.
    async fn looks(&self) -> Result<Vec<Look>, StoreError>;

    /// Rooms that have more than `keep` messages, the oldest of them from before `before`.
    async fn crowded(&self, keep: usize, before: DateTime<Utc>) -> Result<Vec<RoomId>, StoreError>;

    /// How many messages are dated later than now, over all rooms.
    async fn dated_ahead(&self) -> Result<i64, StoreError>;

    /// How many sessions of instances wait in the database now, as far as it can tell.
    async fn waiting(&self) -> Result<u64, StoreError>;

    /// The instances that gave a sign of life within [`LEASE`](crate::store::LEASE).
    async fn living(&self) -> Result<Vec<Living>, StoreError>;

    async fn close(&self);
}

/// The same as [`open`], only to look: an embedded database may be where nothing can be written.
pub async fn look(url: &str, application: &str) -> Result<Arc<dyn Upkeep>, StoreError> {
    match open(url, application).await {
        Err(StoreError::Full(_) | StoreError::NotAllowed(_)) if url.starts_with("sqlite:") => {
            Ok(Arc::new(sqlite::SqliteUpkeep::look(url)?))
        }
        opened => opened,
    }
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
