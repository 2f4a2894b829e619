//! Looking into a database of either kind, whatever its schema.
use std::path::Path;

use chrono::{DateTime, Utc};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

use super::{Contents, RoomContents, connect};
use crate::model::{RoomId, Seq};
use crate::store::embedded::Embedded;
use crate::store::upkeep::{Held, Living};
use crate::store::{LEASE, StoreError};

/// What stands against putting another database in this one's place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Occupancy {
    pub messages: i64,
    /// Instances that gave a sign of life lately.
    pub living: Vec<Living>,
    /// Who has a lease, and is at work.
    pub working: Vec<Held>,
}

const ROOMS: &str = "SELECT r.id, r.name, r.last_seq, count(m.seq), min(m.seq), max(m.seq)
    FROM rooms r LEFT JOIN messages m ON m.room_id = r.id
    GROUP BY r.id, r.name, r.last_seq ORDER BY r.id";
const MESSAGES: &str = "SELECT count(*) FROM messages";

type RoomRow = (RoomId, String, Seq, i64, Option<Seq>, Option<Seq>);

fn room((id, name, last_seq, messages, first, last): RoomRow) -> RoomContents {
    RoomContents {
        id,
        name,
        last_seq,
        messages,
        first,
        last,
    }
}

fn count(table: &str) -> AssertSqlSafe<String> {
    AssertSqlSafe(format!(
        "SELECT count(*) FROM \"{}\"",
        table.replace('"', "\"\"")
    ))
}

pub(super) async fn of_postgres(connection: &mut PgConnection) -> Result<Contents, StoreError> {
    let mut contents = Contents::default();
    for name in postgres_tables(connection).await? {
        let rows = sqlx::query_scalar(count(&name));
        let rows = rows.persistent(false).fetch_one(&mut *connection).await?;
        contents.tables.insert(name, rows);
    }
    if contents.tables.contains_key("messages") && contents.tables.contains_key("rooms") {
        let rows: Vec<RoomRow> = sqlx::query_as(ROOMS).fetch_all(connection).await?;
        contents.rooms = rows.into_iter().map(room).collect();
    }
    Ok(contents)
}

async fn postgres_tables(connection: &mut PgConnection) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar(
        "SELECT relname::text FROM pg_class
         WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
         ORDER BY relname",
    )
    .fetch_all(connection)
    .await?)
}

async fn of_sqlite(connection: &mut SqliteConnection) -> Result<Contents, StoreError> {
    let mut contents = Contents::default();
    for name in sqlite_tables(connection).await? {
        let rows = sqlx::query_scalar(count(&name)).fetch_one(&mut *connection);
        contents.tables.insert(name.clone(), rows.await?);
    }
    if contents.tables.contains_key("messages") && contents.tables.contains_key("rooms") {
        let rows: Vec<RoomRow> = sqlx::query_as(ROOMS).fetch_all(connection).await?;
        contents.rooms = rows.into_iter().map(room).collect();
    }
    Ok(contents)
}

async fn sqlite_tables(connection: &mut SqliteConnection) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar(
        "SELECT name FROM sqlite_schema
         WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY name",
    )
    .fetch_all(connection)
    .await?)
}

/// What a SQLite file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inside {
    pub contents: Contents,
    /// What is in its schema and is not ours, as `trigger spy`.
    pub foreign: Vec<String>,
}

/// What is in a SQLite file that nobody writes to, after a look at every page of it.
pub async fn inside(file: &Path) -> Result<Inside, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .read_only(true)
        .immutable(true);
    let mut connection = options.connect().await?;
    let found: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(3)")
        .fetch_all(&mut connection)
        .await?;
    if found != ["ok"] {
        return Err(StoreError::Damaged(found.join("; ")));
    }
    // First: what counts rows must not be what a view makes of them.
    let foreign = super::foreign::of_sqlite(&mut connection).await?;
    let contents = of_sqlite(&mut connection).await?;
    connection.close().await?;
    Ok(Inside { contents, foreign })
}

impl Contents {
    /// What is in the database that `url` names.
    pub async fn of(url: &str) -> Result<Self, StoreError> {
        if url.starts_with("sqlite:") {
            let mut connection = Embedded::of(url)?.read().await?;
            let contents = of_sqlite(&mut connection).await?;
            connection.close().await?;
            return Ok(contents);
        }
        let mut connection = connect(url).await?;
        let contents = of_postgres(&mut connection).await?;
        connection.close().await?;
        Ok(contents)
    }
}

/// What stands against putting another database in the place of the one that `url` names.
pub async fn occupancy(url: &str) -> Result<Occupancy, StoreError> {
    match url.starts_with("sqlite:") {
        true => sqlite_occupancy(url).await,
        false => postgres_occupancy(url).await,
    }
}

async fn postgres_occupancy(url: &str) -> Result<Occupancy, StoreError> {
    let mut connection = connect(url).await?;
    let tables = postgres_tables(&mut connection).await?;
    let has = |name: &str| tables.iter().any(|table| table == name);
    let mut found = Occupancy::default();
    if has("messages") {
        found.messages = sqlx::query_scalar(MESSAGES)
            .fetch_one(&mut connection)
            .await?;
    }
    if has("instances") {
        let living = "SELECT name, pid FROM instances
            WHERE heartbeat_at > clock_timestamp() - make_interval(secs => $1)";
        let living = sqlx::query_as(living).bind(LEASE.as_secs_f64());
        let living: Vec<(String, i64)> = living.fetch_all(&mut connection).await?;
        found.living = living.into_iter().map(Living::from).collect();
    }
    if has("leases") {
        let working = "SELECT holder, until FROM leases WHERE until > clock_timestamp()";
        let working: Vec<(String, DateTime<Utc>)> =
            sqlx::query_as(working).fetch_all(&mut connection).await?;
        found.working = working.into_iter().map(Held::from).collect();
    }
    connection.close().await?;
    Ok(found)
}

async fn sqlite_occupancy(url: &str) -> Result<Occupancy, StoreError> {
    let database = Embedded::of(url)?;
    let mut found = Occupancy::default();
    if !database.is_there() {
        return Ok(found);
    }
    // Its log may be another's: it is not taken in by this.
    let mut connection = database.read().await?;
    let tables = sqlite_tables(&mut connection).await?;
    let has = |name: &str| tables.iter().any(|table| table == name);
    if has("messages") {
        found.messages = sqlx::query_scalar(MESSAGES)
            .fetch_one(&mut connection)
            .await?;
    }
    if has("instances") {
        let living = "SELECT name, pid FROM instances
            WHERE heartbeat_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?1)";
        let living = sqlx::query_as(living).bind(format!("-{} seconds", LEASE.as_secs()));
        let living: Vec<(String, i64)> = living.fetch_all(&mut connection).await?;
        found.living = living.into_iter().map(Living::from).collect();
    }
    if has("leases") {
        let working = "SELECT holder, until FROM leases
            WHERE until > strftime('%Y-%m-%dT%H:%M:%fZ', 'now')";
        let working: Vec<(String, DateTime<Utc>)> =
            sqlx::query_as(working).fetch_all(&mut connection).await?;
        found.working = working.into_iter().map(Held::from).collect();
    }
    connection.close().await?;
    Ok(found)
}
