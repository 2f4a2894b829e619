//! What is to be trimmed, and what stays.
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::model::RoomName;
use crate::ops::archive::{self, ArchiveError, Until};
use crate::store::history::RoomStand;

#[derive(Debug, Clone)]
pub struct Plan {
    /// The newest messages of each room that stay.
    pub keep: usize,
    /// Only these rooms, some with a number of their own; none named means all.
    pub rooms: Vec<(RoomName, Option<usize>)>,
    /// What is not older stays.
    pub before: DateTime<Utc>,
    /// It makes way for chat as far as it is over in this time.
    pub within: Duration,
    /// Do all but write and delete.
    pub dry_run: bool,
    pub now: DateTime<Utc>,
}

impl Plan {
    pub(super) fn keep(&self, room: &RoomName) -> usize {
        let named = self.rooms.iter().find(|(name, _)| name == room);
        named.and_then(|(_, keep)| *keep).unwrap_or(self.keep)
    }

    /// The least that any room keeps.
    pub(super) fn least_kept(&self) -> usize {
        let own = self.rooms.iter().filter_map(|(_, keep)| *keep).min();
        own.map_or(self.keep, |own| own.min(self.keep))
    }

    pub(super) fn wanted(&self, stands: Vec<RoomStand>) -> Result<Vec<RoomStand>, ArchiveError> {
        if self.rooms.is_empty() {
            return Ok(stands);
        }
        let missing = |(name, _): &&(RoomName, _)| stands.iter().all(|s| s.room.name != *name);
        if let Some((name, _)) = self.rooms.iter().find(missing) {
            return Err(ArchiveError::NoSuchRoom(name.to_string()));
        }
        let asked = |stand: &RoomStand| self.rooms.iter().any(|(name, _)| *name == stand.room.name);
        Ok(stands.into_iter().filter(asked).collect())
    }

    /// What the archive is told; it deletes nothing.
    pub(super) fn archiving(&self) -> archive::Plan {
        archive::Plan {
            rooms: Vec::new(),
            until: Until::Time(self.before),
            delete_before: self.before,
            keep_last: self.keep,
            keep_rows: true,
            compress: false,
            dry_run: self.dry_run,
            now: self.now,
        }
    }
}
