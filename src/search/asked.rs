//! What a search is for, and whether a message is such a one.
use std::collections::HashMap;
use std::ops::Range;
use std::time::Instant;

use chrono::{DateTime, Utc};

use crate::index::{Filters, Query};
use crate::model::{MessageId, RoomId, RoomRef};
use crate::store::search::Candidate;

/// A search as all sources are asked.
pub struct Asked<'a> {
    pub query: &'a Query,
    rooms: HashMap<RoomId, &'a RoomRef>,
    /// Only what has a smaller id.
    pub before: MessageId,
    /// How many are enough.
    pub limit: usize,
    /// When to answer with what there is.
    pub until: Instant,
}

/// A message as it is judged, wherever it lies.
#[derive(Debug, Clone, Copy)]
pub struct Judged<'m> {
    pub user: &'m str,
    pub content: &'m str,
    pub created_at: DateTime<Utc>,
    /// It is a reply in a thread.
    pub thread: bool,
    pub pinned: bool,
}

impl<'a> Asked<'a> {
    pub fn new(
        query: &'a Query,
        rooms: &'a [RoomRef],
        before: Option<MessageId>,
        limit: usize,
        until: Instant,
    ) -> Self {
        Self {
            query,
            rooms: rooms.iter().map(|room| (room.key.id, room)).collect(),
            before: before.unwrap_or(MessageId::new(i64::MAX)),
            limit,
            until,
        }
    }

    /// The room, if it is one of those that are looked at.
    pub fn room(&self, id: RoomId) -> Option<&'a RoomRef> {
        self.rooms.get(&id).copied()
    }

    pub fn rooms(&self) -> impl ExactSizeIterator<Item = &'a RoomRef> {
        self.rooms.values().copied()
    }

    /// Whether this message is looked for: then what of its text is to be shown as found.
    pub fn judge(&self, message: &Judged<'_>) -> Option<Vec<Range<usize>>> {
        if !passes(self.query.filters(), message) {
            return None;
        }
        self.query.matches(message.content)
    }

    pub(super) fn judge_row(&self, of: &Candidate) -> Option<Vec<Range<usize>>> {
        if of.id() >= self.before || !self.rooms.contains_key(&of.room) {
            return None;
        }
        self.judge(&Judged {
            user: of.user(),
            content: of.content(),
            created_at: of.created_at(),
            thread: of.thread().is_some(),
            pinned: of.pinned(),
        })
    }
}

/// Whether a message passes all filters but those that its text decides, and its room.
fn passes(filters: &Filters, message: &Judged<'_>) -> bool {
    let is_author = |name: &String| name.eq_ignore_ascii_case(message.user);
    let at = message.created_at;
    (filters.from.is_empty() || filters.from.iter().any(is_author))
        && !filters.not_from.iter().any(is_author)
        && filters.since.is_none_or(|since| at >= since)
        && filters.until.is_none_or(|until| at < until)
        && filters.thread.is_none_or(|thread| thread == message.thread)
        && filters.pinned.is_none_or(|pinned| pinned == message.pinned)
}
