//! What a database tells about itself to a program that watches: over a connection of the watcher's
//! own, so that it can be seen also when the instances have none left.
use std::time::Duration;

use serde::Serialize;

use super::embedded::Embedded;
use super::{StoreError, postgres};

/// How a database is doing.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Activity {
    Postgres(PostgresActivity),
    Sqlite(SqliteActivity),
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PostgresActivity {
    pub max_connections: i64,
    pub connections: Vec<Connections>,
    /// What runs, longest first.
    pub slowest: Vec<Query>,
    /// Where time went since the statistics began; `None` without `pg_stat_statements`.
    pub statements: Option<Vec<Statement>>,
    pub database_bytes: i64,
    /// `messages`, `users`, `rooms`.
    pub tables: Vec<Table>,
}

/// Clients of the whole server that do the same.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Connections {
    /// `active`, `idle`, …
    pub state: String,
    pub count: i64,
}

/// A table with its indexes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Table {
    pub table: String,
    pub bytes: i64,
}

/// A transaction or query that is under way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Query {
    pub pid: i32,
    pub application: String,
    pub state: String,
    pub waits_for: Option<String>,
    pub seconds: f64,
    pub query: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Statement {
    pub calls: i64,
    pub mean_ms: f64,
    pub query: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SqliteActivity {
    pub file_bytes: u64,
    /// What is not yet in the file itself.
    pub wal_bytes: u64,
}

/// Watches one database; connects when it is asked and is not connected.
pub enum Observer {
    Postgres(Box<postgres::Observer>),
    /// There is no server that could be asked: only the sizes of its files are known.
    Sqlite(Embedded),
}

impl Observer {
    /// `patience` is for one look, connecting included.
    ///
    /// # Errors
    /// Fails where `url` names no database.
    pub fn new(url: &str, patience: Duration) -> Result<Self, StoreError> {
        Ok(if url.starts_with("sqlite:") {
            Self::Sqlite(Embedded::of(url)?)
        } else {
            Self::Postgres(Box::new(postgres::Observer::new(url, patience)?))
        })
    }

    /// # Errors
    /// Fails where the database does not answer, or its file is not there.
    pub async fn look(&mut self) -> Result<Activity, StoreError> {
        match self {
            Self::Postgres(observer) => observer.look().await.map(Activity::Postgres),
            Self::Sqlite(database) => {
                let file = database.main();
                let found = std::fs::metadata(file).map_err(|error| {
                    StoreError::Unavailable(format!("{}: {error}", file.display()))
                })?;
                Ok(Activity::Sqlite(SqliteActivity {
                    file_bytes: found.len(),
                    wal_bytes: database.log_bytes(),
                }))
            }
        }
    }
}
