//! Finding what was said: packs of an index in the database, what no pack has yet, and sources beside.
//!
//! An index only proposes messages. Each is read as it is now, and its own text decides whether it is found: so
//! what an index says of words that were edited away does no harm, and nothing is shown that is not there.
mod archived;
mod asked;
mod error;
mod packed;
mod part;
pub mod plan;
mod queue;
mod scan;
mod source;
pub mod write;

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::RwLock;

pub use self::archived::ArchiveSource;
pub use self::asked::{Asked, Judged};
pub use self::error::{SearchError, SourceError};
pub use self::part::Part;
use self::queue::{Queue, Turn};
pub use self::source::Source;
use crate::clock::Clock;
use crate::index::Query;
use crate::meter::Meters;
use crate::model::{Entry, MessageId, RoomRef};
use crate::store::search::Indexed;

/// A search that takes longer answers with what it has.
pub const LONGEST: Duration = Duration::from_secs(2);

/// A message that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    pub entry: Entry,
    pub room: RoomRef,
    /// What is to be shown as found, in bytes of its text; in order, and apart.
    pub ranges: Vec<Range<usize>>,
}

/// A page of what was found, the newest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Found {
    pub hits: Vec<Hit>,
    /// What to go on before; nothing where there is no more.
    pub next: Option<MessageId>,
    /// False where some of the past could not be looked at.
    pub complete: bool,
}

/// Searches for the clients of this instance.
pub struct Searcher {
    store: Arc<dyn Indexed>,
    clock: Arc<dyn Clock>,
    meters: Arc<Meters>,
    queue: Queue,
    enabled: bool,
    beside: RwLock<Vec<Arc<dyn Source>>>,
}

/// A search that may be made now. Its turn ends when it is dropped.
pub struct Searching<'s> {
    of: &'s Searcher,
    started: Instant,
    _turn: Turn,
}

impl std::fmt::Debug for Searching<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Searching").finish_non_exhaustive()
    }
}

impl Searching<'_> {
    /// Up to `limit` messages of these rooms with smaller ids than `before`, or of all, the newest first.
    ///
    /// # Errors
    /// Where the database does not answer.
    pub async fn find(
        self,
        query: &Query,
        rooms: &[RoomRef],
        before: Option<MessageId>,
        limit: usize,
    ) -> Result<Found, SearchError> {
        let clock = &self.of.clock;
        let asked = Asked::new(query, rooms, before, limit, clock.now() + LONGEST);
        let found = self.of.look(&asked).await;
        let took = clock.now().saturating_duration_since(self.started);
        self.of.meters.search.record(took);
        found
    }
}

impl std::fmt::Debug for Searcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Searcher")
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}

impl Searcher {
    pub fn new(
        store: Arc<dyn Indexed>,
        clock: Arc<dyn Clock>,
        meters: Arc<Meters>,
        enabled: bool,
    ) -> Self {
        Self {
            store,
            clock,
            meters,
            queue: Queue::default(),
            enabled,
            beside: RwLock::default(),
        }
    }

    /// Has every search look there, too.
    pub fn look_also(&self, source: Arc<dyn Source>) {
        self.beside.write().push(source);
    }

    /// Waits until this search may be made. What it takes to make it, such as the rooms of the one that asks, is
    /// best read after that, so that those that wait hold nothing.
    ///
    /// # Errors
    /// Where search is turned off, or too many search.
    pub async fn turn(&self) -> Result<Searching<'_>, SearchError> {
        if !self.enabled {
            return Err(SearchError::Disabled);
        }
        let started = self.clock.now();
        let Some(turn) = self.queue.turn().await else {
            self.meters.searches_refused.add(1);
            return Err(SearchError::Busy);
        };
        Ok(Searching {
            of: self,
            started,
            _turn: turn,
        })
    }

    /// Waits for a turn, and searches.
    ///
    /// # Errors
    /// As for both.
    pub async fn find(
        &self,
        query: &Query,
        rooms: &[RoomRef],
        before: Option<MessageId>,
        limit: usize,
    ) -> Result<Found, SearchError> {
        self.turn().await?.find(query, rooms, before, limit).await
    }

    async fn look(&self, asked: &Asked<'_>) -> Result<Found, SearchError> {
        let mut parts = vec![packed::find(&*self.store, &*self.clock, asked).await?];
        let beside = self.beside.read().clone();
        let floor = parts[0].hits.get(asked.limit).map(|hit| hit.entry.id);
        for source in beside {
            parts.push(source.part(asked, floor).await);
        }
        Ok(part::joined(parts, asked.before, asked.limit))
    }
}
