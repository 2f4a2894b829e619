//! An embedded database, looked at beside the instances that have it open.
use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection as _, Row};
use tokio::time::Instant;

use super::{Facts, Kind, MOST_NAMES, OddNames, canary_name};
use crate::model::{Nickname, RoomName};
use crate::store::StoreError;
use crate::store::embedded::{Embedded, Use};

pub struct Inspector(SqliteConnection);

#[derive(Debug, Clone, Default)]
pub struct SqliteFacts {
    pub version: String,
    /// `wal`, where an instance made it.
    pub journal: String,
    pub bytes: i64,
}

const FACTS: &str = "SELECT sqlite_version() AS version, \
    (SELECT journal_mode FROM pragma_journal_mode) AS journal, \
    (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size) AS bytes, \
    strftime('%Y-%m-%dT%H:%M:%fZ') AS now";

impl Inspector {
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        let database = Embedded::of(url)?;
        database.check(Use::Write)?;
        let options = database.options().create_if_missing(false);
        Ok(Self(SqliteConnection::connect_with(&options).await?))
    }

    pub(super) async fn canary(&mut self) -> Result<(), StoreError> {
        let name = canary_name();
        // The transaction is rolled back when it is dropped.
        let mut transaction = self.0.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query("INSERT INTO leases (name, holder, until) VALUES (?1, 'canary', '')")
            .bind(&name)
            .execute(&mut *transaction)
            .await?;
        let read: Option<String> = sqlx::query_scalar("SELECT holder FROM leases WHERE name = ?1")
            .bind(&name)
            .fetch_optional(&mut *transaction)
            .await?;
        transaction.rollback().await?;
        match read.as_deref() {
            Some("canary") => Ok(()),
            _ => Err(StoreError::Refused("what was written is not there".into())),
        }
    }

    pub(super) async fn odd_names(&mut self) -> Result<OddNames, StoreError> {
        let odd = |column: &str, table: &str, most: usize| {
            format!(
                "SELECT {column} AS name FROM {table} \
                 WHERE {column} GLOB '*[^-A-Za-z0-9_.]*' \
                    OR length({column}) NOT BETWEEN 1 AND {most} \
                    OR lower({column}) IN ('headcount', 'system', '.', '..') \
                 ORDER BY id LIMIT {MOST_NAMES}"
            )
        };
        Ok(OddNames {
            rooms: self.names(odd("name", "rooms", RoomName::MAX)).await?,
            nicknames: self.names(odd("nickname", "users", Nickname::MAX)).await?,
        })
    }

    async fn names(&mut self, sql: String) -> Result<Vec<String>, StoreError> {
        let names = sqlx::query_scalar(AssertSqlSafe(sql));
        Ok(names.fetch_all(&mut self.0).await?)
    }

    pub(super) async fn facts(&mut self) -> Result<Facts, StoreError> {
        let start = Instant::now();
        let row = sqlx::query(FACTS).fetch_one(&mut self.0).await?;
        let took = start.elapsed();
        let now: String = row.try_get("now")?;
        let now = DateTime::parse_from_rfc3339(&now)
            .map_err(|e| StoreError::Refused(format!("its clock says '{now}': {e}")))?;
        let facts = SqliteFacts {
            version: row.try_get("version")?,
            journal: row.try_get("journal")?,
            bytes: row.try_get("bytes")?,
        };
        Ok(Facts {
            now: now.with_timezone(&Utc),
            took,
            of: Kind::Sqlite(facts),
        })
    }
}
