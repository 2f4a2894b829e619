//! A reader is a cursor over the log: a position, and nothing that grows.
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Notify;

use super::archived::{ReadError, Unreadable};
use super::chunk::Chunk;
use super::hub::Hub;
use super::past::PageSize;
use super::room::Room;
use super::tail::Tail;
use super::{End, Item};
use crate::model::{Epoch, RoomName, RoomRef, Seq};
use crate::store::Part;

/// How much a cursor offers at once: what one vectored write may take.
const MOST_SLICES: usize = 64;
const MOST_WEIGHT: usize = 1 << 20;

/// Where a reader begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// So many messages before the end.
    Last(usize),
    /// With the message after this one.
    After(Seq),
    /// With the message after this one, as it was in that epoch.
    In(Epoch, Seq),
    /// At something that is no position: told so, and then live.
    Unknown,
}

/// Part of a chunk that a reader is to be given.
#[derive(Debug, Clone)]
pub struct Slice {
    pub chunk: Arc<Chunk>,
    pub from: usize,
    /// The chunk's place in the tail, counted in entries; `None` for a page of its own.
    index: Option<u64>,
    /// When the oldest of its messages was accepted here, for a reader that was waiting for it.
    pub accepted: Option<Instant>,
}

impl Slice {
    pub(super) fn page(chunk: Arc<Chunk>) -> Self {
        Self {
            chunk,
            from: 0,
            index: None,
            accepted: None,
        }
    }

    /// What is left of a page after its entries up to `to`; nothing after the last.
    pub(super) fn after(&self, to: usize) -> Option<Self> {
        let rest = Self {
            from: to,
            ..self.clone()
        };
        (!rest.is_empty()).then_some(rest)
    }

    /// How many entries the slice has.
    pub fn len(&self) -> usize {
        self.chunk.items().len() - self.from
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What a cursor can do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It offered slices.
    Some,
    /// It has given everything that is there.
    Idle,
    /// It needs `fetch`, since what it wants is not in memory.
    Behind,
    /// It has reached the end that was set.
    Ended,
}

/// One reader of one room. Dropping it ends the reading.
#[derive(Debug)]
pub struct Cursor {
    room: Arc<Room>,
    /// What its reader calls the room, where that is not its name.
    label: Option<RoomName>,
    hub: Arc<Hub>,
    slot: usize,
    next_seq: Seq,
    /// The position in the tail, where it is known.
    index: Option<u64>,
    /// What it is given before anything else: that its position means nothing here.
    /// Boxed, as the next: most cursors have neither.
    told_first: Option<Box<Slice>>,
    /// A page of its own, while behind the tail.
    page: Option<Box<Slice>>,
    page_size: PageSize,
    /// Notices before this were for others.
    notices_from: u64,
    /// It ends here: the place in the tail, and the last `seq` before it.
    end: Option<(u64, Seq)>,
    /// What was put back from an archive up to this `seq` was there when it began.
    replayed: Seq,
    /// So often it was told that the past is another one.
    rewinds: usize,
    /// It has had everything at least once, so what comes now is new to it.
    live: bool,
    /// What it wants next is in the archive, which could not be read.
    waits_for_archive: bool,
    /// Counted among the readers that are not reading from memory.
    behind: bool,
}

impl Cursor {
    /// A cursor that begins at `start` in a room whose tail is loaded. `unknown` is told first,
    /// as a gap.
    pub(super) fn new(
        hub: Arc<Hub>,
        room: Arc<Room>,
        signal: Arc<Notify>,
        next_seq: Seq,
        unknown: Option<Item>,
    ) -> Self {
        let slot = room.add_reader(signal);
        let mut cursor = Self {
            told_first: unknown.map(|gap| Slice::page(Chunk::new(vec![gap], None)).into()),
            page: None,
            page_size: PageSize::default(),
            room,
            label: None,
            hub,
            slot,
            next_seq,
            index: None,
            notices_from: 0,
            end: None,
            replayed: Seq::START,
            rewinds: 0,
            live: false,
            waits_for_archive: false,
            behind: false,
        };
        let known = cursor.room.with_tail(|t| (t.replayed(), t.rewinds()));
        (cursor.replayed, cursor.rewinds) = known.unwrap_or_default();
        cursor.skip_notices();
        cursor
    }

    pub(super) fn shown_as(mut self, label: Option<&RoomName>) -> Self {
        self.label = label.cloned();
        self
    }

    pub fn room(&self) -> &RoomRef {
        &self.room.room
    }

    /// The `seq` that this reader is given next.
    pub fn next_seq(&self) -> Seq {
        self.next_seq
    }

    /// Leaves out the notices that are there now: they were for others, or told otherwise.
    pub fn skip_notices(&mut self) {
        self.notices_from = self.room.with_tail(|tail| tail.next_index()).unwrap_or(0);
    }

    /// The reader gets what is there now, and then no more.
    pub fn end_here(&mut self) {
        let here = self.room.with_tail(|t| (t.next_index(), t.last()));
        self.end = here.or(Some((0, Seq::START)));
    }

    pub fn is_ending(&self) -> bool {
        self.end.is_some()
    }

    /// Offers what comes next, without moving on: `advance` does, once it was written.
    pub fn peek(&mut self, slices: &mut Vec<Slice>) -> Next {
        let begun = slices.len();
        let next = self.peek_shared(slices);
        if let Some(label) = &self.label {
            let own = &mut slices[begun..];
            own.iter_mut()
                .for_each(|slice| slice.chunk = slice.chunk.shown_as(label));
        }
        next
    }

    /// The same, under the name that the room has for all.
    fn peek_shared(&mut self, slices: &mut Vec<Slice>) -> Next {
        if self.told_first.is_some() || self.page.is_some() {
            self.go_back();
        }
        if let Some(page) = self.told_first.as_ref().or(self.page.as_ref()) {
            slices.push(Slice::clone(page));
            return Next::Some;
        }
        let (next_seq, index) = (self.next_seq, self.index);
        let (notices_from, end, live) = (self.notices_from, self.end, self.live);
        let replayed = self.replayed;
        let rewinds = self.rewinds;
        let found = self.room.with_tail(|tail| {
            if tail.rewinds() != rewinds {
                return None;
            }
            let known = index.filter(|i| *i >= tail.first_index());
            let sought = || match tail.replay_for(next_seq, replayed) {
                Some(_) => None,
                None => tail.index_of(next_seq),
            };
            let Some(mut at) = known.or_else(sought) else {
                return Some((None, Next::Behind, None));
            };
            let end = end.map(|end| place_of(end, tail));
            let begun = slices.len();
            let mut weight = 0;
            while slices.len() - begun < MOST_SLICES && weight < MOST_WEIGHT {
                if end.is_some_and(|end| at >= end) {
                    break;
                }
                let Some((place, chunk, from)) = tail.at(at) else {
                    at = tail.next_index();
                    break;
                };
                if end.is_some_and(|end| place >= end) {
                    at = place;
                    break;
                }
                at = place + chunk.items().len() as u64;
                if chunk.is_notice() && place < notices_from {
                    continue;
                }
                // A page may have gone beyond what the tail had: that is not given twice.
                let from = from.max(chunk.given_before(next_seq));
                if from == chunk.items().len() {
                    continue;
                }
                weight += chunk.weight();
                let accepted = chunk.accepted.filter(|_| live);
                slices.push(Slice {
                    chunk,
                    from,
                    index: Some(place),
                    accepted,
                });
            }
            let next = if slices.len() > begun {
                Next::Some
            } else if end.is_some_and(|end| at >= end) {
                Next::Ended
            } else {
                Next::Idle
            };
            // Skipped notices are behind; what was offered is not until it was written.
            Some(((next != Next::Some).then_some(at), next, tail.closed()))
        });
        if let Some(None) = found {
            self.go_back();
            return self.peek_shared(slices);
        }
        let (at, next, closed) = found.flatten().unwrap_or((None, Next::Behind, None));
        self.index = at.or(self.index);
        if let (Next::Idle, Some(why)) = (next, closed) {
            self.close(why);
            return self.peek_shared(slices);
        }
        self.live |= next == Next::Idle;
        self.count_behind(next == Next::Behind);
        next
    }

    /// Nothing comes any more: that is told, and then it has ended.
    pub fn close(&mut self, why: End) {
        // A room that is gone ended for all.
        let why = self
            .room
            .with_tail(|tail| tail.closed())
            .flatten()
            .unwrap_or(why);
        // What was not given by now is not given any more.
        self.page = None;
        self.next_seq = self.room.delivered().map_or(self.next_seq, Seq::next);
        self.index = None;
        self.end_here();
        let room = self.room.room.name.clone();
        let end = Item::End { room, why };
        self.told_first = Some(Slice::page(Chunk::new(vec![end], None)).into());
    }

    /// If the past is another one by now, goes back to where it changed, and tells so first.
    fn go_back(&mut self) {
        let known = self.rewinds;
        let back = self.room.with_tail(|tail| {
            let seq = tail.rewound_since(known)?;
            Some((tail.rewinds(), seq, tail.epoch().clone()))
        });
        let Some((rewinds, seq, epoch)) = back.flatten() else {
            return;
        };
        self.rewinds = rewinds;
        self.next_seq = self.next_seq.min(seq);
        self.index = None;
        self.page = None;
        let reset = Item::Reset {
            room: self.room.room.name.clone(),
            epoch,
            last_seq: self.next_seq.previous(),
        };
        self.told_first = Some(Slice::page(Chunk::new(vec![reset], None)).into());
    }

    fn count_behind(&mut self, behind: bool) {
        if behind != self.behind {
            self.behind = behind;
            let change = if behind { 1 } else { -1 };
            self.hub.meters.readers_behind.add(change);
        }
    }

    /// Moves on over the first `entries` of a slice that was offered and written.
    pub fn advance(&mut self, slice: &Slice, entries: usize) {
        if self.told_first.take().is_some() {
            return;
        }
        let to = slice.from + entries;
        if let Some(reached) = slice.chunk.reached(to) {
            self.next_seq = self.next_seq.max(reached.next());
        }
        match slice.index {
            Some(index) => self.index = Some(index + to as u64),
            None => self.page = slice.after(to).map(Box::new),
        }
    }

    /// Lets go of everything but the position, while the peer takes nothing.
    pub fn park(&mut self) {
        self.live = false;
        self.page = None;
    }

    /// Reads the page that comes next; may be dropped half way. That it cannot be read from the archive is told
    /// once, until it can.
    pub async fn fetch(&mut self) -> Result<(), ReadError> {
        let fetched = self.fetch_page().await;
        let unreadable = match &fetched {
            Err(ReadError::Archive(error)) => Some(Unreadable::from(error)),
            _ => None,
        };
        if let Some(why) = unreadable.filter(|_| !self.waits_for_archive) {
            let room = self.room.room.name.clone();
            let told = Item::Unreadable { room, why };
            self.told_first = Some(Slice::page(Chunk::new(vec![told], None)).into());
        }
        self.waits_for_archive = unreadable.is_some();
        fetched
    }

    async fn fetch_page(&mut self) -> Result<(), ReadError> {
        let limit = self.page_size.messages();
        let part = Part::After(self.next_seq.previous());
        // As the tail is before the read: while that is under way it goes on, and what it lets go of then
        // was perhaps committed too late for this page.
        let replay = |tail: &Tail| tail.replay_for(self.next_seq, self.replayed);
        let known = self.room.with_tail(|tail| (tail.before(), replay(tail)));
        let (before, expected) = known.unwrap_or_default();
        let mut messages = self.hub.read_past(&self.room.room, part, limit).await?;
        let mut full = messages.len() == limit;
        // What was put back from an archive after this reader began is not for it.
        let replay = self.room.with_tail(replay).flatten();
        if replay != expected {
            self.index = None;
            return Ok(());
        }
        if let Some(replay) = replay {
            let read = messages.len();
            messages.retain(|m| m.seq <= replay.after);
            full &= messages.len() == read;
        }
        let last = messages.last().map_or(self.next_seq.previous(), |m| m.seq);
        let chunk = Chunk::of_entries(messages, self.next_seq, None);
        let mut entries = chunk.items().to_vec();
        // Where the page ends before the tail begins, what lies between is gone.
        let before = replay.map_or(before, |replay| replay.to);
        if !full && before > last {
            entries.push(Item::Gap {
                room: self.room.room.name.clone(),
                from: Some(last.next()),
                to: before,
            });
        }
        self.index = None;
        self.page_size.learn(&chunk);
        self.page = (!entries.is_empty()).then(|| Slice::page(Chunk::new(entries, None)).into());
        Ok(())
    }
}

/// Where an end is in the tail, which may have been read anew since it was set.
fn place_of((index, last): (u64, Seq), tail: &Tail) -> u64 {
    if index >= tail.first_index() {
        index
    } else {
        tail.index_of(last.next()).unwrap_or(index)
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        self.count_behind(false);
        self.room.remove_reader(self.slot, self.hub.now());
    }
}
