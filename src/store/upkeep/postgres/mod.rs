//! Upkeep on PostgreSQL.
//!
//! Each call is a transaction of statements that are not prepared, so that a pooler in
//! transaction mode may stand between.
mod leases;
mod load;
mod runs;
mod sizes;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::postgres::{PgPool, PgPoolOptions};
use tokio::time::timeout;

use super::{DatabaseSize, Held, Living, Look, Run, RunId, TableSize, Upkeep};
use crate::model::RoomId;
use crate::store::{StoreError, migrations, pg_url};

/// A lease is renewed while something else is asked.
const CONNECTIONS: u32 = 2;
/// How long to wait for a connection, and for what takes no time where all is well.
const PATIENCE: Duration = Duration::from_secs(5);
/// For what looks at whole tables.
const SCAN: Duration = Duration::from_secs(300);
const IDLE: Duration = Duration::from_secs(10);

pub(super) struct PostgresUpkeep {
    pool: PgPool,
}

impl PostgresUpkeep {
    pub(super) async fn open(url: &str, application: &str) -> Result<Self, StoreError> {
        let options = pg_url::read(url)?
            .application_name(application)
            .extra_float_digits(None);
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(PATIENCE)
            .idle_timeout(IDLE)
            .connect_lazy_with(options);
        let applied = sqlx::query_as(migrations::APPLIED).persistent(false);
        let applied = async {
            let mut tx = pool.begin().await.map_err(pg_url::unreachable)?;
            let applied = applied.fetch_all(&mut *tx).await;
            applied.map_err(StoreError::from)
        };
        let hidden = async {
            let mut tx = pool.begin().await?;
            let hidden = sqlx::query_as(migrations::HIDDEN).persistent(false);
            hidden.fetch_all(&mut *tx).await
        };
        migrations::fits_and_shows(soon(applied).await, soon(hidden)).await?;
        Ok(Self { pool })
    }
}

/// `answer`, or that the database gave none in time.
async fn soon<T, E: Into<StoreError>>(
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, StoreError> {
    within(PATIENCE * 2, answer).await
}

async fn within<T, E: Into<StoreError>>(
    time: Duration,
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, StoreError> {
    match timeout(time, answer).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(_) => Err(StoreError::Unavailable("no answer in time".into())),
    }
}

#[async_trait]
impl Upkeep for PostgresUpkeep {
    async fn now(&self) -> Result<DateTime<Utc>, StoreError> {
        let now = async {
            let mut tx = self.pool.begin().await?;
            let now = sqlx::query_scalar("SELECT clock_timestamp()").persistent(false);
            let now = now.fetch_one(&mut *tx).await?;
            tx.commit().await?;
            Ok::<_, sqlx::Error>(now)
        };
        soon(now).await
    }

    async fn take_lease(
        &self,
        name: &str,
        holder: &str,
        life: Duration,
    ) -> Result<Result<(), Held>, StoreError> {
        soon(leases::take(&self.pool, name, holder, life)).await
    }

    async fn renew_lease(
        &self,
        name: &str,
        holder: &str,
        life: Duration,
    ) -> Result<bool, StoreError> {
        soon(leases::renew(&self.pool, name, holder, life)).await
    }

    async fn release_lease(&self, name: &str, holder: &str) -> Result<(), StoreError> {
        soon(leases::release(&self.pool, name, holder)).await
    }

    async fn lease(&self, name: &str) -> Result<Option<Held>, StoreError> {
        soon(leases::held(&self.pool, name)).await
    }

    async fn claim_run(
        &self,
        job: &str,
        due: DateTime<Utc>,
        instance: &str,
    ) -> Result<Option<RunId>, StoreError> {
        soon(runs::claim(&self.pool, job, due, instance)).await
    }

    async fn begin_run(&self, job: &str, instance: &str) -> Result<RunId, StoreError> {
        soon(runs::begin(&self.pool, job, instance)).await
    }

    async fn end_run(&self, run: RunId, result: &str, detail: &str) -> Result<(), StoreError> {
        soon(runs::end(&self.pool, run, result, detail)).await
    }

    async fn last_runs(&self) -> Result<Vec<Run>, StoreError> {
        soon(runs::last(&self.pool)).await
    }

    async fn tidy_runs(&self) -> Result<(), StoreError> {
        soon(runs::tidy(&self.pool)).await
    }

    async fn tables(&self) -> Result<Vec<TableSize>, StoreError> {
        within(SCAN, sizes::tables(&self.pool)).await
    }

    async fn size(&self) -> Result<DatabaseSize, StoreError> {
        soon(sizes::database(&self.pool)).await
    }

    async fn note(&self, tables: &[TableSize]) -> Result<(), StoreError> {
        soon(sizes::note(&self.pool, tables)).await
    }

    async fn looks(&self) -> Result<Vec<Look>, StoreError> {
        soon(sizes::looks(&self.pool)).await
    }

    async fn crowded(&self, keep: usize, before: DateTime<Utc>) -> Result<Vec<RoomId>, StoreError> {
        within(SCAN, load::crowded(&self.pool, keep, before)).await
    }

    async fn dated_ahead(&self) -> Result<i64, StoreError> {
        soon(load::dated_ahead(&self.pool)).await
    }

    async fn waiting(&self) -> Result<u64, StoreError> {
        soon(load::waiting(&self.pool)).await
    }

    async fn living(&self) -> Result<Vec<Living>, StoreError> {
        soon(sizes::living(&self.pool)).await
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}
