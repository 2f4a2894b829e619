//! What was said and done, read back in pages and one by one: from memory where it is there.
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::archived::ReadError;
use super::chunk::json_size;
use super::hub::Hub;
use super::past::Past;
use super::tail::Tail;
use crate::model::{Entry, Reactions, RoomKey, RoomName, RoomRef, Seq};
use crate::store::{Authored, Part, Span, StoreError};

/// How far back a reader may begin, in messages.
const FURTHEST: usize = 100_000;
/// Messages read at once for an answer about the past.
const PAGE_BACK: usize = 64;
/// How long such an answer may be, as JSON.
const ANSWER_BYTES: usize = 512 << 10;

impl Hub {
    /// Where the newest `limit` messages before that place, or of all, lie, and whether memory could tell.
    /// Only their numbers are looked at, however many they are.
    pub(super) async fn find_span(
        &self,
        room: &RoomRef,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<(Option<Span>, bool), ReadError> {
        let limit = limit.min(FURTHEST);
        if let Some(span) = self.in_memory(room, |tail| tail.span(before, limit)) {
            return Ok((span, true));
        }
        let found = {
            let _turn = self.turn().await?;
            self.log.span(room.key, before, limit).await?
        };
        let span = self.longer_span(room, before, limit, found).await?;
        Ok((span, false))
    }

    /// The newest `limit` messages with `seq < before`, to be read at the pace of the
    /// connection.
    pub async fn past(
        self: &Arc<Self>,
        room: &RoomRef,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Option<(Span, Past)>, ReadError> {
        let (span, hit) = self.find_span(room, before, limit).await?;
        self.meters.history.record(hit);
        Ok(span.map(|span| (span, self.past_of(room, (span.first, span.last)))))
    }

    /// The messages of a room from `first` to `last`.
    pub fn past_of(self: &Arc<Self>, room: &RoomRef, (first, last): (Seq, Seq)) -> Past {
        Past::new(self.clone(), room.clone(), first, last)
    }

    /// The newest of up to `limit` messages with `seq < before` that make one answer, ascending,
    /// and whether there are more: as they are at `true_at` or later, which [`Hub::stands_at`] told.
    pub async fn history(
        &self,
        room: &RoomRef,
        before: Option<Seq>,
        limit: usize,
        true_at: Seq,
    ) -> Result<(Vec<Entry>, bool), ReadError> {
        let wanted = limit + 1;
        let reaches = |tail: &Tail| tail.last() >= true_at;
        let look = |tail: &Tail| tail.history(before, wanted).filter(|_| reaches(tail));
        let here = self.in_memory(room, look);
        self.meters.history.record(here.is_some());
        let mut answer = Answer::new(limit);
        if let Some(found) = here {
            answer.take(found);
            return Ok(answer.finish(room.label()));
        }
        self.read_back(room, answer, before, Part::Before).await
    }

    /// The same of the replies in the thread of a message.
    pub async fn replies(
        &self,
        room: &RoomRef,
        root: Seq,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<(Vec<Entry>, bool), ReadError> {
        let part = |before| Part::Replies(root, before);
        self.read_back(room, Answer::new(limit), before, part).await
    }

    async fn read_back(
        &self,
        room: &RoomRef,
        mut answer: Answer,
        mut before: Option<Seq>,
        part: impl Fn(Option<Seq>) -> Part,
    ) -> Result<(Vec<Entry>, bool), ReadError> {
        loop {
            let page = PAGE_BACK.min(answer.wanted() + 1);
            let found = self.read_past(room, part(before), page).await?;
            let ended = found.len() < page;
            before = found.first().map(|oldest| oldest.seq).or(before);
            if !answer.take(found) || ended {
                return Ok(answer.finish(room.label()));
            }
        }
    }

    /// The first of up to `limit` messages after that place that make one answer, and whether there are more:
    /// as they are at `true_at` or later.
    pub async fn history_after(
        &self,
        room: &RoomRef,
        after: Seq,
        limit: usize,
        true_at: Seq,
    ) -> Result<(Vec<Entry>, bool), ReadError> {
        self.read_on(room, None, after, (limit, true_at)).await
    }

    /// The same of the replies in the thread of a message.
    pub async fn replies_after(
        &self,
        room: &RoomRef,
        root: Seq,
        after: Seq,
        limit: usize,
    ) -> Result<(Vec<Entry>, bool), ReadError> {
        let limits = (limit, Seq::START);
        self.read_on(room, Some(root), after, limits).await
    }

    async fn read_on(
        &self,
        room: &RoomRef,
        thread: Option<Seq>,
        after: Seq,
        (limit, true_at): (usize, Seq),
    ) -> Result<(Vec<Entry>, bool), ReadError> {
        let mut answer = Vec::new();
        let (mut bytes, mut after) = (0, after);
        loop {
            let wanted = PAGE_BACK.min(limit - answer.len() + 1);
            let found = match thread {
                None => self.page(room, after, wanted, true_at).await?,
                Some(root) => {
                    let part = Part::RepliesSince(root, after);
                    self.read_past(room, part, wanted).await?
                }
            };
            let ended = found.len() < wanted;
            for mut entry in found {
                bytes += json_size(&entry);
                if answer.len() == limit || (bytes > ANSWER_BYTES && !answer.is_empty()) {
                    return Ok((answer, true));
                }
                after = entry.seq;
                if let Some(label) = room.label() {
                    entry.room = label.clone();
                }
                answer.push(entry);
            }
            if ended {
                return Ok((answer, false));
            }
        }
    }

    /// The last of up to `limit` pinned messages with `seq < before` that make one answer, ascending, and
    /// whether there are more.
    pub async fn pinned(
        &self,
        room: &RoomRef,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<(Vec<Entry>, bool), ReadError> {
        self.read_back(room, Answer::new(limit), before, Part::Pinned)
            .await
    }

    /// Up to which place what is read of a room after this is true, where it is read with that.
    pub async fn stands_at(&self, room: &RoomRef) -> Result<Seq, StoreError> {
        match self.in_memory(room, |tail| Some(tail.last())) {
            Some(last) => Ok(last),
            None => self.last_seq(room.key).await,
        }
    }

    /// Up to `limit` messages after `after`, from memory where they are there: a tail that is read meanwhile
    /// may end before what the store told.
    pub(super) async fn page(
        &self,
        room: &RoomRef,
        after: Seq,
        limit: usize,
        true_at: Seq,
    ) -> Result<Vec<Entry>, ReadError> {
        let reaches = |tail: &Tail| tail.last() >= true_at;
        let look = |tail: &Tail| tail.page(after, limit).filter(|_| reaches(tail));
        match self.in_memory(room, look) {
            Some(page) => Ok(page),
            None => self.read_past(room, Part::Since(after), limit).await,
        }
    }

    /// When the first and the last of a room's messages between two places were said, both of them
    /// included; `None` where there is none.
    pub async fn said_between(
        &self,
        room: &RoomRef,
        (first, last): (Seq, Seq),
    ) -> Result<Option<(DateTime<Utc>, DateTime<Utc>)>, ReadError> {
        let begin = self
            .page(room, first.previous(), 1, Seq::START)
            .await?
            .pop();
        let begin = begin.filter(|begin| begin.seq <= last);
        let Some(begin) = begin else {
            return Ok(None);
        };
        let (mut end, _) = self.history(room, Some(last.next()), 1, Seq::START).await?;
        let end = end.pop().map_or(begin.created_at, |end| end.created_at);
        Ok(Some((begin.created_at, end)))
    }

    /// One entry, from memory where it is there.
    pub async fn entry(&self, room: &RoomRef, seq: Seq) -> Result<Option<Entry>, ReadError> {
        let page = self.in_memory(room, |tail| tail.page(seq.previous(), 1));
        let page = match page {
            Some(page) if !page.is_empty() => page,
            // It may be one that another instance committed a moment ago.
            _ => {
                let part = Part::Since(seq.previous());
                self.read_past(room, part, 1).await?
            }
        };
        let mut found = page.into_iter().filter(|entry| entry.seq == seq);
        Ok(found.next().map(|mut entry| {
            if let Some(label) = room.label() {
                entry.room = label.clone();
            }
            entry
        }))
    }

    /// The author of an entry; `None` where the entry is not there.
    pub async fn authored(&self, room: RoomKey, seq: Seq) -> Result<Option<Authored>, StoreError> {
        let _turn = self.turn().await?;
        self.log.authored(room, seq).await
    }

    /// The last place of a room, as it is stored.
    pub async fn last_seq(&self, room: RoomKey) -> Result<Seq, StoreError> {
        let _turn = self.turn().await?;
        Ok(self
            .log
            .head(room)
            .await?
            .map_or(Seq::START, |head| head.last_seq))
    }

    /// What is reacted to a message.
    pub async fn reactions(&self, room: &RoomRef, seq: Seq) -> Result<Reactions, StoreError> {
        let _turn = self.turn().await?;
        let mut found = self.log.reactions(room, &[seq]).await?;
        Ok(found.remove(&seq).unwrap_or_default())
    }
}

/// How many of these, the first of a list, make one answer: one at least.
pub fn fitting<'e>(entries: impl Iterator<Item = Option<&'e Entry>>) -> usize {
    let mut bytes = 0;
    let fits = entries.enumerate().take_while(|(place, entry)| {
        bytes += entry.map_or(0, json_size);
        *place == 0 || bytes <= ANSWER_BYTES
    });
    fits.count()
}

/// An answer about the past while it is gathered, newest first: as long as is allowed, and one
/// message at least.
struct Answer {
    limit: usize,
    bytes: usize,
    newest_first: Vec<Entry>,
    more: bool,
}

impl Answer {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            bytes: 0,
            newest_first: Vec::new(),
            more: false,
        }
    }

    fn wanted(&self) -> usize {
        self.limit - self.newest_first.len()
    }

    /// Takes older messages, ascending; false where not all of them have a place.
    fn take(&mut self, older: Vec<Entry>) -> bool {
        for message in older.into_iter().rev() {
            let bytes = self.bytes + json_size(&message);
            let first = self.newest_first.is_empty();
            if self.wanted() == 0 || (bytes > ANSWER_BYTES && !first) {
                self.more = true;
                return false;
            }
            self.bytes = bytes;
            self.newest_first.push(message);
        }
        true
    }

    /// The messages, ascending, and whether there are more before them.
    fn finish(mut self, label: Option<&RoomName>) -> (Vec<Entry>, bool) {
        self.newest_first.reverse();
        if let Some(label) = label {
            let messages = self.newest_first.iter_mut();
            messages.for_each(|message| message.room = label.clone());
        }
        (self.newest_first, self.more)
    }
}
