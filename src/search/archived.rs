//! What left the database: documents of the archive, by the index of words beside each.
use std::cmp::Reverse;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::timeout;

use super::plan::{self, Blocks};
use super::source::Source;
use super::{Asked, Hit, Judged, Part, SearchError, scan};
use crate::archive::library::{AsOf, Believed, Erased, Library, Shelved};
use crate::archive::{ArchiveError, shown};
use crate::clock::Clock;
use crate::index::Need;
use crate::index::pack::{DOCS_PER_BLOCK, Directory, Doc, Mark, docs};
use crate::model::{MessageId, RoomRef, Seq};
use crate::store::history::Row;
use crate::store::search::{Candidate, Indexed};
use crate::store::{Archived as Stand, Reading, StoreError};

/// Documents that are opened at once: few at first, which may be enough.
const FEW: usize = 2;
const MANY: usize = 32;
/// Messages that are read at once: of those that an index proposes, or where there is none.
const BATCH: usize = 64;
const SCANNED: usize = 2_000;
/// Blocks with terms of one beginning, at most, and how many of them are read at once.
const MOST_BLOCKS: usize = 256;
const AT_ONCE: usize = 16;

/// The archive as a place to look.
pub struct ArchiveSource {
    library: Arc<Library>,
    store: Arc<dyn Reading>,
    index: Arc<dyn Indexed>,
    clock: Arc<dyn Clock>,
}

/// Why the looking ends before its end.
enum Stop {
    Store(StoreError),
    Archive,
    /// A document, or what lies beside it, is not what was written.
    Damaged,
    /// A document was rewritten since the manifest was read.
    Vanished,
}

impl From<ArchiveError> for Stop {
    /// What exactly it is the library has told the operator.
    fn from(error: ArchiveError) -> Self {
        match error {
            ArchiveError::Damaged { .. } => Self::Damaged,
            ArchiveError::Vanished(_) => Self::Vanished,
            _ => Self::Archive,
        }
    }
}

/// How far it is.
struct Looked {
    /// The newest that were found, one more than is enough.
    hits: Vec<Hit>,
    complete: bool,
    /// No message that was not looked at has a greater id.
    at_most: i64,
    /// As many newer ones were found elsewhere.
    floor: Option<MessageId>,
}

impl Looked {
    fn beyond(floor: Option<MessageId>) -> Self {
        Self {
            floor,
            hits: Vec::new(),
            complete: true,
            at_most: i64::MAX,
        }
    }

    fn add(&mut self, asked: &Asked<'_>, hits: Vec<Hit>) {
        self.hits.extend(hits);
        self.hits.sort_by_key(|hit| Reverse(hit.entry.id));
        self.hits.truncate(asked.limit + 1);
    }

    /// Only what has a greater id can still be shown.
    fn least(&self, asked: &Asked<'_>) -> i64 {
        let last = self.hits.get(asked.limit).map(|hit| hit.entry.id);
        last.max(self.floor).map_or(i64::MIN, MessageId::get)
    }

    /// Whether all that is shown is newer than what a document has.
    fn is_enough(&self, asked: &Asked<'_>, of: &Shelved) -> bool {
        self.least(asked) > of.ids().1
    }
}

impl ArchiveSource {
    /// `store` and `index` are of one database.
    pub fn new(
        library: Arc<Library>,
        store: Arc<dyn Reading>,
        index: Arc<dyn Indexed>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            library,
            store,
            index,
            clock,
        }
    }

    async fn shelved(&self, asked: &Asked<'_>) -> Result<Vec<Shelved>, Stop> {
        let ids: Vec<_> = asked.rooms().map(|room| room.key).collect();
        let stands = self.store.archived(&ids).await.map_err(Stop::Store)?;
        if stands.is_empty() {
            return Ok(Vec::new());
        }
        let erasures = self.store.erasures().await.map_err(Stop::Store)?;
        let erased = Arc::new(Erased::of(&erasures, (0, None)));
        let as_of = |stand: Stand| {
            let room = asked.room(stand.room)?;
            let as_of = AsOf {
                believed: Believed {
                    epoch: Some(stand.epoch),
                    archived: stand.archived,
                },
                version: stand.version,
                erased: erased.clone(),
            };
            Some((room.clone(), as_of))
        };
        let rooms: Vec<(RoomRef, AsOf)> = stands.into_iter().filter_map(as_of).collect();
        let mut shelved = self.library.shelved(rooms).await?;
        shelved.sort_by_key(|of| Reverse(of.ids().1));
        Ok(shelved)
    }

    /// Looks at one document after the other, the newest first, until what is found is newer than all others.
    async fn look(&self, asked: &Asked<'_>, looked: &mut Looked) -> Result<(), Stop> {
        let needs = needs(asked);
        let mut all = self.shelved(asked).await?;
        all.retain(|of| of.ids().0 < asked.before.get() && is_of_the_time(asked, of));
        let (mut rest, mut size) = (&mut all[..], FEW);
        while !rest.is_empty() {
            let (batch, others) = rest.split_at_mut(size.min(rest.len()));
            (rest, size) = (others, (size * 2).min(MANY));
            looked.at_most = batch[0].ids().1;
            if looked.is_enough(asked, &batch[0]) {
                return Ok(());
            }
            self.library.open(batch).await?;
            for of in batch.iter() {
                if looked.is_enough(asked, of) || !may_have(&needs, of) {
                    continue;
                }
                looked.at_most = looked.at_most.min(of.ids().1);
                match self.in_document(asked, &needs, of, looked).await {
                    // Others are whole.
                    Err(Stop::Damaged) => looked.complete = false,
                    ended => ended?,
                }
            }
        }
        Ok(())
    }

    async fn in_document(
        &self,
        asked: &Asked<'_>,
        needs: &[Need],
        of: &Shelved,
        looked: &mut Looked,
    ) -> Result<(), Stop> {
        let Some(words) = of.words.clone() else {
            return self.scan(asked, of, looked).await;
        };
        let (blocks, whole) = self.blocks(of, &words, needs).await?;
        looked.complete &= whole;
        let proposed = plan::candidates(needs, &blocks).map_err(|_| Stop::Damaged)?;
        let mut proposed = proposed.unwrap_or_else(|| (0..words.docs()).collect());
        let mut found = 0;
        while !proposed.is_empty() && found <= asked.limit {
            let batch = proposed.split_off(proposed.len().saturating_sub(BATCH));
            let docs = self.docs(of, &words, &batch).await?;
            // Documents of several rooms are of one time: most of what they propose is older than what is shown.
            let ids = looked.least(asked)..asked.before.get();
            if docs.iter().all(|doc| doc.id < ids.start) {
                break;
            }
            let passes = |doc: &&Doc| ids.contains(&doc.id) && in_time(asked, doc.at_ms);
            let places = docs.iter().filter(passes).map(|doc| Seq::new(doc.seq));
            let places: Vec<Seq> = places.collect();
            let rows = self.library.messages(of, &places).await?;
            let hits = self.hits(asked, of, rows).await?;
            found += hits.len();
            looked.add(asked, hits);
        }
        Ok(())
    }

    /// Looks at all of a document that has no index of words.
    async fn scan(&self, asked: &Asked<'_>, of: &Shelved, looked: &mut Looked) -> Result<(), Stop> {
        let (mut before, mut found) = (Seq::MAX, 0);
        while found <= asked.limit {
            let rows = self.library.messages_before(of, before, SCANNED).await?;
            let Some(first) = rows.first() else {
                break;
            };
            before = first.seq;
            let hits = self.hits(asked, of, rows).await?;
            found += hits.len();
            looked.add(asked, hits);
        }
        Ok(())
    }

    /// Those of these messages that are looked for. Of one that the database has, its row decides: it may be
    /// another by now, or gone. It is judged here, since it may have come back after the database was asked.
    async fn hits(
        &self,
        asked: &Asked<'_>,
        of: &Shelved,
        rows: Vec<Row>,
    ) -> Result<Vec<Hit>, Stop> {
        let rows = rows.into_iter().filter(|row| row.id < asked.before);
        let judged = |row: Row| judged(asked, &row).map(|ranges| (row, ranges));
        let mut found: Vec<(Row, Vec<Range<usize>>)> = rows.filter_map(judged).collect();
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<i64> = found.iter().map(|(row, _)| row.id.get()).collect();
        let there = self.index.existing(&ids).await.map_err(Stop::Store)?;
        found.retain(|(row, _)| !there.contains(&row.id.get()));
        let stored = self.stored(asked, &there).await?;
        let (rows, ranges): (Vec<Row>, Vec<_>) = found.into_iter().unzip();
        let mut about = shown::About::default();
        let authors = shown::authors(&rows);
        let names = self.store.display_names(&authors).await;
        about.name(&rows, &names.map_err(Stop::Store)?);
        let hit = |(row, ranges): (Row, _)| Hit {
            entry: shown::entry(of.room.shown(), row, &about),
            room: of.room.clone(),
            ranges,
        };
        let archived = rows.into_iter().zip(ranges).map(hit);
        Ok(archived.chain(stored).collect())
    }

    /// Those of these messages of the database that are looked for.
    async fn stored(&self, asked: &Asked<'_>, ids: &[i64]) -> Result<Vec<Hit>, Stop> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows = self.index.candidates(ids).await.map_err(Stop::Store)?;
        let judged = |of: Candidate| asked.judge_row(&of).map(|ranges| (of, ranges));
        let found = rows.into_iter().filter_map(judged).collect();
        let hits = scan::hits(&*self.index, asked, found).await;
        hits.map_err(|error| match error {
            SearchError::Store(error) => Stop::Store(error),
            SearchError::Busy | SearchError::Disabled => Stop::Archive,
        })
    }

    /// The blocks of a document's index that tell what is needed, and whether they are all of them.
    async fn blocks(
        &self,
        of: &Shelved,
        words: &Directory,
        needs: &[Need],
    ) -> Result<(Blocks, bool), Stop> {
        let located = plan::terms(needs);
        let located = located.into_iter().filter_map(|term| words.locate(term));
        let mut numbers: Vec<usize> = located.collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut blocks = Blocks::default();
        for block in self.library.word_blocks(of, &numbers).await? {
            blocks.add(block);
        }
        let mut read = 0;
        loop {
            let missing = plan::missing(needs, &blocks).map_err(|_| Stop::Damaged)?;
            if missing.is_empty() || read >= MOST_BLOCKS {
                return Ok((blocks, missing.is_empty()));
            }
            for plan::Missing { prefix, after } in missing {
                let next = words.after(&after);
                let to = (next + AT_ONCE).min(words.len());
                let numbers: Vec<usize> = (next..to).collect();
                read += AT_ONCE;
                let more = self.library.word_blocks(of, &numbers).await?;
                blocks.go_on(&prefix, more);
            }
        }
    }

    /// The messages with these numbers, as the index knows them.
    async fn docs(
        &self,
        of: &Shelved,
        words: &Directory,
        ordinals: &[u32],
    ) -> Result<Vec<Doc>, Stop> {
        let located = ordinals
            .iter()
            .filter_map(|ordinal| words.docs_block(*ordinal));
        let mut numbers: Vec<usize> = located.collect();
        numbers.dedup();
        let blocks = self.library.word_blocks(of, &numbers).await?;
        let mut columns = Vec::new();
        for (number, block) in numbers.iter().zip(&blocks) {
            columns.push((*number, docs(&block.data).map_err(|_| Stop::Damaged)?));
        }
        let doc = |ordinal: &u32| {
            let number = words.docs_block(*ordinal)?;
            let (_, column) = columns.iter().find(|(of, _)| *of == number)?;
            column.get((ordinal % DOCS_PER_BLOCK) as usize).copied()
        };
        Ok(ordinals.iter().filter_map(doc).collect())
    }

    /// The same as far as there is time.
    async fn in_time(&self, asked: &Asked<'_>, floor: Option<MessageId>) -> (Looked, Option<Stop>) {
        let left = asked.until.saturating_duration_since(self.clock.now());
        let mut looked = Looked::beyond(floor);
        let ended = timeout(left, Box::pin(self.look(asked, &mut looked))).await;
        match ended {
            Ok(ended) => {
                looked.at_most = i64::MIN;
                (looked, ended.err())
            }
            Err(_) => {
                looked.complete = false;
                (looked, None)
            }
        }
    }
}

#[async_trait]
impl Source for ArchiveSource {
    async fn part(&self, asked: &Asked<'_>, floor: Option<MessageId>) -> Part {
        let (mut looked, mut stopped) = self.in_time(asked, floor).await;
        if matches!(stopped, Some(Stop::Vanished)) && self.library.look_again().await.is_ok() {
            (looked, stopped) = self.in_time(asked, floor).await;
        }
        if let Some(Stop::Store(error)) = &stopped {
            tracing::warn!(%error, "a search could not ask what is in the archive");
        }
        // Where the time was over, what comes next is older than all that was looked at.
        let next = MessageId::new(looked.at_most.saturating_add(1));
        let late = looked.at_most > i64::MIN && next < asked.before;
        Part {
            hits: looked.hits,
            reached: late.then_some(next),
            complete: looked.complete && stopped.is_none(),
        }
    }
}

/// What a message has to have, with what the filters are about that an index of an archive knows.
fn needs(asked: &Asked<'_>) -> Vec<Need> {
    let filters = asked.query.filters();
    let mut needs = asked.query.needs().to_vec();
    if !filters.from.is_empty() {
        let way = |name: &String| vec![Mark::AuthorName(&name.to_ascii_lowercase()).term()];
        needs.push(Need::Any(filters.from.iter().map(way).collect()));
    }
    let marks = [
        (filters.thread, Mark::Thread),
        (filters.pinned, Mark::Pinned),
    ];
    let wanted = marks.iter().filter(|(wanted, _)| *wanted == Some(true));
    needs.extend(wanted.map(|(_, mark)| Need::Term(mark.term())));
    needs
}

fn is_of_the_time(asked: &Asked<'_>, of: &Shelved) -> bool {
    let filters = asked.query.filters();
    let (first, last) = of.times();
    let since = filters.since.map(|since| since.timestamp_millis());
    let until = filters.until.map(|until| until.timestamp_millis());
    since.is_none_or(|since| last >= since) && until.is_none_or(|until| first <= until)
}

/// Whether a document may have what is looked for, as far as its directory tells.
fn may_have(needs: &[Need], of: &Shelved) -> bool {
    let Some(words) = &of.words else {
        return true;
    };
    needs.iter().all(|need| match need {
        Need::Term(term) => words.may_hold(term),
        Need::Prefix(_) => true,
        Need::Any(ways) => {
            let mut ways = ways.iter();
            ways.any(|way| way.iter().all(|term| words.may_hold(term)))
        }
    })
}

fn in_time(asked: &Asked<'_>, at_ms: i64) -> bool {
    let filters = asked.query.filters();
    filters
        .since
        .is_none_or(|since| at_ms >= since.timestamp_millis())
        && filters
            .until
            .is_none_or(|until| at_ms < until.timestamp_millis())
}

/// What of a message is to be shown as found, if it is looked for.
fn judged(asked: &Asked<'_>, row: &Row) -> Option<Vec<Range<usize>>> {
    let details = row.details.as_deref();
    if details.is_some_and(|details| details.gone.is_some()) {
        return None;
    }
    asked.judge(&Judged {
        user: row.user.as_deref().unwrap_or("deleted-user"),
        content: &row.content,
        created_at: row.created_at,
        thread: details.is_some_and(|details| details.thread.is_some()),
        pinned: details.is_some_and(|details| details.pinned_at.is_some()),
    })
}
