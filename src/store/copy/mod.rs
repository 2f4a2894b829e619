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

use super::StoreError;
use super::servers::{Found, Servers};
use super::session::Tx;

/// How long to wait for a server to answer at all.
const CONNECT: Duration = Duration::from_secs(5);

/// A read of PostgreSQL as it is at one moment, which others (`pg_dump`) can share.
pub struct Snapshot {
    /// It lasts as long as this transaction.
    tx: Tx,
    /// What to call it to share it.
    pub id: String,
    /// What the tables hold, without their indexes.
    pub bytes: u64,
    pub contents: Contents,
}

impl Snapshot {
    pub async fn take(url: &str) -> Result<Self, StoreError> {
        let mut tx = database::to_read(url)?.begin().await?;
        let one_moment = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY";
        tx.run(one_moment, &[]).await?;
        let taken = "SELECT pg_export_snapshot(),
               (SELECT coalesce(sum(pg_table_size(oid)), 0)::bigint FROM pg_class
                WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace)";
        let taken: Vec<(String, i64)> = tx.all(taken, &[]).await?;
        let (id, bytes) = taken.into_iter().next().ok_or(sqlx::Error::RowNotFound)?;
        let contents = database::contents(&mut tx).await?;
        Ok(Self {
            tx,
            id,
            bytes: u64::try_from(bytes).unwrap_or(0),
            contents,
        })
    }

    pub async fn end(self) -> Result<(), StoreError> {
        Ok(self.tx.commit().await?)
    }
}

/// Connects to the server of `url` that will do.
async fn find(url: &str) -> Result<Found, StoreError> {
    Servers::of(url, &application())?.connect(CONNECT).await
}

/// What the database's own views call this.
fn application() -> String {
    format!("discordctl backup, pid {}", std::process::id())
}
