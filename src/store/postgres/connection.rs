//! One connection to PostgreSQL, and what its errors mean.
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use sqlx::postgres::{PgArguments, PgConnection, PgRow, Postgres};
use sqlx::query::{Query, QueryAs};
use sqlx::{AssertSqlSafe, Connection as _, FromRow};
use tokio::time::{Instant, sleep, timeout};

use super::TAKES_NONE;
use crate::store::ask::Statement;
use crate::store::servers::Servers;
use crate::store::session::Row;
use crate::store::sql::{Arg, Sql};
use crate::store::{Options, StoreError, pg_url};

/// An idle connection older than this is asked whether it is still there.
const TRUSTED: Duration = Duration::from_secs(1);

/// An answer that is not there after so long makes us look whether the server is still the one.
const LATE: Duration = Duration::from_secs(1);

/// How to connect, and how long anything may take.
#[derive(Clone)]
pub(super) struct Target {
    servers: Servers,
    /// False where a pooler may give every transaction another server process, so that no
    /// prepared statement survives it: then every statement runs in a transaction, unprepared.
    pub(super) prepares: bool,
    /// For a place in the queue for a connection.
    pub(super) patience: Duration,
    /// For a connection, to whichever of the servers.
    connecting: Duration,
    /// For one statement or transaction.
    pub(super) statement: Duration,
    /// Which connections are to the server that takes writes now, by their number.
    server: Arc<AtomicU64>,
    /// How many connections were made.
    made: Arc<AtomicU64>,
    /// The timeline of the server that takes writes, or 0.
    timeline: Arc<AtomicI64>,
}

/// Its count of promotions stands in the names of the files of its log.
const TIMELINE: &str = "SELECT CASE WHEN NOT pg_is_in_recovery() THEN
    ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint END";

impl Target {
    pub(super) fn new(options: &Options) -> Result<Self, StoreError> {
        let url = pg_url::parse(&options.url)?;
        if let Some(target) = url.target.filter(|target| !target.may_write()) {
            let named = target.as_str();
            return Err(pg_url::unusable(&format!(
                "'target_session_attrs={named}' names a server that takes no writes, and an \
                 instance needs one that does: say read-write, or leave it out"
            )));
        }
        let prepares = url.prepares();
        let application = url
            .application_name
            .as_ref()
            .unwrap_or(&options.application);
        let statement = options.acquire_timeout * 2;
        let servers = Servers::of(&options.url, application)?;
        let servers = if prepares {
            // No statement here has a better plan for particular values, and to look for one
            // would cost more than most of them take.
            let generic = [("plan_cache_mode", "force_generic_plan")];
            servers.with(|one| one.options(limits(statement)).options(generic))
        } else {
            servers
        };
        Ok(Self {
            servers,
            prepares,
            patience: options.acquire_timeout,
            connecting: options.acquire_timeout,
            statement,
            server: Arc::default(),
            made: Arc::default(),
            timeline: Arc::default(),
        })
    }

    /// How many connections were made: after another one the server may be another, too.
    pub(super) fn made(&self) -> u64 {
        self.made.load(Relaxed)
    }

    pub(super) fn timeline(&self) -> Option<i64> {
        Some(self.timeline.load(Relaxed)).filter(|known| *known > 0)
    }

    /// Learns the timeline that a connection's server is on. Some servers refuse to tell a plain role.
    async fn learn(&self, connection: &mut PgConnection) {
        let asked = sqlx::query_scalar(TIMELINE).persistent(false);
        let answer = timeout(self.connecting, asked.fetch_one(connection)).await;
        if let Ok(Ok(Some(timeline))) = answer {
            self.timeline.store(timeline, Relaxed);
        }
        self.made.fetch_add(1, Relaxed);
    }

    /// The server takes no writes, or another does: the primary is elsewhere now. No connection
    /// that was made until now is used again.
    pub(super) fn has_moved(&self) {
        self.server.fetch_add(1, Relaxed);
    }

    /// Ready when another server than the one in that place turns out to take writes, which is asked
    /// while an answer is late; waits for ever where there is no other.
    pub(super) async fn moves_from(&self, place: usize) {
        if !self.servers.may_move() {
            return std::future::pending().await;
        }
        loop {
            sleep(LATE).await;
            if self.servers.have_moved_from(place, self.connecting).await {
                return self.has_moved();
            }
        }
    }

    /// The same, where nothing may take longer than `limit`.
    pub(super) fn within(&self, limit: Duration) -> Self {
        let servers = if self.prepares {
            self.servers.with(|one| one.options(limits(limit)))
        } else {
            self.servers.clone()
        };
        Self {
            servers,
            patience: limit,
            statement: limit,
            ..self.clone()
        }
    }

    pub(super) async fn connect(&self) -> Result<Connection, StoreError> {
        let mut found = self.servers.connect(self.connecting).await?;
        self.learn(&mut found.connection).await;
        let begin = if self.prepares {
            "BEGIN".to_owned()
        } else {
            let set = limits(self.statement).map(|(k, v)| format!("; SET LOCAL {k} = {v}"));
            format!("BEGIN{}", set.concat())
        };
        Ok(Connection {
            raw: found.connection,
            place: found.place,
            prepares: self.prepares,
            begin,
            open: false,
            used: Instant::now(),
            made_for: self.server.load(Relaxed),
            server: self.server.clone(),
        })
    }
}

/// What the server itself ends when it takes too long, also if nothing waits any more.
fn limits(statement: Duration) -> [(&'static str, u128); 2] {
    let millis = statement.as_millis();
    [
        ("statement_timeout", millis),
        ("idle_in_transaction_session_timeout", millis),
    ]
}

pub(super) struct Connection {
    raw: PgConnection,
    /// Which of the servers it is to.
    pub(super) place: usize,
    prepares: bool,
    begin: String,
    /// Whether a transaction was begun and not committed.
    open: bool,
    used: Instant,
    /// Which server was the one that takes writes when it was made, and is now.
    made_for: u64,
    server: Arc<AtomicU64>,
}

pub(super) type Ask<'q> = Query<'q, Postgres, PgArguments>;
pub(super) type AskAs<'q, T> = QueryAs<'q, Postgres, T, PgArguments>;

impl Connection {
    pub(super) async fn all<T>(&mut self, query: AskAs<'_, T>) -> Result<Vec<T>, sqlx::Error>
    where
        T: Send + Unpin + for<'r> FromRow<'r, PgRow>,
    {
        let query = query.persistent(self.prepares);
        query.fetch_all(&mut self.raw).await
    }

    /// The number of rows that were changed.
    pub(super) async fn run(&mut self, query: Ask<'_>) -> Result<u64, sqlx::Error> {
        let query = query.persistent(self.prepares);
        Ok(query.execute(&mut self.raw).await?.rows_affected())
    }

    pub(super) async fn begin(&mut self) -> Result<(), sqlx::Error> {
        let begin = AssertSqlSafe(self.begin.as_str());
        self.open = true;
        sqlx::raw_sql(begin).execute(&mut self.raw).await?;
        Ok(())
    }

    pub(super) async fn commit(&mut self) -> Result<(), sqlx::Error> {
        sqlx::raw_sql("COMMIT").execute(&mut self.raw).await?;
        self.open = false;
        Ok(())
    }

    /// Makes a connection that was left in whatever state fit for the next; false if it is not.
    pub(super) async fn recover(&mut self, within: Duration) -> bool {
        // To roll back what was not begun is a warning in the log.
        if !self.open {
            return matches!(timeout(within, self.raw.ping()).await, Ok(Ok(())));
        }
        let rollback = sqlx::raw_sql("ROLLBACK").execute(&mut self.raw);
        self.open = !matches!(timeout(within, rollback).await, Ok(Ok(_)));
        !self.open
    }

    pub(super) fn touch(&mut self) {
        self.used = Instant::now();
    }

    pub(super) fn idle(&self) -> Duration {
        self.used.elapsed()
    }

    /// Whether it is to a server that takes writes, asked of that; false where that cannot be told.
    pub(super) async fn takes_writes(&mut self, within: Duration) -> bool {
        if self.made_for != self.server.load(Relaxed) || self.open {
            return false;
        }
        let look = async {
            // Between two transactions: nothing is left of it but its answer.
            let rows: Vec<(bool, Option<i64>)> = self.all(sqlx::query_as(TAKES_NONE)).await?;
            Ok::<_, sqlx::Error>(rows.iter().all(|(takes_none, _)| !takes_none))
        };
        matches!(timeout(within, look).await, Ok(Ok(true)))
    }

    /// Whether the other end is there, as far as can be told for little.
    pub(super) async fn lives(&mut self, within: Duration) -> bool {
        if self.made_for != self.server.load(Relaxed) {
            return false;
        }
        self.idle() < TRUSTED || matches!(timeout(within, self.raw.ping()).await, Ok(Ok(())))
    }
}

/// The rows of the last of these statements.
pub(super) async fn all<T: Row>(
    connection: &mut Connection,
    statements: &[Statement<'_>],
) -> Result<Vec<T>, sqlx::Error> {
    let Some(((sql, args), before)) = statements.split_last() else {
        return Ok(Vec::new());
    };
    run(connection, before).await?;
    let query = sqlx::query_as_with(Sql::postgres(*sql), Arg::postgres(args)?);
    connection.all(query).await
}

/// How many rows the last of these statements changed.
pub(super) async fn run(
    connection: &mut Connection,
    statements: &[Statement<'_>],
) -> Result<u64, sqlx::Error> {
    let mut changed = 0;
    for (sql, args) in statements {
        let query = sqlx::query_with(Sql::postgres(*sql), Arg::postgres(args)?);
        changed = connection.run(query).await?;
    }
    Ok(changed)
}

/// What went wrong with a statement, by what may be done about it.
pub(super) enum Failure {
    /// Others got in the way; the whole transaction may be tried again.
    Race(sqlx::Error),
    /// The connection is gone, and with it the answer.
    Lost(sqlx::Error),
    /// The server takes no writes, and nothing happened.
    ReadOnly(sqlx::Error),
    /// The database said no.
    Other(sqlx::Error),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        let code = match &error {
            sqlx::Error::Database(e) => e.code().unwrap_or_default().into_owned(),
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => {
                return Self::Lost(error);
            }
            _ => return Self::Other(error),
        };
        match code.as_str() {
            // Serialization, deadlock; a row that appeared or went between look and write.
            "40001" | "40P01" | "23505" | "23503" => Self::Race(error),
            "25006" => Self::ReadOnly(error),
            // The server ends, or ended this session.
            "57P01" | "57P02" | "57P03" | "57P05" | "25P03" => Self::Lost(error),
            class if class.starts_with("08") => Self::Lost(error),
            _ => Self::Other(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_url_is_refused_without_its_password() {
        for url in [
            "postgres://me:s3cret@host:port/db",
            "postgres://me:s3cret@[::1/db",
        ] {
            let options = Options {
                url: url.into(),
                application: "test".into(),
                connections: 1,
                idle_timeout: TRUSTED,
                acquire_timeout: TRUSTED,
                shed_after: Duration::from_secs(1),
                waiting: 1,
            };
            let error = Target::new(&options)
                .err()
                .expect("no such URL")
                .to_string();
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
