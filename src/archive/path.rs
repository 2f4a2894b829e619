//! Where a document is in the archive, and what its name tells.
use crate::model::{Epoch, RoomRef, Seq};

/// The place of the messages from `first` to `last`, which are of one month.
pub(crate) fn of(room: &RoomRef, (year, month): (i32, u32), first: Seq, last: Seq) -> String {
    let (folder, name) = (folder(room), file_name(room.name.as_str()));
    format!("{folder}/{year:04}/{month:02}/{name}_{first}-{last}.json")
}

/// The same place for a document of another past, where one of that name is there: with the beginning
/// of its epoch.
pub(crate) fn of_epoch(path: &str, epoch: &Epoch) -> String {
    let begin: String = epoch.as_str().chars().take(8).collect();
    let plain = path.strip_suffix(".json").unwrap_or(path);
    format!("{plain}.{}.json", file_name(&begin))
}

/// The place of what a document becomes when something of it is erased: `….r1.json`, `….r2.json`, ….
pub(crate) fn next(path: &str) -> String {
    let (plain, packed) = match path.strip_suffix(".zst") {
        Some(plain) => (plain, ".zst"),
        None => (path, ""),
    };
    let plain = plain.strip_suffix(".json").unwrap_or(plain);
    let before = plain.rsplit_once(".r").and_then(|(plain, number)| {
        let number: u64 = number.parse().ok()?;
        Some((plain, number))
    });
    let (plain, number) = before.unwrap_or((plain, 0));
    format!("{plain}.r{}.json{packed}", number + 1)
}

/// The document's index of places.
pub(crate) fn places(document: &str) -> String {
    format!("{document}.places")
}

/// The files beside a document, which say nothing that it does not.
pub(crate) fn beside(document: &str) -> [String; 2] {
    [places(document), words(document)]
}

/// The document's index of words.
pub(crate) fn words(document: &str) -> String {
    format!("{document}.words")
}

/// The document that a file is, or is beside.
pub(crate) fn document_of(path: &str) -> &str {
    let beside = path.strip_suffix(".places");
    beside.or(path.strip_suffix(".words")).unwrap_or(path)
}

/// The folder of a room's documents.
pub(crate) fn folder(room: &RoomRef) -> String {
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
pub(crate) fn span(path: &str) -> Option<(Seq, Seq)> {
    let name = path.rsplit('/').next()?;
    let name = name.strip_suffix(".zst").unwrap_or(name);
    let (_, span) = name.strip_suffix(".json")?.rsplit_once('_')?;
    let (first, last) = span.split_once('-')?;
    let last = last.split('.').next()?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_document_becomes_has_the_same_places() {
        let mut path = "rooms/1/2024/01/a.r_b_3-14.json.zst".to_owned();
        for expected in ["r1", "r2", "r3"] {
            path = next(&path);
            assert_eq!(
                path,
                format!("rooms/1/2024/01/a.r_b_3-14.{expected}.json.zst")
            );
            assert_eq!(span(&path), Some((Seq::new(3), Seq::new(14))));
        }
    }
}
