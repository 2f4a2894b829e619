//! A room's newest part, in memory: a bounded ring of chunks in which readers have positions.
use std::collections::VecDeque;
use std::sync::Arc;

use super::chunk::{Chunk, End, Item};
use crate::model::{Entry, Epoch, MessageId, RoomVersion, Seq};
use crate::store::Span;

/// How much of a room is kept in memory. `keep` messages stay whatever they weigh, and `FEW`
/// notices, so that those which come are shown.
#[derive(Debug, Clone, Copy)]
pub struct TailLimits {
    pub keep: usize,
    pub entries: usize,
    pub notices: usize,
    /// Of what the entries may come to occupy, in all forms in which they are asked for.
    pub bytes: usize,
}

const FEW: usize = 16;

impl TailLimits {
    /// Limits for a room that shows its last `keep` messages to a client that joins.
    pub fn keeping(keep: usize) -> Self {
        Self {
            keep,
            entries: keep.max(2_048),
            notices: 256,
            bytes: 4 << 20,
        }
    }
}

#[derive(Debug)]
struct Placed {
    /// This instance's own count of entries before the chunk.
    index: u64,
    chunk: Arc<Chunk>,
    /// The room's last `seq` after the chunk.
    last: Seq,
    entries: usize,
    /// Of these, messages.
    messages: usize,
}

/// Messages that were put back from an archive beyond what had been delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Replay {
    /// What had been delivered.
    pub(super) after: Seq,
    pub(super) to: Seq,
}

/// The ring. Positions (`index`) count entries, notices included, since the room was loaded.
#[derive(Debug)]
pub(super) struct Tail {
    limits: TailLimits,
    ring: VecDeque<Placed>,
    next_index: u64,
    /// All beyond this `seq`, up to `last`, are in the ring.
    before: Seq,
    last: Seq,
    entries: usize,
    messages: usize,
    /// Chunks that are a notice.
    notices: usize,
    bytes: usize,
    /// How the room's older messages were when they were read.
    version: RoomVersion,
    replay: Option<Replay>,
    /// The past that this is a part of.
    epoch: Epoch,
    /// Where the past turned out to be another one, each time that it did.
    rewinds: Vec<Seq>,
    /// Why nothing comes any more, if so.
    closed: Option<End>,
}

impl Tail {
    /// An empty tail for a room whose last `seq` is `last`.
    pub(super) fn new(limits: TailLimits, last: Seq, version: RoomVersion, epoch: Epoch) -> Self {
        Self {
            limits,
            ring: VecDeque::new(),
            next_index: 0,
            before: last,
            last,
            entries: 0,
            messages: 0,
            notices: 0,
            bytes: 0,
            version,
            replay: None,
            epoch,
            rewinds: Vec::new(),
            closed: None,
        }
    }

    /// An empty tail in the place of this one, from `last` on. No position in this one is a
    /// position in that one: readers look for their `seq` anew.
    pub(super) fn anew(&self, last: Seq, version: RoomVersion, replay: Option<Replay>) -> Self {
        Self {
            next_index: self.next_index + 1,
            replay: replay.or(self.replay),
            rewinds: self.rewinds.clone(),
            ..Self::new(self.limits, last, version, self.epoch.clone())
        }
    }

    /// This tail as a part of the past of `epoch`, which is another one from `seq` on.
    pub(super) fn rewound(&self, seq: Seq, epoch: &Epoch) -> Self {
        let mut tail = self.anew(self.before.min(seq.previous()), self.version, None);
        let mut kept = self.after(self.before);
        kept.retain(|entry| entry.seq < seq);
        if !kept.is_empty() {
            tail.push(Chunk::of_entries(kept, tail.last.next(), None));
        }
        tail.last = tail.last.max(self.last.min(seq.previous()));
        tail.epoch = epoch.clone();
        tail.rewinds.push(seq);
        tail
    }

    /// Nothing comes any more. That is no entry in the ring: readers learn of it wherever they are.
    pub(super) fn close(&mut self, why: End) {
        self.closed = Some(why);
    }

    pub(super) fn closed(&self) -> Option<End> {
        self.closed
    }

    pub(super) fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// How often the past turned out to be another one.
    pub(super) fn rewinds(&self) -> usize {
        self.rewinds.len()
    }

    /// From where on it is another than it was when it had been so for `known` times.
    pub(super) fn rewound_since(&self, known: usize) -> Option<Seq> {
        let news = self.rewinds.get(known..).unwrap_or_default();
        news.iter().min().copied()
    }

    /// The first of these entries that differs from the one here in its place.
    pub(super) fn disputed_by(&self, entries: &[Entry]) -> Option<Seq> {
        let other = |entry: &&Entry| {
            let here = self.origin_at(entry.seq);
            here.is_some_and(|here| here != origin(entry))
        };
        entries.iter().find(other).map(|entry| entry.seq)
    }

    fn origin_at(&self, seq: Seq) -> Option<(MessageId, i64)> {
        if seq > self.last {
            return None;
        }
        let (_, chunk, at) = self.at(self.index_of(seq)?)?;
        match &chunk.items()[at] {
            Item::Entry(entry) if entry.seq == seq => Some(origin(entry)),
            _ => None,
        }
    }

    pub(super) fn version(&self) -> RoomVersion {
        self.version
    }

    /// What was put back and is no news to a reader who waits for `next`, and has begun after
    /// what was put back up to `seen`.
    pub(super) fn replay_for(&self, next: Seq, seen: Seq) -> Option<Replay> {
        self.replay.filter(|r| r.to > seen && next <= r.to)
    }

    /// Where the last that was put back ends, or 0.
    pub(super) fn replayed(&self) -> Seq {
        self.replay.map_or(Seq::START, |replay| replay.to)
    }

    /// The entries here after `seq`.
    pub(super) fn after(&self, seq: Seq) -> Vec<Entry> {
        self.newer(seq).cloned().collect()
    }

    fn newer(&self, after: Seq) -> impl Iterator<Item = &Entry> {
        let first = self.ring.partition_point(|placed| placed.last <= after);
        let entries = self.ring.range(first..).flat_map(|p| p.chunk.items());
        entries.filter_map(move |entry| match entry {
            Item::Entry(entry) if entry.seq > after => Some(entry),
            _ => None,
        })
    }

    #[cfg(test)]
    pub(super) fn holds(&self) -> (usize, usize) {
        (self.ring.len(), self.bytes)
    }

    pub(super) fn last(&self) -> Seq {
        self.last
    }

    /// The `seq` after which everything is here.
    pub(super) fn before(&self) -> Seq {
        self.before
    }

    pub(super) fn next_index(&self) -> u64 {
        self.next_index
    }

    pub(super) fn first_index(&self) -> u64 {
        self.ring
            .front()
            .map_or(self.next_index, |placed| placed.index)
    }

    /// Appends a chunk that goes on where the tail ends. What its events do to messages here is done to
    /// them, and a reader that joins is shown them as they are.
    pub(super) fn push(&mut self, chunk: Arc<Chunk>) {
        self.amend(&chunk);
        let items = chunk.items();
        let (mut entries, mut messages) = (0, 0);
        for item in items {
            if let Item::Entry(entry) = item {
                entries += 1;
                messages += usize::from(entry.is_message());
            }
        }
        self.last = chunk.reached(items.len()).unwrap_or(self.last);
        self.entries += entries;
        self.messages += messages;
        self.notices += usize::from(chunk.is_notice());
        self.bytes += chunk.weight();
        let (index, last) = (self.next_index, self.last);
        self.next_index += items.len() as u64;
        self.ring.push_back(Placed {
            index,
            chunk,
            last,
            entries,
            messages,
        });
        self.trim();
    }

    /// Puts in the place of chunks with entries that its events are about chunks with these as they are
    /// after it.
    fn amend(&mut self, news: &Chunk) {
        let amendments = news.amendments();
        if amendments.is_empty() {
            return;
        }
        for placed in self.ring.iter_mut().filter(|of| amendments.reach(of.last)) {
            if let Some(amended) = placed.chunk.amended(&amendments) {
                self.bytes = self.bytes - placed.chunk.weight() + amended.weight();
                placed.chunk = amended;
            }
        }
    }

    fn trim(&mut self) {
        while self.notices > self.limits.notices {
            self.drop_oldest_notice();
        }
        while self.entries > self.limits.entries || self.bytes > self.limits.bytes {
            let Some(oldest) = self.ring.front() else {
                return;
            };
            if oldest.chunk.is_notice() || self.messages - oldest.messages >= self.limits.keep {
                self.before = oldest.last;
                self.remove(0);
            } else if self.notices > FEW {
                self.drop_oldest_notice();
            } else {
                return;
            }
        }
    }

    /// The oldest notice goes, also from between messages that stay. No reader is told: a notice is
    /// of the moment.
    fn drop_oldest_notice(&mut self) {
        match self.ring.iter().position(|placed| placed.chunk.is_notice()) {
            Some(oldest) => self.remove(oldest),
            None => self.notices = 0,
        }
    }

    fn remove(&mut self, at: usize) {
        if let Some(gone) = self.ring.remove(at) {
            self.entries -= gone.entries;
            self.messages -= gone.messages;
            self.notices -= usize::from(gone.chunk.is_notice());
            self.bytes -= gone.chunk.weight();
        }
    }

    /// The first chunk that holds entry `index` or a later one, with its own place and that of
    /// the entry in it: between messages, notices may be gone.
    pub(super) fn at(&self, index: u64) -> Option<(u64, Arc<Chunk>, usize)> {
        let after = self.ring.partition_point(|placed| placed.index <= index);
        let ends = |placed: &Placed| placed.index + placed.chunk.items().len() as u64;
        let within = after.checked_sub(1).and_then(|at| self.ring.get(at));
        let within = within.filter(|placed| index < ends(placed));
        let placed = within.or_else(|| self.ring.get(after))?;
        let offset = index.saturating_sub(placed.index) as usize;
        Some((placed.index, placed.chunk.clone(), offset))
    }

    /// The index of message `seq`, or of the first entry after where it would be. `None` if
    /// that is before the tail.
    pub(super) fn index_of(&self, seq: Seq) -> Option<u64> {
        if seq <= self.before {
            return None;
        }
        let at = self.ring.partition_point(|placed| placed.last < seq);
        Some(self.ring.get(at).map_or(self.next_index, |placed| {
            placed.index + placed.chunk.find(seq) as u64
        }))
    }

    /// The messages here before that place, or all, newest first.
    fn newest_first(&self, before: Option<Seq>) -> impl Iterator<Item = &Entry> {
        let chunks = self.ring.iter().rev().map(|placed| &placed.chunk);
        let entries = chunks.flat_map(|chunk| chunk.items().iter().rev());
        entries.filter_map(move |entry| match entry {
            Item::Entry(entry) if entry.is_message() && before.is_none_or(|b| entry.seq < b) => {
                Some(entry)
            }
            _ => None,
        })
    }

    /// Where the newest `limit` messages before that place lie, if the tail can tell.
    pub(super) fn span(&self, before: Option<Seq>, limit: usize) -> Option<Option<Span>> {
        let older = self.newest_first(before).map(|message| message.seq);
        let mut found: Vec<Seq> = older.take(limit.saturating_add(1)).collect();
        if found.len() <= limit && self.before > Seq::START {
            return None;
        }
        let more = found.len() > limit;
        found.truncate(limit);
        let (Some(last), Some(first)) = (found.first(), found.last()) else {
            return Some(None);
        };
        Some(Some(Span {
            first: *first,
            last: *last,
            count: found.len(),
            more,
        }))
    }

    /// Up to `limit` messages with `seq > after`, ascending, if all of them are here.
    pub(super) fn page(&self, after: Seq, limit: usize) -> Option<Vec<Entry>> {
        let here = after >= self.before;
        let messages = self.newer(after).filter(|entry| entry.is_message());
        here.then(|| messages.take(limit).cloned().collect())
    }

    /// The newest `limit` messages before that place, ascending, if the tail can tell.
    pub(super) fn history(&self, before: Option<Seq>, limit: usize) -> Option<Vec<Entry>> {
        let mut found: Vec<_> = self.newest_first(before).take(limit).cloned().collect();
        found.reverse();
        (found.len() == limit || self.before == Seq::START).then_some(found)
    }
}

/// What tells an entry from any other in its place: a database that went back may give an id again.
/// The time is in milliseconds, as it is on every way.
fn origin(entry: &Entry) -> (MessageId, i64) {
    (entry.id, entry.created_at.timestamp_millis())
}
