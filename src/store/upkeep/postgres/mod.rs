//! Upkeep on PostgreSQL.
//!
//! Each call is a transaction of statements that are not prepared, so that a pooler in
//! transaction mode may stand between.
mod leases;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::postgres::{PgPool, PgPoolOptions};
use tokio::time::timeout;

use super::{Held, Upkeep};
use crate::store::{StoreError, migrations, pg_url};

/// A lease is renewed while something else is asked.
const CONNECTIONS: u32 = 2;
/// How long to wait for a connection, and for what takes no time where all is well.
const PATIENCE: Duration = Duration::from_secs(5);
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
            let mut connection = pool.acquire().await.map_err(pg_url::unreachable)?;
            let applied = applied.fetch_all(&mut *connection).await;
            applied.map_err(StoreError::from)
        };
        migrations::fits(soon(applied).await)?;
        Ok(Self { pool })
    }
}

/// `answer`, or that the database gave none in time.
async fn soon<T, E: Into<StoreError>>(
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, StoreError> {
    match timeout(PATIENCE * 2, answer).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(_) => Err(StoreError::Unavailable("no answer in time".into())),
    }
}

#[async_trait]
impl Upkeep for PostgresUpkeep {
    async fn now(&self) -> Result<DateTime<Utc>, StoreError> {
        let now = sqlx::query_scalar("SELECT clock_timestamp()").persistent(false);
        soon(now.fetch_one(&self.pool)).await
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

    async fn close(&self) {
        self.pool.close().await;
    }
}
