//! The index of words as the database keeps it: packs of blocks, and up to where they go. What is in a
//! block is not known here.
mod desk;
mod packs;
mod read;
mod statements;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use super::rows;
use crate::model::{Entry, MessageId, PackId, RoomId, RoomRef, Seq, UserId};

pub use self::desk::Desk;
pub use self::packs::{Holder, PACKS_LIFE, Packs};

/// Entries of one room that a search looks at one by one at most, since no pack has them yet.
pub const MOST_OF_A_ROOM: i64 = 4_096;
/// The same of all rooms.
pub const MOST_OF_ALL: i64 = 8_192;
/// Rows of one look at messages by their ids.
pub const PAGE: usize = 512;

/// A pack: the ends of its ids, and of its times in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackRow {
    pub id: PackId,
    pub ids: (i64, i64),
    pub times: (i64, i64),
    pub messages: i64,
    /// One that is not is being written, or to be taken away.
    pub live: bool,
}

/// A block, and which pack's it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockRow {
    pub pack: PackId,
    pub key: Vec<u8>,
    pub data: Vec<u8>,
}

/// A room with entries that are in no pack yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Behind {
    pub room: RoomId,
    /// Up to here they are.
    pub packed: Seq,
    /// `None` where the room is gone.
    pub last: Option<Seq>,
}

/// A message with its room's id, as a search looks at it.
#[derive(Clone)]
pub struct Candidate {
    pub room: RoomId,
    pub(super) row: rows::Row,
}

impl Candidate {
    pub fn id(&self) -> MessageId {
        self.row.0
    }

    pub fn seq(&self) -> Seq {
        self.row.1
    }

    pub fn user(&self) -> &str {
        &self.row.3
    }

    pub fn content(&self) -> &str {
        &self.row.4
    }

    pub fn created_at(&self) -> DateTime<Utc> {
        self.row.5
    }

    /// The first message of the thread that it is a reply in.
    pub fn thread(&self) -> Option<Seq> {
        self.row.8
    }

    pub fn pinned(&self) -> bool {
        self.row.13
    }
}

/// A message as it is put into a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoken {
    /// The entry by which it came up: itself, or its edit.
    pub by: Seq,
    pub id: MessageId,
    pub room: RoomId,
    pub seq: Seq,
    pub user: Option<UserId>,
    pub content: String,
    pub created_at: DateTime<Utc>,
    pub thread: Option<Seq>,
}

/// An event that took words away, or changed them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed {
    pub room: RoomId,
    pub target: Seq,
    /// `None` where the message is not there any more.
    pub id: Option<MessageId>,
}

/// What a search reads.
#[async_trait]
pub trait Search: Send + Sync + 'static {
    /// Up to which id messages were there when the index was begun and are not in it; `None` where it was
    /// not begun.
    async fn unindexed(&self) -> Result<Option<MessageId>, StoreError>;

    /// All packs, those of the newest messages first.
    async fn packs(&self) -> Result<Vec<PackRow>, StoreError>;

    /// For each of these packs and terms the block in which the term would be.
    async fn blocks_of(
        &self,
        packs: &[PackId],
        terms: &[&[u8]],
    ) -> Result<Vec<BlockRow>, StoreError>;

    /// The blocks of these packs that have these keys.
    async fn blocks_at(&self, keys: &[(PackId, Vec<u8>)]) -> Result<Vec<BlockRow>, StoreError>;

    /// Blocks of a pack from a key on, the key's own included, in the order of their keys; up to another key
    /// that is not included.
    async fn blocks_from(
        &self,
        pack: PackId,
        from: &[u8],
        to: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<BlockRow>, StoreError>;

    /// Messages by their ids, in no order; without those that are gone.
    async fn candidates(&self, ids: &[i64]) -> Result<Vec<Candidate>, StoreError>;

    /// The last messages with ids before this one, the newest first, [`PAGE`] at most.
    async fn candidates_before(&self, id: MessageId) -> Result<Vec<Candidate>, StoreError>;

    /// What is in no pack yet, the newest first: messages, and those that were edited. Of each room the last
    /// [`MOST_OF_A_ROOM`], and of all [`MOST_OF_ALL`].
    async fn unpacked(&self) -> Result<Vec<Candidate>, StoreError>;

    /// The last pinned messages before this id, the newest first, [`PAGE`] at most.
    async fn pinned_before(&self, id: MessageId) -> Result<Vec<Candidate>, StoreError>;

    /// The users of these nicknames.
    async fn users_named(&self, names: &[&str]) -> Result<Vec<UserId>, StoreError>;

    /// Candidates of one room as entries, in the same order.
    async fn found(
        &self,
        room: &RoomRef,
        candidates: Vec<Candidate>,
    ) -> Result<Vec<Entry>, StoreError>;
}

/// All of the index.
pub trait Indexed: Search + Packs {}

impl<S: Search + Packs + ?Sized> Indexed for S {}
