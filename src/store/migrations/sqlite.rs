//! refinery over an SQLite connection of sqlx. The embedded database migrates itself at start.
use refinery_core::traits::r#async::{AsyncQuery, AsyncTransaction};
use refinery_core::{AsyncMigrate, Migration, Runner};
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::HISTORY;
use crate::store::StoreError;

const STEPS: [(&str, &str); 1] = [(
    "V1__initial",
    include_str!("../../../migrations/sqlite/V1__initial.sql"),
)];

/// Brings the schema up to date. Two processes at once apply it once: whoever comes second
/// waits for the write lock and then finds nothing to do.
pub(in crate::store) async fn migrate(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let steps: Result<Vec<_>, _> = STEPS
        .iter()
        .map(|(name, sql)| Migration::unapplied(name, sql))
        .collect();
    let mut runner = Runner::new(&steps.map_err(schema)?).set_abort_missing(false);
    runner.set_migration_table_name(HISTORY);
    let mut locked = Locked(connection.begin_with("BEGIN IMMEDIATE").await?);
    runner.run_async(&mut locked).await.map_err(schema)?;
    locked.0.commit().await?;
    Ok(())
}

fn schema(error: refinery_core::Error) -> StoreError {
    StoreError::Schema(format!("can't migrate the embedded database: {error}"))
}

/// A connection inside the one transaction that holds the write lock for the whole run.
struct Locked<'c>(sqlx::Transaction<'c, sqlx::Sqlite>);

impl AsyncTransaction for Locked<'_> {
    type Error = sqlx::Error;

    async fn execute<'a, T: Iterator<Item = &'a str> + Send + 'a>(
        &'a mut self,
        queries: T,
    ) -> Result<usize, sqlx::Error> {
        let mut count = 0;
        for query in queries {
            sqlx::raw_sql(AssertSqlSafe(query))
                .execute(&mut *self.0)
                .await?;
            count += 1;
        }
        Ok(count)
    }
}

impl AsyncQuery<Vec<Migration>> for Locked<'_> {
    async fn query<'a>(&'a mut self, query: &'a str) -> Result<Vec<Migration>, sqlx::Error> {
        let rows: Vec<(i32, String, String, String)> = sqlx::query_as(AssertSqlSafe(query))
            .fetch_all(&mut *self.0)
            .await?;
        rows.into_iter().map(applied).collect()
    }
}

impl AsyncMigrate for Locked<'_> {}

fn applied(
    (version, name, on, checksum): (i32, String, String, String),
) -> Result<Migration, sqlx::Error> {
    let on = OffsetDateTime::parse(&on, &Rfc3339).map_err(|e| sqlx::Error::Decode(e.into()))?;
    let checksum = checksum
        .parse()
        .map_err(|e| sqlx::Error::Decode(Box::new(e)))?;
    Ok(Migration::applied(version, name, on, checksum))
}
