//! A database as a whole: what is in it, a copy of it, and putting one in its place.
//!
//! A database here may be a copy, empty, or of another version: nothing is asked of its schema.
mod contents;
mod database;
mod foreign;
pub mod libpq;
mod scratch;
mod sqlite;

pub use crate::store::embedded::Embedded;
pub use contents::{Contents, RoomContents};
pub use database::{Inside, Occupancy, inside, occupancy};
pub use libpq::{Server, server};
pub use scratch::Scratch;
pub use sqlite::{Place, copy_to};

use std::time::Duration;

use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

use super::{StoreError, pg_url};

/// How long to wait for a server to answer at all.
const CONNECT: Duration = Duration::from_secs(5);

/// A read of PostgreSQL as it is at one moment, which others (`pg_dump`) can share.
pub struct Snapshot {
    connection: PgConnection,
    /// What to call it to share it.
    pub id: String,
    /// What the tables hold, without their indexes.
    pub bytes: u64,
    pub contents: Contents,
}

impl Snapshot {
    pub async fn take(url: &str) -> Result<Self, StoreError> {
        let mut connection = connect(url).await?;
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        sqlx::raw_sql(begin).execute(&mut connection).await?;
        let id = sqlx::query_scalar("SELECT pg_export_snapshot()");
        let id = id.fetch_one(&mut connection).await?;
        let bytes: i64 = sqlx::query_scalar(
            "SELECT coalesce(sum(pg_table_size(oid)), 0)::bigint FROM pg_class
             WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace",
        )
        .fetch_one(&mut connection)
        .await?;
        let contents = database::of_postgres(&mut connection).await?;
        Ok(Self {
            connection,
            id,
            bytes: u64::try_from(bytes).unwrap_or(0),
            contents,
        })
    }

    pub async fn end(self) -> Result<(), StoreError> {
        Ok(self.connection.close().await?)
    }
}

async fn connect(url: &str) -> Result<PgConnection, StoreError> {
    let name = format!("discordctl backup, pid {}", std::process::id());
    let options = pg_url::read(url)?
        .application_name(&name)
        .extra_float_digits(None);
    match timeout(CONNECT, PgConnection::connect_with(&options)).await {
        Ok(connection) => connection.map_err(pg_url::unreachable),
        Err(_) => Err(StoreError::Unavailable("no answer in time".into())),
    }
}
