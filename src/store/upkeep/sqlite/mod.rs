//! Upkeep on SQLite.
mod leases;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use super::{Held, Upkeep};
use crate::store::{StoreError, migrations};

/// A lease is renewed while something else is asked.
const CONNECTIONS: u32 = 2;
/// How long to wait for another process that writes.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct SqliteUpkeep {
    pool: SqlitePool,
}

impl SqliteUpkeep {
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        let options: SqliteConnectOptions = url
            .parse()
            .map_err(|e| StoreError::Unsupported(format!("db_url '{url}': {e}")))?;
        let file = options.get_filename();
        if !file.exists() {
            return Err(StoreError::Unavailable(format!(
                "there is no file {}; 'discordctl serve' makes it",
                file.display()
            )));
        }
        let migrated = migrations::Migrator::new(url).up(None).await;
        migrated.map_err(crate::store::sqlite::schema)?;
        let options = options
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
        Ok(Self { pool })
    }
}

/// A length of time as SQLite's date functions take it, looking ahead from now.
fn ahead(life: Duration) -> String {
    format!("+{:.3} seconds", life.as_secs_f64())
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

    async fn close(&self) {
        self.pool.close().await;
    }
}
