//! The documents of an archive and what lies beside them, with what was read of them lately.
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use parking_lot::Mutex;
use tokio::task::spawn_blocking;

use super::finding::Shelved;
use super::lines::{self, Lines};
use super::{Of, Wanted};
use crate::archive::cache::Cache;
use crate::archive::catalogue::{Believed, Catalogue};
use crate::archive::destination::{Changed, Destination, Version};
use crate::archive::digest::Sum;
use crate::archive::error::ArchiveError;
use crate::archive::ledger::Erasures;
use crate::archive::manifest::{self, Entry, Manifest};
use crate::archive::path;
use crate::archive::places::{Cut, Part, Places};
use crate::archive::stored;
use crate::index::pack::Directory;
use crate::model::{Number, RoomId, RoomRef, RoomVersion, Seq};
use crate::store::history::Row;

/// Text that is kept in memory.
const TEXT: usize = 8 << 20;
/// What indexes of words say of themselves.
const DIRECTORIES: usize = 18 << 20;
/// Files or parts that are read at once.
const AT_ONCE: usize = 8;
/// Indexes of places that are kept.
const PLACES: usize = 256;

/// How the database stands: what is read of the archive fits to that.
#[derive(Debug, Clone)]
pub struct AsOf {
    pub believed: Believed,
    /// The room's version: where it is another, the manifest may be too.
    pub version: RoomVersion,
    /// What was erased, which documents may still have.
    pub erased: Arc<Erased>,
}

/// What was erased, as of a stand of the database's own list.
#[derive(Debug, Default)]
pub struct Erased {
    pub(crate) erasures: Erasures,
    pub(crate) stand: (i64, Option<DateTime<Utc>>),
}

impl Erased {
    /// These erasures, of which the database says by that stand that they are all.
    pub fn of(
        erasures: &[crate::store::history::Erasure],
        stand: (i64, Option<DateTime<Utc>>),
    ) -> Self {
        Self {
            erasures: Erasures::of(erasures),
            stand,
        }
    }

    pub fn is_of(&self, stand: (i64, Option<DateTime<Utc>>)) -> bool {
        self.stand == stand
    }
}

/// Which bytes of a document are which entries.
#[derive(Debug)]
struct Index {
    places: Places,
    /// They are places in its text; it has to be read from its beginning.
    whole: bool,
}

#[derive(Debug)]
struct Known {
    catalogue: Arc<Catalogue>,
    manifest: Option<Version>,
    /// As of which version of each room the manifest was looked at.
    seen: HashMap<RoomId, RoomVersion>,
    // By the hashes of documents: one of the same name may be another.
    places: Cache<String, Arc<Index>>,
    directories: Cache<String, Arc<Directory>>,
    /// Parts of documents, and blocks of what lies beside them.
    text: Cache<(String, Kind, usize), Bytes>,
    /// The one that was read as a whole last.
    whole: Option<(String, Bytes)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Part,
    Words,
}

pub(super) struct Documents {
    destination: Destination,
    known: Mutex<Known>,
    looking: tokio::sync::Mutex<()>,
}

impl Documents {
    pub(super) fn new(destination: Destination) -> Self {
        Self {
            destination,
            looking: tokio::sync::Mutex::default(),
            known: Mutex::new(Known {
                catalogue: Arc::default(),
                manifest: None,
                seen: HashMap::new(),
                places: Cache::of(PLACES),
                directories: Cache::of(DIRECTORIES),
                text: Cache::of(TEXT),
                whole: None,
            }),
        }
    }

    /// Sees that the manifest is as new as these rooms are, of which each version is known.
    pub(super) async fn look(&self, rooms: &[(RoomId, RoomVersion)]) -> Result<(), ArchiveError> {
        let is_seen = || {
            let known = self.known.lock();
            let mut rooms = rooms.iter();
            rooms.all(|(room, version)| known.seen.get(room) == Some(version))
        };
        if is_seen() {
            return Ok(());
        }
        let _looking = self.looking.lock().await;
        // Another may have looked meanwhile.
        if !is_seen() {
            self.read_manifest().await?;
            self.known.lock().seen.extend(rooms.iter().copied());
        }
        Ok(())
    }

    pub(super) fn destination(&self) -> &Destination {
        &self.destination
    }

    pub(super) fn known_directory(&self, entry: &Entry) -> Option<Arc<Directory>> {
        self.known.lock().directories.get(&entry.sha256)
    }

    pub(super) fn know_directory(&self, entry: &Entry, directory: &Arc<Directory>) {
        let weight = directory.size();
        let mut known = self.known.lock();
        // A search for what is said seldom reads all of them, in turn: those that go last would always be gone.
        let (hash, directory) = (entry.sha256.clone(), directory.clone());
        known.directories.put_if_room(hash, directory, weight);
    }

    /// A block of a document's index of words, which its directory says to be right.
    pub(super) async fn word_block(
        &self,
        entry: &Entry,
        words: &Directory,
        number: usize,
    ) -> Result<Bytes, ArchiveError> {
        let key = (entry.sha256.clone(), Kind::Words, number);
        if let Some(bytes) = self.known.lock().text.get(&key) {
            return Ok(bytes);
        }
        let path = path::words(&entry.path);
        let damaged = |why: String| ArchiveError::damaged(&path, why);
        let range = words.range(number);
        let range = range.ok_or_else(|| damaged("it has no such block".into()))?;
        let found = self.destination.get_part(&path, range).await?;
        let bytes = found.ok_or_else(|| ArchiveError::Vanished(path.clone()))?;
        words
            .check(number, &bytes)
            .map_err(|e| damaged(e.to_string()))?;
        let mut known = self.known.lock();
        known.text.put(key, bytes.clone(), bytes.len());
        Ok(bytes)
    }

    /// The messages of a document in these places, ascending.
    pub(super) async fn messages(
        &self,
        of: &Shelved,
        places: &[Seq],
    ) -> Result<Vec<Row>, ArchiveError> {
        let entry = &of.entry;
        let index = self.index(entry).await?;
        let (first, last) = of.places;
        let mut wanted: BTreeMap<usize, BTreeSet<Seq>> = BTreeMap::new();
        for place in places
            .iter()
            .filter(|place| (first..=last).contains(*place))
        {
            wanted
                .entry(index.places.part_of(*place))
                .or_default()
                .insert(*place);
        }
        let read = |(n, places): (usize, BTreeSet<Seq>)| {
            let (index, erased) = (index.clone(), of.as_of.erased.clone());
            async move {
                let Some(part) = index.places.parts().get(n) else {
                    return Ok(Vec::new());
                };
                let text = self.text(entry, &index, n, part).await?;
                let (entry, wanted) = (
                    entry.clone(),
                    Lines {
                        of: Of::Messages,
                        places: move |seq| places.contains(&seq),
                        most: usize::MAX,
                    },
                );
                let read = move || wanted.rows(&entry, &text, &erased);
                spawn_blocking(read).await.map_err(inside)?
            }
        };
        let parts = stream::iter(wanted.into_iter().map(read)).buffered(AT_ONCE);
        let parts: Vec<Vec<Row>> = parts.try_collect().await?;
        Ok(parts.into_iter().flatten().collect())
    }

    /// Reads the indexes of places of these documents, several at once.
    pub(super) async fn read_places(&self, entries: &[&Entry]) -> Result<(), ArchiveError> {
        let entries: Vec<Entry> = entries.iter().copied().cloned().collect();
        let read = |entry: Entry| async move { self.index(&entry).await.map(drop) };
        let read = stream::iter(entries.into_iter().map(read)).buffered(AT_ONCE);
        read.try_collect::<Vec<()>>().await.map(drop)
    }

    /// Sees that the manifest is as it is now.
    pub(super) async fn look_again(&self) -> Result<(), ArchiveError> {
        let _looking = self.looking.lock().await;
        self.read_manifest().await
    }

    /// Reads the manifest, if it is another than it was. One at a time: what was read earlier must not be taken
    /// for what is read later.
    async fn read_manifest(&self) -> Result<(), ArchiveError> {
        let before = self.known.lock().manifest.clone();
        let changed = self
            .destination
            .get_changed(manifest::PATH, before.as_ref());
        let (catalogue, version) = match changed.await? {
            Changed::No => return Ok(()),
            Changed::Gone => (Catalogue::default(), None),
            Changed::To(bytes, version) => {
                let read = spawn_blocking(move || {
                    let manifest = Manifest::read(&bytes)?;
                    Ok::<_, ArchiveError>(Catalogue::of(&manifest))
                });
                (read.await.map_err(inside)??, Some(version))
            }
        };
        let mut known = self.known.lock();
        // What is named no more had words that were erased, perhaps.
        let hashes = catalogue.hashes();
        known
            .text
            .retain(|(hash, ..)| hashes.contains(hash.as_str()));
        known.places.retain(|hash| hashes.contains(hash.as_str()));
        known
            .directories
            .retain(|hash| hashes.contains(hash.as_str()));
        known.whole = None;
        drop(hashes);
        known.seen.clear();
        (known.catalogue, known.manifest) = (Arc::new(catalogue), version);
        Ok(())
    }

    pub(super) fn between(
        &self,
        room: &RoomRef,
        range: (Seq, Seq),
        as_of: &AsOf,
    ) -> Vec<(Entry, (Seq, Seq))> {
        let catalogue = self.known.lock().catalogue.clone();
        catalogue.between(room, range, &as_of.believed)
    }

    /// Adds what is wanted of a document to `rows`: descending, where the newest are.
    pub(super) async fn read(
        &self,
        entry: &Entry,
        wanted: &Wanted,
        as_of: &AsOf,
        rows: &mut Vec<Row>,
    ) -> Result<(), ArchiveError> {
        if lines::has_none(entry, wanted.of) {
            return Ok(());
        }
        let index = self.index(entry).await?;
        let places = &index.places;
        let mut parts: Vec<usize> =
            (places.part_of(wanted.first)..=places.part_of(wanted.last)).collect();
        if wanted.newest {
            parts.reverse();
        }
        let most = rows.len() + wanted.limit;
        for n in parts {
            let Some(part) = places.parts().get(n).filter(|_| rows.len() < most) else {
                break;
            };
            if !lines::may_hold(part, wanted.of) {
                continue;
            }
            let text = self.text(entry, &index, n, part).await?;
            let (entry, erased) = (entry.clone(), as_of.erased.clone());
            let inside_of = wanted.first..=wanted.last;
            let chosen = Lines {
                of: wanted.of,
                places: move |seq| inside_of.contains(&seq),
                // The last of a part are known when all of it is read.
                most: if wanted.newest {
                    usize::MAX
                } else {
                    wanted.limit
                },
            };
            let read = spawn_blocking(move || chosen.rows(&entry, &text, &erased));
            let mut found = read.await.map_err(inside)??;
            if wanted.newest {
                found.reverse();
            }
            found.truncate(most - rows.len());
            rows.append(&mut found);
        }
        Ok(())
    }

    /// The place of the first message of that number or beyond.
    pub(super) async fn numbered(
        &self,
        documents: &[(Entry, (Seq, Seq))],
        number: Number,
    ) -> Result<Option<Seq>, ArchiveError> {
        // Older documents do not say with which number they begin.
        let (mut from, mut to) = (0, documents.len());
        while to - from > 1 {
            let middle = from.midpoint(to);
            let index = self.index(&documents[middle].0).await?;
            let begins = index.places.parts().first().map(|part| part.first_number);
            if begins.is_some_and(|begins| begins.get() < number.get()) {
                from = middle;
            } else {
                to = middle;
            }
        }
        for (entry, (first, last)) in &documents[from..] {
            let index = self.index(entry).await?;
            let parts = index.places.parts();
            for (n, part) in parts
                .iter()
                .enumerate()
                .skip(index.places.part_of_number(number))
            {
                let text = self.text(entry, &index, n, part).await?;
                let found = lines::numbered(&entry.path, &text, number)?;
                let found = found.filter(|seq| seq >= first);
                if let Some(seq) = found {
                    return Ok(Some(seq).filter(|seq| seq <= last));
                }
            }
        }
        Ok(None)
    }

    /// The document's index of places, or one that is made of the document.
    async fn index(&self, entry: &Entry) -> Result<Arc<Index>, ArchiveError> {
        if let Some(index) = self.known.lock().places.get(&entry.sha256) {
            return Ok(index);
        }
        let beside = self.destination.get(&path::places(&entry.path)).await?;
        let index = match beside.and_then(|(bytes, _)| Places::read(&bytes, entry)) {
            Some(places) => Index {
                places,
                whole: false,
            },
            None => {
                let text = self.whole(entry).await?;
                let of = entry.clone();
                let cut = spawn_blocking(move || {
                    Ok::<_, ArchiveError>(Cut::of(&of.path, &text)?.plain(&text, &of.sha256))
                });
                Index {
                    places: cut.await.map_err(inside)??,
                    whole: true,
                }
            }
        };
        let index = Arc::new(index);
        let mut known = self.known.lock();
        known.places.put(entry.sha256.clone(), index.clone(), 1);
        Ok(index)
    }

    /// The text of a part.
    async fn text(
        &self,
        entry: &Entry,
        index: &Index,
        n: usize,
        part: &Part,
    ) -> Result<Bytes, ArchiveError> {
        let key = (entry.sha256.clone(), Kind::Part, n);
        if let Some(text) = self.known.lock().text.get(&key) {
            return Ok(text);
        }
        let bytes = part.at..part.at.saturating_add(part.size);
        let text = if index.whole {
            let text = self.whole(entry).await?;
            let part = text.get(bytes.start as usize..bytes.end as usize);
            let none = || ArchiveError::damaged(&entry.path, "it is shorter than it was");
            // Its own memory, and not all of the document's.
            Bytes::copy_from_slice(part.ok_or_else(none)?)
        } else {
            let found = self.destination.get_part(&entry.path, bytes).await?;
            let found = found.ok_or_else(|| ArchiveError::Vanished(entry.path.clone()))?;
            let (path, part) = (entry.path.clone(), part.clone());
            let read = spawn_blocking(move || match part.difference(&found) {
                Some(why) => Err(ArchiveError::damaged(&path, why)),
                None => stored::unpacked(&path, found),
            });
            read.await.map_err(inside)??
        };
        let mut known = self.known.lock();
        known.text.put(key, text.clone(), text.len());
        Ok(text)
    }

    /// The whole text of a document, which is what its entry says.
    async fn whole(&self, entry: &Entry) -> Result<Bytes, ArchiveError> {
        if let Some((hash, text)) = &self.known.lock().whole
            && *hash == entry.sha256
        {
            return Ok(text.clone());
        }
        let found = self.destination.get(&entry.path).await?;
        let (bytes, _) = found.ok_or_else(|| ArchiveError::Vanished(entry.path.clone()))?;
        let of = entry.clone();
        let read = spawn_blocking(move || match Sum::of(&bytes).difference(&of) {
            Some(why) => Err(ArchiveError::damaged(&of.path, why)),
            None => stored::unpacked(&of.path, bytes),
        });
        let text = read.await.map_err(inside)??;
        self.known.lock().whole = Some((entry.sha256.clone(), text.clone()));
        Ok(text)
    }
}

fn inside(error: tokio::task::JoinError) -> ArchiveError {
    ArchiveError::Inside(error.to_string())
}
