//! What a search reads of an archive: which documents there are, what their indexes of words say, and the messages
//! that those propose.
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio::time::{Instant, timeout};

use super::documents::{AsOf, Documents};
use super::{Library, Of, Wanted};
use crate::archive::error::ArchiveError;
use crate::archive::manifest::Entry;
use crate::archive::path;
use crate::index::pack::{Block, Directory};
use crate::model::{RoomRef, Seq};
use crate::store::history::Row;

/// What is read of the end of an index of words at first: most directories are in it.
const TAIL: u64 = 64 << 10;
/// No directory of ours is longer.
const LONGEST: u64 = 8 << 20;
/// Files or blocks that are read at once.
const AT_ONCE: usize = 16;
/// For one answer; a search as a whole has less.
const WITHIN: Duration = Duration::from_secs(3);

/// A document that a search may look at.
#[derive(Debug, Clone)]
pub struct Shelved {
    pub room: RoomRef,
    pub as_of: AsOf,
    pub(crate) entry: Entry,
    /// What of it is believed.
    pub(crate) places: (Seq, Seq),
    /// What its index of words says of itself, once it was opened; nothing where there is no index, and the
    /// document is read as a whole.
    pub words: Option<Arc<Directory>>,
}

impl Shelved {
    /// The smallest and the greatest id in it, as far as that is known.
    pub fn ids(&self) -> (i64, i64) {
        let ids = self
            .entry
            .ids
            .map(|(first, last)| (first.get(), last.get()));
        let words = || self.words.as_ref().map(|words| words.ids());
        ids.or_else(words).unwrap_or((0, i64::MAX))
    }

    /// The first and the last time in it, in milliseconds, as far as that is known.
    pub fn times(&self) -> (i64, i64) {
        let words = || self.words.as_ref().map(|words| words.times());
        let times = self.entry.times.or_else(words);
        times.unwrap_or((i64::MIN, i64::MAX))
    }
}

impl Library {
    /// The documents of these rooms.
    ///
    /// # Errors
    /// Fails where the archive cannot be read in time.
    pub async fn shelved(&self, rooms: Vec<(RoomRef, AsOf)>) -> Result<Vec<Shelved>, ArchiveError> {
        self.in_time(async { self.documents()?.shelved(rooms).await })
            .await
    }

    /// Reads what the indexes of words of these documents say of themselves.
    ///
    /// # Errors
    /// Fails where the archive cannot be read in time.
    pub async fn open(&self, shelved: &mut [Shelved]) -> Result<(), ArchiveError> {
        self.in_time(async {
            let documents = self.documents()?;
            let entries: Vec<Entry> = shelved.iter().map(|of| of.entry.clone()).collect();
            let directory = |entry: Entry| {
                let documents = documents.clone();
                async move { documents.directory(&entry).await }
            };
            let opened = stream::iter(entries.into_iter().map(directory)).buffered(AT_ONCE);
            let opened: Vec<_> = opened.try_collect().await?;
            for (of, words) in shelved.iter_mut().zip(opened) {
                of.words = words;
            }
            Ok(())
        })
        .await
    }

    /// Blocks of a document's index of words, by their numbers.
    ///
    /// # Errors
    /// Fails where the archive cannot be read in time, or is damaged there.
    pub async fn word_blocks(
        &self,
        of: &Shelved,
        numbers: &[usize],
    ) -> Result<Vec<Block>, ArchiveError> {
        let Some(words) = &of.words else {
            return Ok(Vec::new());
        };
        self.in_time(async {
            let documents = self.documents()?;
            let block = |number: usize| {
                let documents = documents.clone();
                async move {
                    let data = documents.word_block(&of.entry, words, number).await?;
                    let (key, data) = (words.key(number).to_vec(), data.to_vec());
                    Ok::<_, ArchiveError>(Block { key, data })
                }
            };
            let blocks = stream::iter(numbers.iter().copied().map(block));
            blocks.buffered(AT_ONCE).try_collect().await
        })
        .await
    }

    /// The messages of a document in these places, ascending.
    ///
    /// # Errors
    /// As for blocks.
    pub async fn messages(&self, of: &Shelved, places: &[Seq]) -> Result<Vec<Row>, ArchiveError> {
        self.in_time(async { self.documents()?.messages(of, places).await })
            .await
    }

    /// The last `limit` messages of a document before a place, ascending: for one without an index.
    ///
    /// # Errors
    /// As for blocks.
    pub async fn messages_before(
        &self,
        of: &Shelved,
        before: Seq,
        limit: usize,
    ) -> Result<Vec<Row>, ArchiveError> {
        let (first, last) = of.places;
        let wanted = Wanted {
            of: Of::Messages,
            first,
            last: last.min(before.previous()),
            limit,
            newest: true,
        };
        self.in_time(async {
            let documents = self.documents()?;
            let mut rows = Vec::new();
            if wanted.first <= wanted.last {
                documents
                    .read(&of.entry, &wanted, &of.as_of, &mut rows)
                    .await?;
            }
            rows.reverse();
            Ok(rows)
        })
        .await
    }

    /// Sees that the manifest is as it is now: a document that it named is not there any more.
    ///
    /// # Errors
    /// Fails where the archive cannot be read in time.
    pub async fn look_again(&self) -> Result<(), ArchiveError> {
        self.in_time(async { self.documents()?.look_again().await })
            .await
    }

    /// Asks within a time. How many search at once is bounded above; those that read pages need not wait for them.
    async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<T, ArchiveError>>,
    ) -> Result<T, ArchiveError> {
        if let Some((until, why)) = self.resting.lock().clone()
            && Instant::now() < until
        {
            return Err(self.away(&why));
        }
        match timeout(WITHIN, answer).await {
            Ok(answer) => {
                if let Err(error) = &answer {
                    self.note(error);
                }
                answer
            }
            // One search asks for much: that says little of what others would wait for.
            Err(_) => Err(ArchiveError::Busy),
        }
    }
}

impl Documents {
    async fn shelved(&self, rooms: Vec<(RoomRef, AsOf)>) -> Result<Vec<Shelved>, ArchiveError> {
        let versions = rooms
            .iter()
            .map(|(room, as_of)| (room.key.id, as_of.version));
        self.look(&versions.collect::<Vec<_>>()).await?;
        let mut shelved = Vec::new();
        for (room, as_of) in rooms {
            for (entry, places) in self.between(&room, (Seq::FIRST, Seq::MAX), &as_of) {
                shelved.push(Shelved {
                    room: room.clone(),
                    as_of: as_of.clone(),
                    entry,
                    places,
                    words: None,
                });
            }
        }
        Ok(shelved)
    }

    /// What the index of words beside a document says of itself; `None` where there is none, or it is damaged:
    /// the document says the same. That is not remembered, since one may be made.
    async fn directory(&self, entry: &Entry) -> Result<Option<Arc<Directory>>, ArchiveError> {
        if let Some(known) = self.known_directory(entry) {
            return Ok(Some(known));
        }
        let path = path::words(&entry.path);
        let directory = match self.destination().get_tail(&path, TAIL).await? {
            None => None,
            Some(tail) => match Directory::length(&tail) {
                Ok(length) if length as u64 > TAIL && length as u64 <= LONGEST => {
                    let tail = self.destination().get_tail(&path, length as u64).await?;
                    tail.and_then(|tail| Directory::decode(&tail).ok())
                }
                Ok(_) => Directory::decode(&tail).ok(),
                Err(_) => None,
            },
        };
        let directory = directory.map(Arc::new);
        if let Some(directory) = &directory {
            self.know_directory(entry, directory);
        }
        Ok(directory)
    }
}
