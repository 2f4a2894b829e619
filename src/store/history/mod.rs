//! The log as the archive sees it: read out in pages, deleted in ranges, and put back.
//!
//! On one connection of its own, so that it never stands between chat and the database.
mod names;
mod postgres;
mod sqlite;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::model::{MessageId, RoomId, RoomName, RoomRef, Seq};

/// How long to wait for a connection, and for another process that writes.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long one statement may take: they all look at a page, or at one room's index.
const STATEMENT: Duration = Duration::from_secs(60);

/// A stored message. `user` is `None` where its author was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub id: MessageId,
    pub seq: Seq,
    pub user: Option<Arc<str>>,
    pub content: String,
    pub created_at: DateTime<Utc>,
}

/// A room with how far it and its archive go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomStand {
    pub room: RoomRef,
    pub last_seq: Seq,
    /// The watermark: this message and all before it are in the archive for certain.
    pub archived: Seq,
    /// The last place that was ever claimed for a message that is put back.
    pub replayed: Seq,
}

/// Some messages of a room, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    pub count: u64,
    pub first: Seq,
    pub last: Seq,
}

/// Which places in a room are to be filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// Those up to this one, which the messages name themselves.
    UpTo(Seq),
    /// So many after the newest.
    Next(u64),
}

/// Reading the log out, deleting from it, and putting back what was read out. Each call is at
/// most one transaction, and a short one.
#[async_trait]
pub trait History: Send {
    /// The database's clock.
    async fn now(&mut self) -> Result<DateTime<Utc>, StoreError>;

    /// Whether instances serve this database now, whose commits must not wait.
    async fn served(&mut self) -> Result<bool, StoreError>;

    /// How many rows one transaction may write while others wait for it.
    fn batch(&self) -> usize;

    /// All rooms, by id.
    async fn rooms(&mut self) -> Result<Vec<RoomStand>, StoreError>;

    async fn room(&mut self, name: &RoomName) -> Result<Option<RoomStand>, StoreError>;

    /// Up to `limit` rows with `after < seq <= up_to`, ascending.
    async fn page(
        &mut self,
        room: RoomId,
        after: Seq,
        up_to: Seq,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError>;

    /// What there is with `after < seq <= up_to`.
    async fn span(&mut self, room: RoomId, after: Seq, up_to: Seq) -> Result<Span, StoreError>;

    /// The first message after `after` that is not older than `time`. One that is dated later than
    /// now is as old as the next that is not, and without such a one it is young: its room's order
    /// tells more of when it was said than its date.
    async fn first_since(
        &mut self,
        room: RoomId,
        after: Seq,
        time: DateTime<Utc>,
    ) -> Result<Option<Seq>, StoreError>;

    /// The newest message that has `keep` newer ones.
    async fn beyond_newest(&mut self, room: RoomId, keep: usize)
    -> Result<Option<Seq>, StoreError>;

    /// Raises the watermark: all up to `seq` is in the archive for certain.
    async fn archived(&mut self, room: RoomId, seq: Seq) -> Result<(), StoreError>;

    /// Deletes the oldest rows with `seq <= up_to`, at most `limit` of them, in one transaction.
    /// Running instances look at what is left.
    async fn delete(&mut self, room: RoomId, up_to: Seq, limit: usize) -> Result<u64, StoreError>;

    /// Of these messages, those that are stored, in whatever room.
    async fn stored(
        &mut self,
        ids: &[MessageId],
    ) -> Result<Vec<(MessageId, RoomId, Seq)>, StoreError>;

    /// Whether any message has an id in that range.
    async fn any_id(&mut self, from: MessageId, to: MessageId) -> Result<bool, StoreError>;

    /// Makes ready for messages that are put back: the room, which is made if there is none,
    /// their places in it, which nobody is told of as if they were new, and ids beyond theirs
    /// for what is said next. `unarchived` lowers the watermark: that message and those after
    /// it may not be in the archive. Returns the room and the place before the first of `Next`.
    async fn claim(
        &mut self,
        name: &RoomName,
        claim: Claim,
        highest_id: MessageId,
        unarchived: Option<Seq>,
    ) -> Result<(RoomId, Seq), StoreError>;

    /// Puts rows back, ascending, but those whose places are taken. Returns how many. They are on
    /// the disk for certain after the next [`History::refresh`].
    async fn restore(&mut self, room: RoomId, rows: &[Row]) -> Result<u64, StoreError>;

    /// Has running instances look at the room's rows anew.
    async fn refresh(&mut self, room: RoomId) -> Result<(), StoreError>;

    async fn close(self: Box<Self>);
}

/// Opens the database that `url` names, for a program that the database's own views call
/// `application`. The embedded one is migrated, but not made.
pub async fn open(url: &str, application: &str) -> Result<Box<dyn History>, StoreError> {
    if url.starts_with("sqlite:") {
        return Ok(Box::new(sqlite::SqliteHistory::open(url).await?));
    }
    let history = postgres::PostgresHistory::open(url, application).await?;
    Ok(Box::new(history))
}
