//! Looking into a database of either kind, whatever its schema.
use std::path::Path;

use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteConnectOptions;

use super::{CONNECT, Contents, RoomContents, application};
use crate::model::{RoomId, Seq};
use crate::store::embedded::Embedded;
use crate::store::session::{Purpose, Session, Tx};
use crate::store::sql::Sql;
use crate::store::upkeep::{Held, Living};
use crate::store::{LEASE, StoreError, alive};

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

async fn tables(tx: &mut Tx) -> Result<Vec<String>, sqlx::Error> {
    let sql = match tx {
        Tx::Postgres(_) => {
            "SELECT relname::text FROM pg_class
             WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
             ORDER BY relname"
        }
        Tx::Sqlite(_) => {
            "SELECT name FROM sqlite_schema
             WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY name"
        }
    };
    let names: Vec<(String,)> = tx.all(sql, &[]).await?;
    Ok(names.into_iter().map(|(name,)| name).collect())
}

async fn count(tx: &mut Tx, table: &str) -> Result<i64, sqlx::Error> {
    let rows: Vec<(i64,)> = tx.all(Sql::count(table), &[]).await?;
    Ok(rows.first().map_or(0, |(rows,)| *rows))
}

pub(super) async fn contents(tx: &mut Tx) -> Result<Contents, StoreError> {
    let mut contents = Contents::default();
    for name in tables(tx).await? {
        let rows = count(tx, &name).await?;
        contents.tables.insert(name, rows);
    }
    if contents.tables.contains_key("messages") && contents.tables.contains_key("rooms") {
        let rows: Vec<RoomRow> = tx.all(ROOMS, &[]).await?;
        contents.rooms = rows.into_iter().map(room).collect();
    }
    Ok(contents)
}

/// What a SQLite file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inside {
    pub contents: Contents,
    /// What is in its schema and is not ours, as `trigger spy`.
    pub foreign: Vec<String>,
}

/// What is in a SQLite file that is not written to, after a look at every page of it.
pub async fn inside(file: &Path) -> Result<Inside, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .read_only(true)
        .immutable(true);
    let session = Session::of_file(Embedded::at(file), options, purpose(""));
    let mut tx = session.begin().await?;
    let found: Vec<(String,)> = tx.all("PRAGMA integrity_check(3)", &[]).await?;
    let found: Vec<&str> = found.iter().map(|(line,)| line.as_str()).collect();
    if found != ["ok"] {
        return Err(StoreError::Damaged(found.join("; ")));
    }
    // First: what counts rows must not be what a view makes of them.
    let foreign = super::foreign::of_sqlite(&mut tx).await?;
    let contents = contents(&mut tx).await?;
    drop(tx);
    session.close().await;
    Ok(Inside { contents, foreign })
}

fn purpose(application: &str) -> Purpose<'_> {
    Purpose {
        application,
        connections: 1,
        patience: CONNECT,
        answer: CONNECT,
    }
}

/// The database that `url` names, only to be read. The log of an embedded one may be another's: it
/// is not taken in by this.
pub(super) fn to_read(url: &str) -> Result<Session, StoreError> {
    Session::to_read(url, purpose(&application()))
}

impl Contents {
    /// What is in the database that `url` names.
    pub async fn of(url: &str) -> Result<Self, StoreError> {
        let session = to_read(url)?;
        let contents = contents(&mut session.begin().await?).await?;
        session.close().await;
        Ok(contents)
    }
}

/// What stands against putting another database in the place of the one that `url` names.
pub async fn occupancy(url: &str) -> Result<Occupancy, StoreError> {
    let mut found = Occupancy::default();
    if url.starts_with("sqlite:") && !Embedded::of(url)?.is_there() {
        return Ok(found);
    }
    let session = to_read(url)?;
    let mut tx = session.begin().await?;
    let tables = tables(&mut tx).await?;
    let has = |name: &str| tables.iter().any(|table| table == name);
    if has("messages") {
        found.messages = count(&mut tx, "messages").await?;
    }
    if has("instances") {
        let living = concat!(
            "SELECT name, pid FROM instances WHERE ",
            alive!("heartbeat_at")
        );
        let living: Vec<(String, i64)> = tx.all(living, &alive::args(LEASE)).await?;
        found.living = living.into_iter().map(Living::from).collect();
    }
    if has("leases") {
        let working = "SELECT holder, until FROM leases WHERE until > @now";
        let working: Vec<(String, DateTime<Utc>)> = tx.all(working, &[]).await?;
        found.working = working.into_iter().map(Held::from).collect();
    }
    drop(tx);
    session.close().await;
    Ok(found)
}
