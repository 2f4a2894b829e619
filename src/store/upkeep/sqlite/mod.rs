//! Upkeep on SQLite.
mod leases;
mod load;
mod runs;
mod sizes;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::sqlite::{SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use tokio::sync::Mutex;

use super::{DatabaseSize, Held, Living, Look, Run, RunId, TableSize, Upkeep};
use crate::model::RoomId;
use crate::store::embedded::{Embedded, Hold, Use};
use crate::store::{StoreError, migrations};

/// A lease is renewed while something else is asked.
const CONNECTIONS: u32 = 2;
/// How long to wait for another process that writes.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct SqliteUpkeep {
    pool: SqlitePool,
    database: Embedded,
    hold: Mutex<Option<Hold>>,
}

impl SqliteUpkeep {
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        let database = Embedded::of(url)?;
        database.check(Use::Write)?;
        let hold = Hold::shared(&database).await?;
        let migrated = migrations::Migrator::new(url).up(None).await;
        migrated.map_err(crate::store::sqlite::schema)?;
        let options = database
            .options()
            .create_if_missing(false)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(PATIENCE);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(PATIENCE)
            .connect_lazy_with(options);
        let applied = sqlx::query_as(migrations::APPLIED).fetch_all(&pool).await;
        migrations::fits(applied.map_err(StoreError::from))?;
        Ok(Self {
            pool,
            database,
            hold: Mutex::new(Some(hold)),
        })
    }
}

impl SqliteUpkeep {
    /// Only to look, where nothing can be written.
    pub(super) fn look(url: &str) -> Result<Self, StoreError> {
        let database = Embedded::of(url)?;
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(PATIENCE)
            .connect_lazy_with(database.to_read()?);
        Ok(Self {
            pool,
            database,
            hold: Mutex::new(None),
        })
    }
}

/// A length of time as SQLite's date functions take it, looking ahead from now.
fn ahead(life: Duration) -> String {
    format!("+{:.3} seconds", life.as_secs_f64())
}

/// The same, looking back.
fn ago(life: Duration) -> String {
    format!("-{:.3} seconds", life.as_secs_f64())
}

#[async_trait]
impl Upkeep for SqliteUpkeep {
    async fn now(&self) -> Result<DateTime<Utc>, StoreError> {
        let now = sqlx::query_scalar("SELECT strftime('%Y-%m-%dT%H:%M:%fZ', 'now')");
        Ok(now.fetch_one(&self.pool).await?)
    }

    async fn take_lease(
        &self,
        name: &str,
        holder: &str,
        life: Duration,
    ) -> Result<Result<(), Held>, StoreError> {
        Ok(leases::take(&self.pool, name, holder, life).await?)
    }

    async fn renew_lease(
        &self,
        name: &str,
        holder: &str,
        life: Duration,
    ) -> Result<bool, StoreError> {
        Ok(leases::renew(&self.pool, name, holder, life).await?)
    }

    async fn release_lease(&self, name: &str, holder: &str) -> Result<(), StoreError> {
        Ok(leases::release(&self.pool, name, holder).await?)
    }

    async fn lease(&self, name: &str) -> Result<Option<Held>, StoreError> {
        Ok(leases::held(&self.pool, name).await?)
    }

    async fn claim_run(
        &self,
        job: &str,
        due: DateTime<Utc>,
        instance: &str,
    ) -> Result<Option<RunId>, StoreError> {
        Ok(runs::claim(&self.pool, job, due, instance).await?)
    }

    async fn begin_run(&self, job: &str, instance: &str) -> Result<RunId, StoreError> {
        Ok(runs::begin(&self.pool, job, instance).await?)
    }

    async fn end_run(&self, run: RunId, result: &str, detail: &str) -> Result<(), StoreError> {
        Ok(runs::end(&self.pool, run, result, detail).await?)
    }

    async fn last_runs(&self) -> Result<Vec<Run>, StoreError> {
        Ok(runs::last(&self.pool).await?)
    }

    async fn tidy_runs(&self) -> Result<(), StoreError> {
        Ok(runs::tidy(&self.pool).await?)
    }

    async fn tables(&self) -> Result<Vec<TableSize>, StoreError> {
        Ok(sizes::tables(&self.pool).await?)
    }

    async fn size(&self) -> Result<DatabaseSize, StoreError> {
        Ok(sizes::database(&self.pool, &self.database).await?)
    }

    async fn note(&self, tables: &[TableSize]) -> Result<(), StoreError> {
        Ok(sizes::note(&self.pool, tables).await?)
    }

    async fn looks(&self) -> Result<Vec<Look>, StoreError> {
        Ok(sizes::looks(&self.pool).await?)
    }

    async fn crowded(&self, keep: usize, before: DateTime<Utc>) -> Result<Vec<RoomId>, StoreError> {
        Ok(load::crowded(&self.pool, keep, before).await?)
    }

    async fn dated_ahead(&self) -> Result<i64, StoreError> {
        Ok(load::dated_ahead(&self.pool).await?)
    }

    /// It does not know: who waits for its lock waits in their own process.
    async fn waiting(&self) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn living(&self) -> Result<Vec<Living>, StoreError> {
        Ok(sizes::living(&self.pool).await?)
    }

    async fn close(&self) {
        self.pool.close().await;
        if let Some(hold) = self.hold.lock().await.take()
            && let Err(error) = hold.leave().await
        {
            tracing::warn!(%error, "can't take in the database's log");
        }
    }
}
