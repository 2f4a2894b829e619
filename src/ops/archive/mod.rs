//! The archive: messages as JSON documents in a folder or a bucket, and then gone from the database.
//!
//! A document appears whole or not at all and is never overwritten. It is read back, entered in
//! the manifest, and marked in the database; only then are its rows deleted. Whatever ends this
//! in between, the next run goes on from the mark.
mod beside;
mod perform;
mod renew;
mod rewrite;
mod session;
mod verify;
mod worker;
mod writer;

use crate::archive::{ArchiveError, Entry};
use crate::model::{RoomName, Seq};
use crate::ops::lease::LeaseError;
use crate::store::history::RoomStand;

pub use beside::complete;
pub use perform::{Options, perform};
pub use session::{Alone, Session};
pub use verify::{Finding, State, verify};
pub use writer::{Archiver, Form};

pub(in crate::ops) use perform::may_go;
pub(in crate::ops) use rewrite::{remove_left, replace, without};
pub(in crate::ops) use session::{before, give_way, stopped_after};

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

/// What became of one room.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RoomReport {
    pub room: String,
    pub archived: u64,
    pub deleted: u64,
    /// The watermark: up to this `seq` all is in the archive.
    pub archived_to: Seq,
}

/// What a run did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    pub dry_run: bool,
    /// It was stopped between two steps; the next run goes on there.
    pub interrupted: bool,
    pub archived: u64,
    pub deleted: u64,
    pub files: Vec<Entry>,
    pub rooms: Vec<RoomReport>,
}

/// Of all rooms those with these names; none named means all.
pub(in crate::ops) fn wanted(
    stands: Vec<RoomStand>,
    names: &[&RoomName],
) -> Result<Vec<RoomStand>, ArchiveError> {
    if names.is_empty() {
        return Ok(stands);
    }
    let missing = |name: &&&RoomName| stands.iter().all(|stand| stand.room.name != ***name);
    if let Some(name) = names.iter().find(missing) {
        return Err(ArchiveError::NoSuchRoom(name.to_string()));
    }
    let asked = |stand: &RoomStand| names.contains(&&stand.room.name);
    Ok(stands.into_iter().filter(asked).collect())
}

impl From<LeaseError> for ArchiveError {
    fn from(error: LeaseError) -> Self {
        match error {
            LeaseError::Store(error) => Self::Store(error),
            held @ LeaseError::Held { .. } => Self::InUse(held.to_string()),
            lost @ LeaseError::Lost(_) => Self::LeaseLost(lost.to_string()),
        }
    }
}
