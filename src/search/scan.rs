//! Looking at messages one by one, the newest first: of what no index has.
use super::{Asked, Hit, Part, SearchError};
use crate::clock::Clock;
use crate::model::Entry;
use crate::store::search::{Candidate, Indexed, PAGE};

/// So many rows are looked at at most.
const MOST: usize = 100_000;

/// Looks at messages with ids before `asked.before`, until there are enough.
pub(super) async fn scan(
    store: &dyn Indexed,
    clock: &dyn Clock,
    asked: &Asked<'_>,
) -> Result<Part, SearchError> {
    let mut found = Vec::new();
    let mut at = asked.before;
    let mut looked = 0;
    let reached = loop {
        let page = store.candidates_before(at).await?;
        let whole = page.len() == PAGE;
        looked += page.len();
        at = page.last().map_or(at, Candidate::id);
        found.extend(page.into_iter().filter_map(|of| {
            let ranges = asked.judge_row(&of)?;
            Some((of, ranges))
        }));
        if !whole {
            break None;
        }
        if found.len() > asked.limit || looked >= MOST || clock.now() >= asked.until {
            break Some(at);
        }
    };
    let complete = reached.is_none() || found.len() > asked.limit;
    let hits = hits(store, asked, found).await?;
    Ok(Part {
        hits,
        reached,
        complete,
    })
}

/// Candidates with what of their text was found.
pub(super) type Matched = Vec<(Candidate, Vec<std::ops::Range<usize>>)>;

/// What was found as it is shown, with reactions and the like; the newest first, and no more than one beyond
/// what is enough.
pub(super) async fn hits(
    store: &dyn Indexed,
    asked: &Asked<'_>,
    mut found: Matched,
) -> Result<Vec<Hit>, SearchError> {
    found.sort_by_key(|(of, _)| std::cmp::Reverse(of.id()));
    found.dedup_by_key(|(of, _)| of.id());
    found.truncate(asked.limit + 1);
    let mut hits = Vec::with_capacity(found.len());
    while let Some((first, _)) = found.first() {
        let of = first.room;
        let (this, others): (Vec<_>, Vec<_>) = found.into_iter().partition(|(c, _)| c.room == of);
        found = others;
        let Some(room) = asked.room(of) else {
            continue;
        };
        let (candidates, ranges): (Vec<_>, Vec<_>) = this.into_iter().unzip();
        let entries = store.found(room, candidates).await?;
        let hit = |(entry, ranges): (Entry, _)| Hit {
            entry,
            room: room.clone(),
            ranges,
        };
        hits.extend(entries.into_iter().zip(ranges).map(hit));
    }
    hits.sort_by_key(|hit| std::cmp::Reverse(hit.entry.id));
    Ok(hits)
}
