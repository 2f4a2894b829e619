//! PostgreSQL, looked at from outside. Everything is sent unprepared, so that a pooler in
//! transaction mode may stand between.
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Row};
use tokio::time::Instant;

use super::{Facts, Kind, MOST_NAMES, OddNames, canary_name};
use crate::model::{Nickname, RoomName};
use crate::store::{StoreError, pg_url};

/// For a connection; whoever asks may give up before.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Inspector(PgConnection);

/// What a server says of itself.
#[derive(Debug, Clone, Default)]
pub struct PostgresFacts {
    /// As `170002`.
    pub version: i32,
    pub settings: Vec<(String, String)>,
    pub extensions: Vec<String>,
    /// Clients of the whole server, and how many may be.
    pub clients: i64,
    pub most_clients: i64,
    /// It follows another server and can't be written to.
    pub standby: bool,
}

impl PostgresFacts {
    pub fn setting(&self, name: &str) -> Option<&str> {
        let found = self.settings.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Those that decide whether what was committed is still there after a crash, and what an
/// instance depends on.
const SETTINGS: &str = "SELECT name, setting FROM pg_settings WHERE name IN \
    ('fsync', 'full_page_writes', 'synchronous_commit', 'max_connections', \
     'default_transaction_read_only', 'statement_timeout', 'server_encoding', \
     'idle_in_transaction_session_timeout')";

const SERVER: &str = "SELECT current_setting('server_version_num')::int AS version, \
    pg_is_in_recovery() AS standby, clock_timestamp() AS now, \
    (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS clients";

const EXTENSIONS: &str = "SELECT extname FROM pg_extension ORDER BY extname";

impl Inspector {
    pub(super) async fn open(url: &str) -> Result<Self, StoreError> {
        let options = pg_url::options(url, "discordctl check")?;
        Ok(Self(pg_url::connect(&options, PATIENCE).await?))
    }

    pub(super) async fn canary(&mut self) -> Result<(), StoreError> {
        let name = canary_name();
        // All in one message: nothing is left open if the answer is never read.
        let sql = format!(
            "BEGIN; \
             INSERT INTO leases (name, holder, until) VALUES ('{name}', 'canary', now()); \
             SELECT holder FROM leases WHERE name = '{name}'; \
             ROLLBACK"
        );
        let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut self.0);
        let read: Option<String> = match rows.await?.first() {
            Some(row) => row.try_get("holder").ok(),
            None => None,
        };
        match read.as_deref() {
            Some("canary") => Ok(()),
            _ => Err(StoreError::Refused("what was written is not there".into())),
        }
    }

    pub(super) async fn odd_names(&mut self) -> Result<OddNames, StoreError> {
        let odd = |column: &str, table: &str, most: usize| {
            format!(
                "SELECT {column}::text AS name FROM {table} \
                 WHERE {column} !~ '^[A-Za-z0-9_.-]{{1,{most}}}$' \
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
        let rows = sqlx::raw_sql(AssertSqlSafe(sql))
            .fetch_all(&mut self.0)
            .await?;
        let names = rows.iter().map(|row| row.try_get("name"));
        Ok(names.collect::<Result<_, _>>()?)
    }

    pub(super) async fn facts(&mut self) -> Result<Facts, StoreError> {
        let mut facts = PostgresFacts::default();
        let start = Instant::now();
        let rows = self.all(SERVER).await?;
        let took = start.elapsed();
        let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
        facts.version = row.try_get("version")?;
        facts.standby = row.try_get("standby")?;
        facts.clients = row.try_get("clients")?;
        let now: DateTime<Utc> = row.try_get("now")?;
        for row in self.all(SETTINGS).await? {
            facts
                .settings
                .push((row.try_get("name")?, row.try_get("setting")?));
        }
        for row in self.all(EXTENSIONS).await? {
            facts.extensions.push(row.try_get("extname")?);
        }
        let most = facts.setting("max_connections");
        facts.most_clients = most.and_then(|most| most.parse().ok()).unwrap_or(0);
        Ok(Facts {
            now,
            took,
            of: Kind::Postgres(facts),
        })
    }

    async fn all(&mut self, query: &'static str) -> Result<Vec<PgRow>, sqlx::Error> {
        sqlx::raw_sql(query).fetch_all(&mut self.0).await
    }
}
