//! Looking at messages one by one, the newest first: of what no index has.
use std::ops::Range;

use super::{Asked, Hit, SearchError};
use crate::clock::Clock;
use crate::model::{Entry, MessageId};
use crate::store::StoreError;
use crate::store::search::{Candidate, Indexed, PAGE};

/// So many rows are looked at at most.
const MOST: usize = 100_000;

/// Candidates with what of their text was found.
pub(super) type Matched = Vec<(Candidate, Ranges)>;
pub(super) type Ranges = Vec<Range<usize>>;

/// What is read one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    All,
    /// What is pinned: of few messages, and each is found without reading the others.
    Pinned,
}

/// Adds what is found among messages with ids before that, until there are enough. Returns down to which id it
/// looked, unless that is all.
pub(super) async fn scan(
    store: &dyn Indexed,
    clock: &dyn Clock,
    asked: &Asked<'_>,
    (of, before): (Of, MessageId),
    found: &mut Matched,
) -> Result<Option<MessageId>, StoreError> {
    let mut at = before.min(asked.before);
    let mut looked = 0;
    loop {
        let page = match of {
            Of::All => store.candidates_before(at).await?,
            Of::Pinned => store.pinned_before(at).await?,
        };
        let whole = page.len() == PAGE;
        looked += page.len();
        at = page.last().map_or(at, Candidate::id);
        found.extend(page.into_iter().filter_map(|of| {
            let ranges = asked.judge_row(&of)?;
            Some((of, ranges))
        }));
        if !whole {
            return Ok(None);
        }
        if found.len() > asked.limit || looked >= MOST || clock.now() >= asked.until {
            return Ok(Some(at));
        }
    }
}

/// What was found as it is shown, with reactions and the like; the newest first, and no more than one beyond
/// what is enough.
pub(super) async fn hits(
    store: &dyn Indexed,
    asked: &Asked<'_>,
    mut found: Matched,
) -> Result<Vec<Hit>, SearchError> {
    newest(&mut found, asked.limit + 1);
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

/// Leaves the newest of them, each once.
pub(super) fn newest(found: &mut Matched, most: usize) {
    found.sort_by_key(|(of, _)| std::cmp::Reverse(of.id()));
    found.dedup_by_key(|(of, _)| of.id());
    found.truncate(most);
}
