//! One past: what a page lacks since it left the database is read from the archive. Memory is asked first, then
//! the database, then the archive: what leaves one is in the next before it goes.
use std::collections::BTreeMap;
use std::sync::Arc;

use super::Item;
use super::hub::Hub;
use crate::archive::library::{AsOf, Believed, Erased, Library, Of, Wanted};
use crate::archive::{ArchiveError, shown};
use crate::model::{Entry, Number, RoomRef, Seq};
use crate::store::history::Row;
use crate::store::{Kept, Part, Span, StoreError};

/// How often a page is read, where rows go and come back meanwhile.
const TRIES: usize = 8;

/// Why a part of the past cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Archive(ArchiveError),
}

named! {
    /// Why what left the database cannot be read now. The names are part of the interface.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Unreadable {
        /// Too much is read of the archive at once.
        Busy => "busy",
        ArchiveUnreachable => "archive_unreachable",
        /// A document is not what was written.
        ArchiveDamaged => "archive_damaged",
    }
}

impl From<&ArchiveError> for Unreadable {
    fn from(error: &ArchiveError) -> Self {
        match error {
            ArchiveError::Busy => Self::Busy,
            ArchiveError::Damaged { .. } | ArchiveError::Vanished(_) => Self::ArchiveDamaged,
            _ => Self::ArchiveUnreachable,
        }
    }
}

impl From<ArchiveError> for ReadError {
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Store(error) => Self::Store(error),
            error => Self::Archive(error),
        }
    }
}

/// A page of the archive that may complete one of the database.
struct Missing {
    of: Of,
    range: (Seq, Seq),
    newest: bool,
}

impl Missing {
    /// What a page of that part may lack; `None` where it lacks nothing for certain.
    fn of(part: Part, page: &[Entry], limit: usize) -> Option<Self> {
        let full = page.len() >= limit;
        let ends = page.first().zip(page.last());
        let to = ends.filter(|_| full).map_or(Seq::MAX, |(_, last)| last.seq);
        let from = ends
            .filter(|_| full)
            .map_or(Seq::FIRST, |(first, _)| first.seq);
        let until = |before: Option<Seq>| before.map_or(Seq::MAX, Seq::previous);
        let (of, range, newest) = match part {
            Part::After(after) => (Of::Entries, (after.next(), to), false),
            Part::Since(after) => (Of::Messages, (after.next(), to), false),
            Part::Before(before) => (Of::Messages, (from, until(before)), true),
            Part::Pinned(before) => (Of::Pinned, (from, until(before)), true),
            Part::Replies(root, before) => (
                Of::Replies(root),
                (from.max(root.next()), until(before)),
                true,
            ),
            Part::RepliesSince(root, after) => {
                (Of::Replies(root), (after.max(root).next(), to), false)
            }
            // What comes now, and what is kept in memory: neither is about the past.
            Part::News(_) | Part::Newest => return None,
        };
        (range.0 <= range.1).then_some(Self { of, range, newest })
    }

    fn thread(&self) -> Option<Seq> {
        match self.of {
            Of::Replies(root) => Some(root),
            _ => None,
        }
    }
}

impl Hub {
    /// A page of a room's past, however old: from the store, and where that has it no more from the archive.
    pub(super) async fn read_past(
        &self,
        room: &RoomRef,
        part: Part,
        limit: usize,
    ) -> Result<Vec<Entry>, ReadError> {
        let mut before = None;
        for _ in 0..TRIES {
            let page = self.read_page(room, part, limit).await?;
            let Some(library) = &self.library else {
                return Ok(page);
            };
            let Some(missing) = Missing::of(part, &page, limit) else {
                return Ok(page);
            };
            let Some(kept) = self.kept(room, &missing).await? else {
                return Ok(page);
            };
            let has_all = kept.has_all(missing.range);
            // Rows that may go or come back did so while the page was read, perhaps, and half of it is as before.
            let may_move = kept.archived >= missing.range.0;
            if may_move && before != Some((kept.version, has_all)) {
                before = Some((kept.version, has_all));
                continue;
            }
            if has_all {
                return Ok(page);
            }
            let of = (page, limit);
            return self.complete(library, room, of, missing, &kept).await;
        }
        Err(StoreError::Busy.into())
    }

    async fn kept(&self, room: &RoomRef, missing: &Missing) -> Result<Option<Kept>, StoreError> {
        let _turn = self.turn().await?;
        self.log
            .kept(room.key, missing.range, missing.thread())
            .await
    }

    /// The page with what the archive has of it: of what both have, as the database has it.
    async fn complete(
        &self,
        library: &Library,
        room: &RoomRef,
        (page, limit): (Vec<Entry>, usize),
        missing: Missing,
        kept: &Kept,
    ) -> Result<Vec<Entry>, ReadError> {
        let as_of = self.as_of(kept).await?;
        let (first, mut last) = missing.range;
        if missing.thread().is_some() {
            last = last.min(kept.thread_end.unwrap_or(Seq::START));
        }
        let wanted = Wanted {
            of: missing.of,
            first,
            last: last.min(kept.last_seq),
            limit,
            newest: missing.newest,
        };
        if wanted.first > wanted.last {
            return Ok(page);
        }
        let rows = library.page(room, &as_of, wanted).await?;
        let archived = self.shown(library, room, (&as_of, kept), rows).await?;
        let mut all: BTreeMap<Seq, Entry> = BTreeMap::new();
        let both = archived.into_iter().chain(page);
        all.extend(both.map(|entry| (entry.seq, entry)));
        let beyond = all.len().saturating_sub(limit);
        let all = all.into_values();
        Ok(if missing.newest {
            all.skip(beyond).collect()
        } else {
            all.take(limit).collect()
        })
    }

    /// Archived rows as entries.
    async fn shown(
        &self,
        library: &Library,
        room: &RoomRef,
        (as_of, kept): (&AsOf, &Kept),
        rows: Vec<Row>,
    ) -> Result<Vec<Entry>, ReadError> {
        let mut about = shown::About {
            topic: kept.topic.as_deref().map(Arc::from),
            ..shown::About::default()
        };
        let authors = shown::authors(&rows);
        if !authors.is_empty() {
            let _turn = self.turn().await?;
            let names = self.log.display_names(&authors).await?;
            about.name(&rows, &names);
        }
        let mut targets: Vec<Seq> = shown::targets(&rows).collect();
        targets.sort_unstable();
        targets.dedup();
        if !targets.is_empty() {
            let found = library.at(room, as_of, &targets).await?;
            about
                .messages
                .extend(found.into_iter().map(|row| (row.seq, row)));
        }
        let entry = |row| shown::entry(&room.name, row, &about);
        Ok(rows.into_iter().map(entry).collect())
    }

    /// What the archive is to be read by.
    async fn as_of(&self, kept: &Kept) -> Result<AsOf, StoreError> {
        let known = self.erased.lock().clone();
        let erased = if known.is_of(kept.erasures) {
            known
        } else {
            let _turn = self.turn().await?;
            let erased = Arc::new(Erased::of(&self.log.erasures().await?, kept.erasures));
            *self.erased.lock() = erased.clone();
            erased
        };
        Ok(AsOf {
            believed: Believed {
                epoch: self.epoch(),
                archived: kept.archived,
            },
            version: kept.version,
            erased,
        })
    }

    /// The newest `count` messages, for a reader that goes on from there: one that cannot be given those in the
    /// archive is told so, and given the others.
    pub(super) async fn find_start(
        &self,
        room: &RoomRef,
        before: Seq,
        count: usize,
    ) -> Result<(Option<Span>, bool, Option<Item>), StoreError> {
        let why = match self.find_span(room, Some(before), count).await {
            Ok((span, hit)) => return Ok((span, hit, None)),
            Err(ReadError::Store(error)) => return Err(error),
            Err(ReadError::Archive(error)) => Unreadable::from(&error),
        };
        let _turn = self.turn().await?;
        let span = self.log.span(room.key, Some(before), count).await?;
        let room = room.name.clone();
        Ok((span, false, Some(Item::Unreadable { room, why })))
    }

    /// The same span with the archived messages before it, where the database has fewer than `limit`: their
    /// numbers tell where they lie.
    pub(super) async fn longer_span(
        &self,
        room: &RoomRef,
        before: Option<Seq>,
        limit: usize,
        found: Option<Span>,
    ) -> Result<Option<Span>, ReadError> {
        let Some(library) = &self.library else {
            return Ok(found);
        };
        let stored = Missing {
            of: Of::Messages,
            range: found.map_or((Seq::FIRST, Seq::MAX), |span| (span.first, span.last)),
            newest: true,
        };
        let Some(kept) = self.kept(room, &stored).await? else {
            return Ok(found);
        };
        // What came back from the archive may have a hole before it, and there are more than it seems.
        let is_long = found.is_some_and(|span| span.count >= limit);
        if kept.archived == Seq::START || is_long && kept.has_all(stored.range) {
            return Ok(found);
        }
        let Some(newest) = self.read_past(room, Part::Before(before), 1).await?.pop() else {
            return Ok(found);
        };
        let others = i64::try_from(limit - 1).unwrap_or(i64::MAX);
        let number = newest.number.get().saturating_sub(others).max(1);
        let as_of = self.as_of(&kept).await?;
        let first = library.numbered(room, &as_of, Number::new(number)).await?;
        let nearest = found.map_or(newest.seq, |span| span.first);
        let first = first.unwrap_or(nearest);
        let count = newest.number.get() - number + 1;
        Ok(Some(Span {
            first,
            last: found.map_or(newest.seq, |span| span.last),
            count: usize::try_from(count).unwrap_or(limit),
            more: number > 1,
        }))
    }
}
