//! Trimming rooms to their newest messages: never what is young, and with the archive first
//! never what is not in it.
mod pace;
mod perform;

use crate::model::Seq;

pub use perform::{Options, perform};

/// What became of one room, or would.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RoomReport {
    pub room: String,
    /// Entries before the messages that stay, and old enough. All counts are of entries.
    pub candidates: u64,
    pub archived: u64,
    pub deleted: u64,
    /// Those that the database still has.
    pub left: u64,
    /// The oldest of them.
    pub oldest_seq: Option<Seq>,
    pub oldest_at: Option<String>,
}

/// What a run did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    pub dry_run: bool,
    /// The process that was at it; then nothing was done.
    pub skipped: Option<String>,
    /// It was stopped, or its time was over: there is more to do.
    pub unfinished: bool,
    pub candidates: u64,
    pub archived: u64,
    pub deleted: u64,
    /// Messages in the whole database that are dated later than now. They go with those that
    /// were said after them.
    pub dated_ahead: u64,
    pub rooms: Vec<RoomReport>,
}

impl Report {
    /// What was done, or would be, in a sentence without its end.
    pub fn told(&self) -> String {
        let (archived, deleted, of) = (self.archived, self.deleted, self.candidates);
        let rooms = self.rooms.len();
        let done = if self.dry_run {
            format!("would archive {archived} and delete {deleted} entries in {rooms} rooms")
        } else {
            format!("archived {archived} and deleted {deleted} of {of} entries in {rooms} rooms")
        };
        if self.unfinished {
            format!("{done}; there is more to do")
        } else {
            done
        }
    }
}
