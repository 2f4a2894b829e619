//! What PostgreSQL tells about itself.
use std::time::Duration;

use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};
use tokio::time::timeout;

use crate::model::plain_line;
use crate::store::activity::{Connections, PostgresActivity, Query, Statement, Table};
use crate::store::servers::Servers;
use crate::store::{StoreError, pg_url};

/// Clients by what they do, with what there is of the whole server.
const CONNECTIONS: &str = "SELECT coalesce(state, 'starting') AS state, count(*) AS clients, \
    current_setting('max_connections')::bigint AS most, \
    pg_database_size(current_database()) AS bytes \
    FROM pg_stat_activity WHERE backend_type = 'client backend' \
    GROUP BY 1 ORDER BY 2 DESC";

const RUNNING: &str = "SELECT pid, application_name, state, \
    CASE WHEN wait_event_type IN ('Lock', 'IO', 'LWLock') THEN wait_event_type || ' ' || wait_event END AS waits_for, \
    extract(epoch FROM clock_timestamp() - CASE WHEN state = 'active' THEN query_start ELSE xact_start END)::float8 AS seconds, \
    left(regexp_replace(query, '\\s+', ' ', 'g'), 200) AS query \
    FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() \
    AND backend_type = 'client backend' AND state <> 'idle' \
    ORDER BY seconds DESC NULLS LAST LIMIT 10";

const TABLES: &str = "SELECT name, pg_total_relation_size(to_regclass(name)) AS bytes \
    FROM unnest(ARRAY['messages', 'users', 'rooms']) AS name WHERE to_regclass(name) IS NOT NULL";

const STATEMENTS: &str = "SELECT calls, mean_exec_time AS mean_ms, \
    left(regexp_replace(query, '\\s+', ' ', 'g'), 200) AS query FROM pg_stat_statements \
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) \
    ORDER BY total_exec_time DESC LIMIT 10";

/// A connection that is made again after it failed.
pub struct Observer {
    servers: Servers,
    patience: Duration,
    connection: Option<PgConnection>,
    /// Whether `pg_stat_statements` answered; asked once for each connection.
    has_statements: bool,
}

impl Observer {
    pub(in crate::store) fn new(url: &str, patience: Duration) -> Result<Self, StoreError> {
        Ok(Self {
            servers: Servers::of(url, "discordctl monitor")?,
            patience,
            connection: None,
            has_statements: false,
        })
    }

    pub(in crate::store) async fn look(&mut self) -> Result<PostgresActivity, StoreError> {
        // Taken out: a connection that was left in the middle of an answer is not used again.
        let connection = self.connection.take();
        let looked = timeout(self.patience, self.look_with(connection)).await;
        looked.unwrap_or_else(|_| {
            let why = format!("no answer within {:?}", self.patience);
            Err(StoreError::Unavailable(why))
        })
    }

    async fn look_with(
        &mut self,
        connection: Option<PgConnection>,
    ) -> Result<PostgresActivity, StoreError> {
        let mut connection = match connection {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let activity = self
            .ask(&mut connection)
            .await
            .map_err(pg_url::unreachable)?;
        self.connection = Some(connection);
        Ok(activity)
    }

    async fn connect(&mut self) -> Result<PgConnection, StoreError> {
        let mut connection = self.servers.connect(self.patience).await?.connection;
        self.has_statements = all(&mut connection, STATEMENTS).await.is_ok();
        Ok(connection)
    }

    async fn ask(&self, connection: &mut PgConnection) -> Result<PostgresActivity, sqlx::Error> {
        let mut activity = PostgresActivity::default();
        for row in all(connection, CONNECTIONS).await? {
            activity.connections.push(Connections {
                state: row.try_get("state")?,
                count: row.try_get("clients")?,
            });
            activity.max_connections = row.try_get("most")?;
            activity.database_bytes = row.try_get("bytes")?;
        }
        for row in all(connection, RUNNING).await? {
            activity.slowest.push(running(&row)?);
        }
        for row in all(connection, TABLES).await? {
            activity.tables.push(Table {
                table: row.try_get("name")?,
                bytes: row.try_get("bytes")?,
            });
        }
        if self.has_statements {
            let rows = all(connection, STATEMENTS).await?;
            let statements: Result<_, _> = rows.iter().map(statement).collect();
            activity.statements = Some(statements?);
        }
        Ok(activity)
    }
}

/// Unprepared, so that a pooler in transaction mode may stand between.
async fn all(
    connection: &mut PgConnection,
    query: &'static str,
) -> Result<Vec<PgRow>, sqlx::Error> {
    sqlx::raw_sql(query).fetch_all(connection).await
}

fn running(row: &PgRow) -> Result<Query, sqlx::Error> {
    Ok(Query {
        pid: row.try_get("pid")?,
        application: plain_line(row.try_get("application_name")?),
        state: row.try_get("state")?,
        waits_for: row.try_get("waits_for")?,
        seconds: row
            .try_get::<Option<f64>, _>("seconds")?
            .unwrap_or_default(),
        query: plain_line(row.try_get("query")?),
    })
}

fn statement(row: &PgRow) -> Result<Statement, sqlx::Error> {
    Ok(Statement {
        calls: row.try_get("calls")?,
        mean_ms: row.try_get("mean_ms")?,
        query: plain_line(row.try_get("query")?),
    })
}
