//! Messages that are looked for in all rooms, as an operator may.
use std::ops::Range;
use std::sync::Arc;

use crate::archive::library::Library;
use crate::clock::{Clock, SystemClock};
use crate::config::{ArchiveUrl, Config};
use crate::index::{Filters, Query, QueryError};
use crate::meter::Meters;
use crate::model::{Entry, MessageId, RoomName, RoomRef};
use crate::search::{ArchiveSource, SearchError, Searcher};
use crate::store::{self, Options, Store, StoreError};

/// Rooms that are looked through.
const MOST_ROOMS: usize = 200_000;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Words, phrases and filters.
    pub typed: String,
    /// Only messages with a smaller id.
    pub before: Option<MessageId>,
    pub limit: usize,
}

/// What was found, the newest first.
#[derive(Debug)]
pub struct Found {
    /// Each with the bytes of its text that were found.
    pub hits: Vec<(Entry, Vec<Range<usize>>)>,
    /// Before this one there may be more.
    pub next: Option<MessageId>,
    /// False where some of the past could not be looked at.
    pub complete: bool,
}

/// Why nothing can be looked for.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error("there is no room '{0}'")]
    NoRoom(String),
    #[error("another search has not ended")]
    Busy,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<SearchError> for FindError {
    fn from(error: SearchError) -> Self {
        match error {
            SearchError::Store(error) => Self::Store(error),
            SearchError::Busy | SearchError::Disabled => Self::Busy,
        }
    }
}

/// Looks in the database of a deployment, whether it runs or not, and whatever `search.enabled` says.
///
/// # Errors
/// Fails where the words cannot be understood, or the database cannot be asked.
pub async fn find(config: &Config, asked: &Asked) -> Result<Found, FindError> {
    let query = Query::parse(&asked.typed, SystemClock.utc())?;
    let options = Options::of_command(config.db_url.expose(), "search");
    let meters = Arc::new(Meters::default());
    let store = store::open(&options, meters.clone()).await?;
    let found = look(&store, &config.archive.url, meters, &query, asked).await;
    store.close().await;
    found
}

async fn look(
    store: &Arc<dyn Store>,
    archive: &ArchiveUrl,
    meters: Arc<Meters>,
    query: &Query,
    asked: &Asked,
) -> Result<Found, FindError> {
    let rooms = rooms(store, query.filters()).await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let searcher = Searcher::new(store.clone(), clock.clone(), meters, true);
    let library = Arc::new(Library::new(archive.clone()));
    let archive = ArchiveSource::new(library, store.clone(), store.clone(), clock);
    searcher.look_also(Arc::new(archive));
    let found = searcher.find(query, &rooms, asked.before, asked.limit);
    let found = found.await?;
    let hits = found.hits.into_iter().map(|hit| (hit.entry, hit.ranges));
    Ok(Found {
        hits: hits.collect(),
        next: found.next,
        complete: found.complete,
    })
}

/// The rooms that are named, or all, without those that are left out.
async fn rooms(store: &Arc<dyn Store>, filters: &Filters) -> Result<Vec<RoomRef>, FindError> {
    let mut rooms = Vec::new();
    if filters.rooms.is_empty() {
        rooms = store.all_rooms(MOST_ROOMS).await?;
    }
    for name in &filters.rooms {
        let none = || FindError::NoRoom(name.clone());
        let (known, _) = RoomName::asked(name);
        let found = store.room(&known.ok_or_else(none)?).await?;
        rooms.push(found.ok_or_else(none)?.0);
    }
    let left_out = |room: &RoomRef| {
        let mut names = filters.not_rooms.iter();
        names.any(|name| name.eq_ignore_ascii_case(room.name.as_str()))
    };
    rooms.retain(|room| !left_out(room));
    Ok(rooms)
}
