//! What of a room's past is stored, beside what is in the archive.
use std::collections::HashSet;

use chrono::{DateTime, Utc};

use super::ask::{Ask, Turn};
use super::sql::Arg;
use super::{StoreError, history};
use crate::model::{Epoch, RoomId, RoomKey, RoomVersion, Seq, Uid};

/// How a room's past is divided, and what the archive is read by.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    pub last_seq: Seq,
    /// Turned whenever rows go or come back.
    pub version: RoomVersion,
    /// Up to it all is in the archive.
    pub archived: Seq,
    /// How many rows there are of what is archived in the range that was asked for, as far as they are counted:
    /// what comes back from an archive leaves holes.
    pub rows: i64,
    /// How many erasures there are, and when the last was.
    pub erasures: (i64, Option<DateTime<Utc>>),
    pub topic: Option<String>,
    /// The last reply in the thread that was asked about.
    pub thread_end: Option<Seq>,
}

impl Kept {
    /// Whether it is known that all entries in the range, both ends included, are stored, or are nowhere else.
    pub fn has_all(&self, (first, last): (Seq, Seq)) -> bool {
        // What was never archived is nowhere else.
        let last = last.min(self.last_seq).min(self.archived);
        first > last || u64::try_from(self.rows).is_ok_and(|rows| rows == last.next().since(first))
    }
}

/// A room of which something is in the archive.
#[derive(Debug, Clone, PartialEq)]
pub struct Archived {
    pub room: RoomId,
    pub version: RoomVersion,
    /// Up to it all is in the archive.
    pub archived: Seq,
    pub epoch: Epoch,
}

const ARCHIVED: &str = "SELECT r.id, r.uid, r.history_version, a.last_seq, e.epoch
    FROM room_archive a JOIN rooms r ON r.id = a.room_id CROSS JOIN epoch e
    WHERE a.room_id @in($1)";

const KEPT: &str = "SELECT r.last_seq, r.history_version, coalesce(a.last_seq, 0),
      CASE WHEN coalesce(a.last_seq, 0) < $3 THEN 0 ELSE (SELECT count(*) FROM (SELECT 1
        FROM messages WHERE room_id = r.id AND seq >= $3 AND seq <= $4
          AND seq <= a.last_seq LIMIT 50000) AS counted) END,
      (SELECT count(*) FROM erasures), (SELECT max(at) FROM erasures), r.topic,
      (SELECT last_seq FROM threads WHERE room_id = r.id AND root = $5)
    FROM rooms r LEFT JOIN room_archive a ON a.room_id = r.id WHERE r.id = $1 AND r.uid = $2";

type KeptRow = (
    Seq,
    RoomVersion,
    Seq,
    i64,
    i64,
    Option<DateTime<Utc>>,
    Option<String>,
    Option<Seq>,
);

pub(super) async fn kept(
    by: &impl Ask,
    room: RoomKey,
    (first, last): (Seq, Seq),
    root: Option<Seq>,
) -> Result<Option<Kept>, StoreError> {
    let args = [
        room.id.into(),
        room.uid.into(),
        first.into(),
        last.into(),
        root.into(),
    ];
    let rows: Vec<KeptRow> = by.all(Turn::Read, &[(KEPT, &args)]).await?;
    let kept = |row: KeptRow| Kept {
        last_seq: row.0,
        version: row.1,
        archived: row.2,
        rows: row.3,
        erasures: (row.4, row.5),
        topic: row.6,
        thread_end: row.7,
    };
    Ok(rows.into_iter().next().map(kept))
}

pub(super) async fn archived(
    by: &impl Ask,
    rooms: &[RoomKey],
) -> Result<Vec<Archived>, StoreError> {
    let ids: Vec<i64> = rooms.iter().map(|room| room.id.get()).collect();
    let args = [Arg::Numbers(&ids)];
    type Row = (RoomId, Uid, RoomVersion, Seq, String);
    let found: Vec<Row> = by.all(Turn::Read, &[(ARCHIVED, &args)]).await?;
    let wanted: HashSet<RoomKey> = rooms.iter().copied().collect();
    let archived = |(room, uid, version, archived, epoch): Row| {
        let wanted = wanted.contains(&RoomKey { id: room, uid });
        wanted.then(|| Archived {
            room,
            version,
            archived,
            epoch: Epoch::named(&epoch),
        })
    };
    Ok(found.into_iter().filter_map(archived).collect())
}

/// The accounts of these names that are shown by another one beside.
const DISPLAYED: &str = "SELECT nickname, display_name FROM users
    WHERE @lower(nickname@c) @in($1) AND display_name IS NOT NULL";

pub(super) async fn display_names(
    by: &impl Ask,
    nicknames: &[&str],
) -> Result<Vec<(String, String)>, StoreError> {
    let names: Vec<String> = nicknames.iter().map(|n| n.to_ascii_lowercase()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let args = [names.as_slice().into()];
    by.all(Turn::Read, &[(DISPLAYED, &args)]).await
}

pub(super) async fn erasures(by: &impl Ask) -> Result<Vec<history::Erasure>, StoreError> {
    let none: [Arg<'_>; 0] = [];
    let rows: Vec<history::ErasureRow> = by.all(Turn::Read, &[(history::ERASURES, &none)]).await?;
    Ok(rows.into_iter().map(history::Erasure::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(archived: i64, rows: i64) -> Kept {
        Kept {
            last_seq: Seq::new(100),
            version: RoomVersion::new(1),
            archived: Seq::new(archived),
            rows,
            erasures: (0, None),
            topic: None,
            thread_end: None,
        }
    }

    #[test]
    fn a_range_is_stored_or_may_be_in_the_archive() {
        let all =
            |kept: Kept, first: i64, last: i64| kept.has_all((Seq::new(first), Seq::new(last)));
        assert!(all(kept(50, 0), 51, 100), "never archived");
        assert!(!all(kept(50, 50), 50, 100), "one is missing");
        assert!(all(kept(50, 10), 31, 40), "archived and kept");
        assert!(!all(kept(50, 9), 31, 40));
        assert!(all(kept(50, 1), 50, 200), "to the end of the room");
        assert!(all(kept(50, 0), 101, 200), "beyond it");
        assert!(!all(kept(100, 0), 90, 200));
    }
}
