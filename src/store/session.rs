//! The way to a database for all but chat: connecting, time limits and errors, once for both kinds,
//! over a few connections of its own, so that it never stands between chat and the database.
//!
//! Each call is a transaction of statements that are not prepared, so that a pooler in transaction
//! mode may stand between. SQL that both kinds understand is written once, see [`Sql`].
use std::borrow::Cow;
use std::time::Duration;

use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgPool, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqliteRow};
use sqlx::{Connection, FromRow, Postgres, Sqlite, Transaction};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::embedded::{Embedded, Hold, Use};
use super::servers::{Found, Servers};
use super::sql::{Arg, Sql};
use super::{StoreError, migrations, pg_url};

/// Connections that are not used for so long are closed.
const IDLE: Duration = Duration::from_secs(10);

/// What a session is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Purpose<'p> {
    /// What the database's own views call this process.
    pub(super) application: &'p str,
    pub(super) connections: u32,
    /// For a connection, and for another process that writes.
    pub(super) patience: Duration,
    /// For one call to a server.
    pub(super) answer: Duration,
}

pub(super) struct Session {
    pub(super) database: Database,
    answer: Duration,
}

pub(super) enum Database {
    Postgres(PgPool, Servers),
    Sqlite(SqlitePool, Embedded, Mutex<Option<Hold>>),
}

/// A row that is read from either kind.
pub(super) trait Row:
    Send + Unpin + for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow>
{
}

impl<T> Row for T where T: Send + Unpin + for<'r> FromRow<'r, PgRow> + for<'r> FromRow<'r, SqliteRow>
{}

impl Session {
    /// Opens the database that `url` names. The embedded one is migrated, but not made.
    ///
    /// # Errors
    /// Fails where it cannot be reached, or where its schema does not fit this program.
    pub(super) async fn open(url: &str, purpose: Purpose<'_>) -> Result<Self, StoreError> {
        let session = if url.starts_with("sqlite:") {
            Self::embedded(url, purpose).await?
        } else {
            Self::server(url, purpose)?
        };
        let applied = session.all(migrations::APPLIED, &[]).await;
        match session.database {
            Database::Sqlite(..) => migrations::fits(applied)?,
            Database::Postgres(..) => {
                let hidden = session.all(migrations::HIDDEN, &[]);
                migrations::fits_and_shows(applied, hidden).await?;
            }
        }
        Ok(session)
    }

    /// Only to read, whatever the schema. An embedded database may be where nothing can be written.
    pub(super) fn to_read(url: &str, purpose: Purpose<'_>) -> Result<Self, StoreError> {
        if !url.starts_with("sqlite:") {
            return Self::server(url, purpose);
        }
        let database = Embedded::of(url)?;
        let options = database.to_read()?;
        Ok(Self::of_file(database, options, purpose))
    }

    /// An embedded database as it is, opened so.
    pub(super) fn of_file(
        database: Embedded,
        options: SqliteConnectOptions,
        purpose: Purpose<'_>,
    ) -> Self {
        let pool = pool(purpose).connect_lazy_with(options);
        Self {
            database: Database::Sqlite(pool, database, Mutex::default()),
            answer: purpose.answer,
        }
    }

    async fn embedded(url: &str, purpose: Purpose<'_>) -> Result<Self, StoreError> {
        let database = Embedded::of(url)?;
        database.check(Use::Write)?;
        let hold = Hold::shared(&database).await?;
        let migrated = migrations::Migrator::new(url).up(None).await;
        migrated.map_err(super::sqlite::schema)?;
        let pool = pool(purpose).connect_lazy_with(database.to_write(purpose.patience));
        Ok(Self {
            database: Database::Sqlite(pool, database, Mutex::new(Some(hold))),
            answer: purpose.answer,
        })
    }

    fn server(url: &str, purpose: Purpose<'_>) -> Result<Self, StoreError> {
        let servers = Servers::of(url, purpose.application)?;
        let pool = pool(purpose).idle_timeout(IDLE);
        let pool = pool.connect_lazy_with(servers.first().clone());
        Ok(Self {
            database: Database::Postgres(pool, servers),
            answer: purpose.answer,
        })
    }

    /// What is said otherwise to each kind.
    pub(super) fn either<T>(&self, postgres: T, sqlite: T) -> T {
        match self.database {
            Database::Postgres(..) => postgres,
            Database::Sqlite(..) => sqlite,
        }
    }

    /// The rows of one statement.
    pub(super) async fn all<T: Row>(
        &self,
        sql: &'static str,
        args: &[Arg<'_>],
    ) -> Result<Vec<T>, StoreError> {
        self.all_within(self.answer, sql, args).await
    }

    /// The same, where the answer takes longer.
    pub(super) async fn all_within<T: Row>(
        &self,
        time: Duration,
        sql: impl Into<Cow<'static, str>>,
        args: &[Arg<'_>],
    ) -> Result<Vec<T>, StoreError> {
        self.bounded(time, async {
            let mut tx = self.begin().await?;
            let rows = tx.all(sql, args).await?;
            tx.commit().await?;
            Ok::<_, StoreError>(rows)
        })
        .await
    }

    /// The first row of one statement.
    pub(super) async fn first<T: Row>(
        &self,
        sql: &'static str,
        args: &[Arg<'_>],
    ) -> Result<Option<T>, StoreError> {
        Ok(self.all(sql, args).await?.into_iter().next())
    }

    /// The value that one statement has for certain.
    pub(super) async fn one<T>(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<T, StoreError>
    where
        (T,): Row,
    {
        let row: Option<(T,)> = self.first(sql, args).await?;
        Ok(row.ok_or(sqlx::Error::RowNotFound)?.0)
    }

    /// How many rows one statement changed.
    pub(super) async fn run(&self, sql: &'static str, args: &[Arg<'_>]) -> Result<u64, StoreError> {
        self.within(async {
            let mut tx = self.begin().await?;
            let changed = tx.run(sql, args).await?;
            tx.commit().await?;
            Ok::<_, StoreError>(changed)
        })
        .await
    }

    /// Begins a transaction that reads, or is one statement.
    pub(super) async fn begin(&self) -> Result<Tx, StoreError> {
        Ok(match &self.database {
            Database::Postgres(pool, servers) => {
                if pool.size() == 0 {
                    reach(pool, servers).await?;
                }
                Tx::Postgres(pool.begin().await.map_err(pg_url::unreachable)?)
            }
            Database::Sqlite(pool, ..) => Tx::Sqlite(pool.begin().await?),
        })
    }

    /// Begins a transaction that writes: on SQLite it waits for others who do at its beginning, and
    /// not where it would be too late.
    pub(super) async fn begin_to_write(&self) -> Result<Tx, sqlx::Error> {
        Ok(match &self.database {
            Database::Postgres(pool, _) => Tx::Postgres(pool.begin().await?),
            Database::Sqlite(pool, ..) => Tx::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?),
        })
    }

    /// `answer`, or that the database gave none in time.
    pub(super) async fn within<T>(
        &self,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.bounded(self.answer, answer).await
    }

    async fn bounded<T>(
        &self,
        time: Duration,
        answer: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let answered = match &self.database {
            Database::Postgres(..) => timeout(time, answer).await,
            // It waits for its own disk, and as long as it is told for others.
            Database::Sqlite(..) => Ok(answer.await),
        };
        match answered {
            Ok(answer) => answer,
            Err(_) => Err(StoreError::Unavailable("no answer in time".into())),
        }
    }

    pub(super) async fn close(&self) {
        match &self.database {
            Database::Postgres(pool, _) => pool.close().await,
            Database::Sqlite(pool, _, hold) => {
                pool.close().await;
                if let Some(hold) = hold.lock().await.take()
                    && let Err(error) = hold.leave().await
                {
                    tracing::warn!(%error, "cannot take in the database's log");
                }
            }
        }
    }
}

/// Has the pool connect to the server that will do, or says why there is none: the pool would ask
/// again until its patience is over, and then say only that.
async fn reach(pool: &PgPool, servers: &Servers) -> Result<(), StoreError> {
    let patience = pool.options().get_acquire_timeout();
    let Found {
        connection,
        options,
        ..
    } = servers.connect(patience).await?;
    pool.set_connect_options(options);
    // It was made to be refused; how it ends says nothing.
    let _ = connection.close().await;
    Ok(())
}

fn pool<DB: sqlx::Database>(purpose: Purpose<'_>) -> PoolOptions<DB> {
    PoolOptions::new()
        .max_connections(purpose.connections)
        .acquire_timeout(purpose.patience)
}

/// A short transaction, undone unless it is committed.
pub(super) enum Tx {
    Postgres(Transaction<'static, Postgres>),
    Sqlite(Transaction<'static, Sqlite>),
}

impl Tx {
    pub(super) async fn all<T: Row>(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        args: &[Arg<'_>],
    ) -> Result<Vec<T>, sqlx::Error> {
        match self {
            Self::Postgres(tx) => {
                let query = sqlx::query_as_with(Sql::postgres(sql), Arg::postgres(args)?);
                query.persistent(false).fetch_all(&mut **tx).await
            }
            Self::Sqlite(tx) => {
                let query = sqlx::query_as_with(Sql::sqlite(sql), Arg::sqlite(args)?);
                query.fetch_all(&mut **tx).await
            }
        }
    }

    pub(super) async fn run(
        &mut self,
        sql: &'static str,
        args: &[Arg<'_>],
    ) -> Result<u64, sqlx::Error> {
        match self {
            Self::Postgres(tx) => {
                let query = sqlx::query_with(Sql::postgres(sql), Arg::postgres(args)?);
                let done = query.persistent(false).execute(&mut **tx).await?;
                Ok(done.rows_affected())
            }
            Self::Sqlite(tx) => {
                let query = sqlx::query_with(Sql::sqlite(sql), Arg::sqlite(args)?);
                Ok(query.execute(&mut **tx).await?.rows_affected())
            }
        }
    }

    /// What this transaction does need not be on the disk when it is committed.
    pub(super) async fn lazily(&mut self) -> Result<(), sqlx::Error> {
        if let Self::Postgres(tx) = self {
            let lazily = sqlx::raw_sql("SET LOCAL synchronous_commit = off");
            lazily.execute(&mut **tx).await?;
        }
        Ok(())
    }

    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Postgres(tx) => tx.commit().await,
            Self::Sqlite(tx) => tx.commit().await,
        }
    }
}
