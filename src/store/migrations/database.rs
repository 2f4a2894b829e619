//! The database that is migrated, of either kind: one connection that nothing else uses.
use std::time::Duration;

use refinery_core::Migration;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection, FromRow};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::{Instant, sleep};

use super::error::MigrateError;
use super::{HIDDEN, HISTORY};
use crate::store::embedded::{Embedded, Hold, Use};
use crate::store::servers::Servers;
use crate::store::{StoreError, pg_url};

/// How long to wait for a server to answer at all.
const CONNECT: Duration = Duration::from_secs(5);
/// The holder of this advisory lock of the database migrates it. Any number will do.
const LOCK: i64 = 0x0064_6973_636f_7264;
const LOOK_AGAIN: Duration = Duration::from_millis(100);

pub(super) enum Database {
    Postgres(PgConnection),
    Sqlite(SqliteConnection, Option<Hold>),
}

/// What it is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To look, also where nothing can be written.
    Look,
    Change,
    /// To change one that is made if it is not there.
    Make,
}

/// A row of `schema_steps`: what refinery's table has no column for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) version: i32,
    pub(super) dirty: bool,
}

impl Database {
    /// Connects; `None` if there is no such SQLite file, and it is not to be made.
    pub(super) async fn open(url: &str, purpose: Purpose) -> Result<Option<Self>, MigrateError> {
        if url.starts_with("sqlite:") {
            return Self::embedded(&Embedded::of(url)?, purpose).await;
        }
        if purpose != Purpose::Look {
            pg_url::without_pooler(&pg_url::parse(url)?, "migrating")?;
        }
        let name = format!("discordctl migrate, pid {}", std::process::id());
        let found = Servers::of(url, &name)?.connect(CONNECT).await?;
        Ok(Some(Self::Postgres(found.connection)))
    }

    async fn embedded(of: &Embedded, purpose: Purpose) -> Result<Option<Self>, MigrateError> {
        if purpose == Purpose::Make {
            of.make()?;
        }
        let may = match purpose {
            Purpose::Look => of.check(Use::Read),
            Purpose::Change | Purpose::Make => of.check(Use::Write),
        };
        match may {
            Err(StoreError::Missing(_)) => return Ok(None),
            may => may?,
        }
        if purpose == Purpose::Look {
            return Ok(Some(Self::Sqlite(of.read().await?, None)));
        }
        let hold = Hold::shared(of).await?;
        let options = of.options().create_if_missing(false).foreign_keys(true);
        let connection = SqliteConnection::connect_with(&options).await?;
        Ok(Some(Self::Sqlite(connection, Some(hold))))
    }

    /// Lets go of it; what was done is done.
    pub(super) async fn close(self) -> Result<(), MigrateError> {
        match self {
            Self::Postgres(connection) => connection.close().await?,
            Self::Sqlite(connection, hold) => {
                connection.close().await?;
                if let Some(hold) = hold {
                    hold.leave().await?;
                }
            }
        }
        Ok(())
    }

    pub(super) async fn run(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql));
        match self {
            Self::Postgres(connection) => sql.execute(connection).await.map(|_| ()),
            Self::Sqlite(connection, _) => sql.execute(connection).await.map(|_| ()),
        }
    }

    /// Begins a transaction. On PostgreSQL no statement in it waits longer than `lock_timeout`
    /// for a lock, because all that come later wait behind it.
    pub(super) async fn begin(&mut self, lock_timeout: Duration) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(..) => self.run("BEGIN IMMEDIATE").await,
            Self::Postgres(_) => {
                let millis = lock_timeout.as_millis();
                let begin = format!("BEGIN; SET LOCAL lock_timeout = {millis}");
                self.run(&begin).await
            }
        }
    }

    /// Makes sure that no other process migrates while this connection lives. SQLite needs no more
    /// than its transactions: only one writes at a time.
    pub(super) async fn lock(&mut self, wait: Duration) -> Result<(), MigrateError> {
        let Self::Postgres(connection) = self else {
            return self.run_busy_timeout(wait).await;
        };
        let since = Instant::now();
        // To ask again and again instead of waiting inside the server: a waiting statement
        // holds a snapshot, and CREATE INDEX CONCURRENTLY would wait for that for ever.
        loop {
            let free: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
                .bind(LOCK)
                .fetch_one(&mut *connection)
                .await?;
            if free {
                return Ok(());
            }
            if since.elapsed() >= wait {
                return Err(MigrateError::Locked {
                    holder: holder(connection).await?,
                    waited: wait,
                });
            }
            sleep(LOOK_AGAIN.min(wait)).await;
        }
    }

    async fn run_busy_timeout(&mut self, wait: Duration) -> Result<(), MigrateError> {
        let millis = wait.as_millis();
        Ok(self.run(&format!("PRAGMA busy_timeout = {millis}")).await?)
    }

    /// What was applied, in order; nothing if it never was.
    pub(super) async fn history(&mut self) -> Result<Vec<Migration>, MigrateError> {
        type Row = (i32, String, String, String);
        if !self.has_table(HISTORY).await? {
            return self.hidden().await.map(|()| Vec::new());
        }
        let sql = "SELECT version, name, applied_on, checksum FROM schema_migrations
                   ORDER BY version";
        let rows: Vec<Row> = match self {
            Self::Postgres(c) => unprepared(c, sql).await?,
            Self::Sqlite(c, _) => sqlx::query_as(sql).fetch_all(c).await?,
        };
        Ok(rows.into_iter().map(applied).collect::<Result<_, _>>()?)
    }

    pub(super) async fn marks(&mut self) -> Result<Vec<Mark>, MigrateError> {
        if !self.has_table("schema_steps").await? {
            return Ok(Vec::new());
        }
        let sql = "SELECT version, dirty FROM schema_steps ORDER BY version";
        let rows: Vec<(i32, bool)> = match self {
            Self::Postgres(c) => unprepared(c, sql).await?,
            Self::Sqlite(c, _) => sqlx::query_as(sql).fetch_all(c).await?,
        };
        let mark = |(version, dirty)| Mark { version, dirty };
        Ok(rows.into_iter().map(mark).collect())
    }

    /// That there is none, and not one that this role may not see.
    async fn hidden(&mut self) -> Result<(), MigrateError> {
        let Self::Postgres(connection) = self else {
            return Ok(());
        };
        let hidden: Vec<(String,)> = unprepared(connection, HIDDEN).await?;
        match hidden.into_iter().next() {
            Some((why,)) => Err(StoreError::NotAllowed(why).into()),
            None => Ok(()),
        }
    }

    async fn has_table(&mut self, name: &'static str) -> Result<bool, sqlx::Error> {
        match self {
            Self::Postgres(c) => {
                let there = format!("SELECT to_regclass('{name}') IS NOT NULL");
                let there: Vec<(bool,)> = unprepared(c, &there).await?;
                Ok(there == [(true,)])
            }
            Self::Sqlite(c, _) => {
                let there = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = ?1)";
                sqlx::query_scalar(there).bind(name).fetch_one(c).await
            }
        }
    }

    /// Drops indexes that a CREATE INDEX CONCURRENTLY left unfinished; their names.
    pub(super) async fn drop_invalid_indexes(&mut self) -> Result<Vec<String>, sqlx::Error> {
        let Self::Postgres(connection) = self else {
            return Ok(Vec::new());
        };
        let names: Vec<String> = sqlx::query_scalar(
            "SELECT i.indexrelid::regclass::text FROM pg_index i
             JOIN pg_class c ON c.oid = i.indexrelid
             WHERE NOT i.indisvalid AND c.relnamespace = current_schema()::regnamespace",
        )
        .fetch_all(connection)
        .await?;
        for name in &names {
            self.run(&format!("DROP INDEX CONCURRENTLY IF EXISTS {name}"))
                .await?;
        }
        Ok(names)
    }
}

/// The rows of a statement that is not prepared: a pooler in transaction mode may stand between one
/// that looks and its database.
async fn unprepared<T>(connection: &mut PgConnection, sql: &str) -> Result<Vec<T>, sqlx::Error>
where
    T: for<'r> FromRow<'r, PgRow>,
{
    let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(connection);
    rows.await?.iter().map(T::from_row).collect()
}

/// Who holds the lock, as the database knows them.
async fn holder(connection: &mut PgConnection) -> Result<String, sqlx::Error> {
    let who: Option<String> = sqlx::query_scalar(
        "SELECT format('%s (server process %s, from %s, since %s)', a.application_name, a.pid,
           coalesce(host(a.client_addr), 'this host'),
           to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'))
         FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
         WHERE l.locktype = 'advisory' AND l.granted
           AND (l.classid::bigint << 32 | l.objid::bigint) = $1
           AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    )
    .bind(LOCK)
    .fetch_optional(connection)
    .await?;
    Ok(who.unwrap_or_else(|| "somebody who is gone by now".into()))
}

fn applied(
    (version, name, on, checksum): (i32, String, String, String),
) -> Result<Migration, sqlx::Error> {
    let on = OffsetDateTime::parse(&on, &Rfc3339).map_err(|e| sqlx::Error::Decode(e.into()))?;
    let checksum = checksum
        .parse()
        .map_err(|e| sqlx::Error::Decode(Box::new(e)))?;
    Ok(Migration::applied(version, name, on, checksum))
}
