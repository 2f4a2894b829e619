//! Looking at a database from outside, over one connection of its own: so it can be seen also when
//! the instances have none left. Nothing is prepared, so that a pooler in transaction mode may
//! stand between.
mod accounts;
mod replication;
mod role;

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use tokio::time::Instant;

use super::StoreError;
use super::embedded::{Embedded, Use};
use super::servers::Servers;
use super::session::Row;
use super::sql::Sql;

pub use accounts::{Accounts, Owner};
pub use replication::{Archiving, Replication, Slot, Standby};
pub use role::{Role, Standing};

/// One connection. Nothing here but connecting has a deadline of its own: the caller sets one, and
/// a call that is dropped half way leaves nothing behind but a connection that is then closed.
pub struct Inspector(Link);

enum Link {
    Postgres(PgConnection),
    Sqlite(SqliteConnection),
}

/// What a database says of itself, to one that looks for what is wrong.
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

#[derive(Debug, Clone)]
pub struct PostgresFacts {
    /// As `170002`.
    pub version: i32,
    pub settings: Vec<(String, String)>,
    pub extensions: Vec<String>,
    /// Clients of the whole server.
    pub clients: i64,
    /// It follows another server and cannot be written to.
    pub standby: bool,
}

impl PostgresFacts {
    pub fn setting(&self, name: &str) -> Option<&str> {
        let found = self.settings.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// How many clients there may be.
    pub fn most_clients(&self) -> i64 {
        let most = self.setting("max_connections");
        most.and_then(|most| most.parse().ok()).unwrap_or(0)
    }
}

#[derive(Debug, Clone)]
pub struct SqliteFacts {
    pub version: String,
    /// `wal`, where an instance made it.
    pub journal: String,
    pub bytes: i64,
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

/// Whether a room's name is odd, in PostgreSQL and in SQLite: a workspace's may stand before it, and a
/// direct room's is made of numbers.
const ODD_ROOM: (&str, &str) = (
    "name !~ '^([A-Za-z0-9_.-]{1,32}/)?[A-Za-z0-9_.-]{1,64}$' AND name !~ '^@[0-9]+([+][0-9]+)*$'",
    "(replace(name, '/', '') GLOB '*[^-A-Za-z0-9_.]*' OR name GLOB '*/*/*'
       OR length(substr(name, instr(name, '/') + 1)) NOT BETWEEN 1 AND 64)
     AND NOT (name GLOB '@[0-9]*' AND substr(name, 2) NOT GLOB '*[^0-9+]*')",
);
const ODD_NICKNAME: (&str, &str) = (
    "nickname !~ '^[A-Za-z0-9_.-]{1,32}$'",
    "nickname GLOB '*[^-A-Za-z0-9_.]*' OR length(nickname) NOT BETWEEN 1 AND 32",
);
/// For a connection to a server; the caller may give up before.
const PATIENCE: Duration = Duration::from_secs(60);

const SERVER: &str = "SELECT current_setting('server_version_num')::int, pg_is_in_recovery(), \
    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')";

/// Those that decide whether what was committed is still there after a crash, and what an
/// instance depends on.
const SETTINGS: &str = "SELECT name, setting FROM pg_settings WHERE name IN \
    ('fsync', 'full_page_writes', 'synchronous_commit', 'max_connections', \
     'default_transaction_read_only', 'statement_timeout', 'server_encoding', \
     'idle_in_transaction_session_timeout')";

const EXTENSIONS: &str = "SELECT extname FROM pg_extension ORDER BY extname";

const FILE: &str = "SELECT sqlite_version(), (SELECT journal_mode FROM pragma_journal_mode), \
    (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size)";

impl Inspector {
    /// Connects. An embedded database that is not there is not made.
    ///
    /// # Errors
    /// Fails where it cannot be reached, or an embedded one cannot be written to.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        if url.starts_with("sqlite:") {
            let database = Embedded::of(url)?;
            database.check(Use::Write)?;
            let options = database.options().create_if_missing(false);
            let link = SqliteConnection::connect_with(&options).await?;
            return Ok(Self(Link::Sqlite(link)));
        }
        let servers = Servers::of(url, "discordctl check")?;
        let found = servers.connect(PATIENCE).await?;
        Ok(Self(Link::Postgres(found.connection)))
    }

    /// Writes a row, reads it back, and takes it away again, in one transaction.
    ///
    /// # Errors
    /// Fails where any of this does.
    pub async fn canary(&mut self) -> Result<(), StoreError> {
        // A lease that no process takes.
        let name = format!("check:{}", std::process::id());
        let begin = self.either("BEGIN", "BEGIN IMMEDIATE");
        // All in one message: nothing is left open if the answer is never read.
        let sql = format!(
            "{begin}; \
             INSERT INTO leases (name, holder, until) VALUES ('{name}', 'canary', @now); \
             SELECT holder FROM leases WHERE name = '{name}'; \
             ROLLBACK"
        );
        let read: Vec<(String,)> = self.all(&sql).await?;
        match &read[..] {
            [(holder,)] if holder == "canary" => Ok(()),
            _ => Err(StoreError::Refused("what was written is not there".into())),
        }
    }

    /// Names that could not be given any more, as many as are worth listing.
    ///
    /// # Errors
    /// Fails where there is no schema.
    pub async fn odd_names(&mut self) -> Result<OddNames, StoreError> {
        Ok(OddNames {
            rooms: self.odd("name", "rooms", ODD_ROOM).await?,
            nicknames: self.odd("nickname", "users", ODD_NICKNAME).await?,
        })
    }

    async fn odd(
        &mut self,
        column: &str,
        table: &str,
        (in_postgres, in_sqlite): (&str, &str),
    ) -> Result<Vec<String>, sqlx::Error> {
        let odd = self.either(in_postgres, in_sqlite);
        let sql = format!(
            "SELECT CAST({column} AS text) FROM {table} \
             WHERE ({odd}) OR lower({column}) IN ('headcount', 'system', '.', '..') \
             ORDER BY id LIMIT {MOST_NAMES}"
        );
        self.texts(&sql).await
    }

    /// # Errors
    /// Fails where the database does not answer.
    pub async fn facts(&mut self) -> Result<Facts, StoreError> {
        let start = Instant::now();
        let (now,) = self.first("SELECT @now").await?;
        let took = start.elapsed();
        let of = match self.0 {
            Link::Postgres(_) => {
                let (version, standby, clients) = self.first(SERVER).await?;
                Kind::Postgres(PostgresFacts {
                    version,
                    settings: self.all(SETTINGS).await?,
                    extensions: self.texts(EXTENSIONS).await?,
                    clients,
                    standby,
                })
            }
            Link::Sqlite(_) => {
                let (version, journal, bytes) = self.first(FILE).await?;
                Kind::Sqlite(SqliteFacts {
                    version,
                    journal,
                    bytes,
                })
            }
        };
        Ok(Facts { now, took, of })
    }

    /// What is said otherwise to each kind.
    fn either<T>(&self, postgres: T, sqlite: T) -> T {
        match self.0 {
            Link::Postgres(_) => postgres,
            Link::Sqlite(_) => sqlite,
        }
    }

    async fn texts(&mut self, sql: &str) -> Result<Vec<String>, sqlx::Error> {
        let rows: Vec<(String,)> = self.all(sql).await?;
        Ok(rows.into_iter().map(|(text,)| text).collect())
    }

    async fn first<T: Row>(&mut self, sql: &str) -> Result<T, sqlx::Error> {
        let first = self.all(sql).await?.into_iter().next();
        first.ok_or(sqlx::Error::RowNotFound)
    }

    async fn all<T: Row>(&mut self, sql: &str) -> Result<Vec<T>, sqlx::Error> {
        match &mut self.0 {
            Link::Postgres(link) => {
                let rows = sqlx::raw_sql(Sql::postgres(sql.to_owned()))
                    .fetch_all(link)
                    .await?;
                rows.iter().map(T::from_row).collect()
            }
            Link::Sqlite(link) => {
                let rows = sqlx::raw_sql(Sql::sqlite(sql.to_owned()))
                    .fetch_all(link)
                    .await?;
                rows.iter().map(T::from_row).collect()
            }
        }
    }
}
