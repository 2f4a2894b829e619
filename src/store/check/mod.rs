//! Looking at a database from outside, over one connection of the looker's own: so it can be
//! seen also when the instances have none left.
mod postgres;
mod sqlite;

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::StoreError;

pub use postgres::PostgresFacts;
pub use sqlite::SqliteFacts;

/// One connection. Nothing here has a deadline of its own: whoever asks sets one, and a call
/// that is dropped half way leaves nothing behind but a connection that is then closed.
pub enum Inspector {
    Postgres(postgres::Inspector),
    Sqlite(sqlite::Inspector),
}

/// What a database says of itself, for whoever looks for what is wrong.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The database's clock, at the middle of the question that took so long.
    pub now: DateTime<Utc>,
    pub took: Duration,
    pub of: Kind,
}

#[derive(Debug, Clone)]
pub enum Kind {
    Postgres(PostgresFacts),
    Sqlite(SqliteFacts),
}

/// Names from an older version, or from an operator's hand, that `RoomName::parse` and
/// `Nickname::parse` refuse.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OddNames {
    pub rooms: Vec<String>,
    pub nicknames: Vec<String>,
}

/// So many of each.
const MOST_NAMES: i64 = 20;

impl Inspector {
    /// Connects. An embedded database that is not there is not made.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        Ok(if url.starts_with("sqlite:") {
            Self::Sqlite(sqlite::Inspector::open(url).await?)
        } else {
            Self::Postgres(postgres::Inspector::open(url).await?)
        })
    }

    /// Writes a row, reads it back, and takes it away again, in one transaction.
    pub async fn canary(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Postgres(inspector) => inspector.canary().await,
            Self::Sqlite(inspector) => inspector.canary().await,
        }
    }

    /// Names that could not be given any more, as many as are worth listing.
    pub async fn odd_names(&mut self) -> Result<OddNames, StoreError> {
        match self {
            Self::Postgres(inspector) => inspector.odd_names().await,
            Self::Sqlite(inspector) => inspector.odd_names().await,
        }
    }

    pub async fn facts(&mut self) -> Result<Facts, StoreError> {
        match self {
            Self::Postgres(inspector) => inspector.facts().await,
            Self::Sqlite(inspector) => inspector.facts().await,
        }
    }
}

/// The name under which a canary is written: no lease of anybody's.
fn canary_name() -> String {
    format!("check:{}", std::process::id())
}
