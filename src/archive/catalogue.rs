//! The manifest as reading needs it: which documents hold which entries of a room.
use std::collections::{HashMap, HashSet};

use super::manifest::{Entry, Manifest};
use crate::model::{Epoch, RoomId, RoomRef, Seq};

/// The documents of each room, by their first places. What was superseded is not among them.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    rooms: HashMap<RoomId, Vec<Entry>>,
}

/// Up to where a room's documents are believed.
#[derive(Debug, Clone)]
pub struct Believed {
    /// All of this past.
    pub epoch: Option<Epoch>,
    /// Of others, what the database says is archived: a past that is no more may have gone on beyond it.
    pub archived: Seq,
}

impl Catalogue {
    pub(crate) fn of(manifest: &Manifest) -> Self {
        let superseded = manifest.superseded();
        let mut rooms: HashMap<RoomId, Vec<Entry>> = HashMap::new();
        let all = manifest.entries().iter();
        for entry in all.filter(|entry| !superseded.contains_key(entry.path.as_str())) {
            let entry = Entry {
                // They tell where damage is, and are most of what an entry occupies.
                prefixes: String::new(),
                ..entry.clone()
            };
            rooms.entry(entry.room_id).or_default().push(entry);
        }
        for entries in rooms.values_mut() {
            entries.sort_by_key(|entry| entry.first_seq);
            entries.shrink_to_fit();
        }
        Self { rooms }
    }

    /// The documents of a room that hold something from `first` to `last`, with the places in each that are
    /// believed.
    pub(crate) fn between(
        &self,
        room: &RoomRef,
        (first, last): (Seq, Seq),
        believed: &Believed,
    ) -> Vec<(Entry, (Seq, Seq))> {
        let entries = self.rooms.get(&room.key.id);
        let entries = entries.map(Vec::as_slice).unwrap_or_default();
        let part = |entry: &Entry| {
            // Another room may have had the id.
            let same = entry.room.eq_ignore_ascii_case(room.name.as_str());
            let last = if entry.epoch == believed.epoch {
                last.min(entry.last_seq)
            } else {
                last.min(entry.last_seq).min(believed.archived)
            };
            let first = first.max(entry.first_seq);
            (same && first <= last).then(|| (entry.clone(), (first, last)))
        };
        entries.iter().filter_map(part).collect()
    }

    /// The hashes of all documents.
    pub(crate) fn hashes(&self) -> HashSet<&str> {
        let all = self.rooms.values().flatten();
        all.map(|entry| entry.sha256.as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Uid;

    fn entry(first: i64, last: i64, epoch: Option<&str>) -> Entry {
        Entry {
            path: format!("{first}-{last}"),
            first_seq: Seq::new(first),
            last_seq: Seq::new(last),
            epoch: epoch.map(Epoch::named),
            ..Entry::sample()
        }
    }

    #[test]
    fn another_past_is_believed_up_to_the_mark() {
        let mut manifest = Manifest::default();
        for entry in [entry(1, 10, None), entry(11, 20, Some("now"))] {
            manifest.add(entry);
        }
        let catalogue = Catalogue::of(&manifest);
        let found = |room: &str, epoch: &str, archived: i64| {
            let room = RoomRef::stored(RoomId::new(1), Uid::new(1), room);
            let believed = Believed {
                epoch: Some(Epoch::named(epoch)),
                archived: Seq::new(archived),
            };
            let range = (Seq::new(5), Seq::new(15));
            let found = catalogue.between(&room, range, &believed);
            let numbers = |(first, last): (Seq, Seq)| (first.get(), last.get());
            found
                .into_iter()
                .map(|(_, range)| numbers(range))
                .collect::<Vec<_>>()
        };
        assert_eq!(found("R", "now", 20), [(5, 10), (11, 15)]);
        assert_eq!(found("r", "now", 7), [(5, 7), (11, 15)]);
        assert_eq!(found("r", "later", 12), [(5, 10), (11, 12)]);
        assert_eq!(found("other", "now", 20), []);
    }
}
