//! Where a document is in the archive, and what its name tells.
use crate::model::{Epoch, RoomRef, Seq};

/// The place of the messages from `first` to `last`, which are of one month.
pub(super) fn of(room: &RoomRef, (year, month): (i32, u32), first: Seq, last: Seq) -> String {
    let (folder, name) = (folder(room), file_name(room.name.as_str()));
    format!("{folder}/{year:04}/{month:02}/{name}_{first}-{last}.json")
}

/// The same place for a document of another past, where one of that name is there: with the beginning
/// of its epoch.
pub(super) fn of_epoch(path: &str, epoch: &Epoch) -> String {
    let begin: String = epoch.as_str().chars().take(8).collect();
    let plain = path.strip_suffix(".json").unwrap_or(path);
    format!("{plain}.{}.json", file_name(&begin))
}

/// The folder of a room's documents.
pub(super) fn folder(room: &RoomRef) -> String {
    format!("rooms/{}", room.key.id)
}

/// A room's name in a path. One that was made by hand may hold anything; the folder tells rooms
/// apart.
fn file_name(room: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') {
            c
        } else {
            '_'
        }
    };
    room.chars().map(plain).collect()
}

/// The first and last `seq` that a document's path names.
pub(super) fn span(path: &str) -> Option<(Seq, Seq)> {
    let name = path.rsplit('/').next()?;
    let name = name.strip_suffix(".zst").unwrap_or(name);
    let (_, span) = name.strip_suffix(".json")?.rsplit_once('_')?;
    let (first, last) = span.split_once('-')?;
    let last = last.split('.').next()?;
    Some((first.parse().ok()?, last.parse().ok()?))
}
