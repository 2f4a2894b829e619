//! What to archive, what to delete afterwards, and what watches.
use chrono::{DateTime, Utc};

use crate::model::{RoomName, Seq};

/// Where archiving ends in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Before the first message that is not older.
    Time(DateTime<Utc>),
    /// With this message.
    Seq(Seq),
}

/// What a run is to do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Only these rooms; none named means all.
    pub rooms: Vec<RoomName>,
    pub until: Until,
    /// Of what is archived, only what is older is deleted.
    pub delete_before: DateTime<Utc>,
    /// The newest messages of each room, which are not deleted.
    pub keep_last: usize,
    /// Delete nothing.
    pub keep_rows: bool,
    /// Write `.json.zst`.
    pub compress: bool,
    /// Do all but write and delete.
    pub dry_run: bool,
    /// The time that documents say they were made.
    pub now: DateTime<Utc>,
}

/// What is told how far a run is.
pub trait Watch: Send + Sync {
    /// So many messages more are to be gone through.
    fn expect(&self, _messages: u64) {}
    /// Whether to count them for that: it takes a look at each.
    fn wants_total(&self) -> bool {
        false
    }
    fn advance(&self, _messages: u64) {}
}

/// Nothing watches.
impl Watch for () {}
