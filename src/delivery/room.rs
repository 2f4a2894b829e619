//! A room as this instance serves it: its tail, what came too early, and who reads it.
use std::cmp::Ordering::{Equal, Greater, Less};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use super::chunk::{Chunk, End, Item};
use super::notices::Notices;
use super::tail::{Replay, Tail, TailLimits};
use crate::bus::RoomChannel;
use crate::model::{Entry, Epoch, Notice, RoomKind, RoomRef, Seq};
use crate::store::{Head, Known};

/// Messages that may be set aside until the ones before them come. Beyond, they are dropped:
/// catching up reads them.
const ASIDE: usize = 1_024;

/// The one door through which messages become visible: readers are given the next `seq` and
/// nothing else, wherever it came from and in whatever order.
#[derive(Debug)]
pub struct Room {
    pub room: RoomRef,
    kind: RwLock<RoomKind>,
    limits: TailLimits,
    state: Mutex<State>,
    readers: Mutex<Readers>,
    /// Held while the tail is read from the store, so that it is read once.
    pub(super) loading: tokio::sync::Mutex<()>,
    /// Held while missing messages are read, one read at a time however many ask.
    pub(super) catching_up: tokio::sync::Mutex<()>,
    /// It is to be compared with what is stored.
    pub(super) doubted: AtomicBool,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    waiting: Waiting,
    notices: Notices,
    idle_since: Instant,
    /// Two messages were heard of in one place: nothing is shown before the store has said which is right.
    disputed: bool,
}

#[derive(Debug)]
enum Phase {
    /// There is no reader here; what is committed is not kept.
    Cold,
    /// The tail is being read; what is committed meanwhile is set aside.
    Loading,
    Warm(Tail),
}

#[derive(Debug, Default)]
struct Readers {
    signals: Vec<Option<Arc<Notify>>>,
    free: Vec<usize>,
}

impl Readers {
    fn count(&self) -> usize {
        self.signals.len() - self.free.len()
    }
}

impl Room {
    pub(super) fn new(room: RoomRef, limits: TailLimits, now: Instant) -> Self {
        Self {
            room,
            kind: RwLock::new(RoomKind::Private),
            limits,
            state: Mutex::new(State {
                phase: Phase::Cold,
                waiting: Waiting::default(),
                notices: Notices::default(),
                idle_since: now,
                disputed: false,
            }),
            readers: Mutex::default(),
            loading: tokio::sync::Mutex::default(),
            catching_up: tokio::sync::Mutex::default(),
            doubted: AtomicBool::default(),
        }
    }

    /// The channel on which other instances tell what they committed.
    pub(super) fn channel(&self) -> RoomChannel {
        RoomChannel::of(&self.room, self.kind())
    }

    pub(super) fn kind(&self) -> RoomKind {
        *self.kind.read()
    }

    /// It is of that kind, as far as the store has told.
    pub(super) fn is_of(&self, kind: RoomKind) {
        *self.kind.write() = kind;
    }

    /// Takes what this instance committed, in ascending order. The next ones become visible;
    /// known ones are dropped; later ones wait for the others' between.
    pub(super) fn accept(&self, entries: Vec<Entry>, accepted: Instant) -> Taken {
        self.extend(entries, Some(accepted), set_aside)
    }

    /// Takes what the bus says was committed. Only the next is believed; of a later one nothing
    /// is kept but its `seq`.
    pub(super) fn accept_announced(&self, message: Entry) -> Taken {
        self.extend(vec![message], None, |state, message| {
            state.announced = state.announced.max(Some(message.seq));
        })
    }

    /// Learns that there are entries up to that place, wherever they are read.
    pub(super) fn hear_of(&self, last: Seq) {
        let waiting = &mut self.state.lock().waiting;
        waiting.announced = waiting.announced.max(Some(last));
    }

    fn extend(
        &self,
        messages: Vec<Entry>,
        accepted: Option<Instant>,
        too_early: impl Fn(&mut Waiting, Entry),
    ) -> Taken {
        let mut state = self.state.lock();
        let State {
            phase,
            waiting,
            disputed,
            ..
        } = &mut *state;
        let tail = match phase {
            Phase::Cold => return Taken::All,
            Phase::Loading => {
                messages.into_iter().for_each(|m| too_early(waiting, m));
                return Taken::All;
            }
            Phase::Warm(tail) => tail,
        };
        *disputed |= tail.disputed_by(&messages).is_some();
        if *disputed {
            return Taken::Disputed;
        }
        let next = tail.last().next();
        let mut run = Vec::with_capacity(messages.len());
        for message in messages {
            match message.seq.cmp(&next.plus(run.len() as u64)) {
                // Committed here already: taken from there below.
                Equal if waiting.aside.contains_key(&message.seq) => {}
                Equal => run.push(message),
                Greater => too_early(waiting, message),
                Less => {}
            }
        }
        waiting.take_next(next, &mut run);
        let grew = !run.is_empty();
        if grew {
            tail.push(Chunk::of_entries(run, next, accepted));
        }
        let missing = waiting.up_to(tail.last()).is_some();
        drop(state);
        if grew {
            self.wake();
        }
        if missing { Taken::Missing } else { Taken::All }
    }

    /// Takes a page that was read from the store, from `look_after` on. What it lacks was deleted,
    /// and readers are told so. Returns how many messages were new here; `None` where it has others
    /// than are here, and nothing of it was taken.
    pub(super) fn accept_page(&self, messages: Vec<Entry>) -> Option<usize> {
        let mut state = self.state.lock();
        let State {
            phase,
            waiting,
            disputed,
            ..
        } = &mut *state;
        let Phase::Warm(tail) = phase else {
            return Some(0);
        };
        *disputed |= tail.disputed_by(&messages).is_some();
        if *disputed {
            return None;
        }
        let next = tail.last().next();
        let mut run: Vec<_> = messages.into_iter().filter(|m| m.seq >= next).collect();
        let found = run.len();
        waiting.take_next(next, &mut run);
        if run.is_empty() {
            return Some(0);
        }
        tail.push(Chunk::of_entries(run, next, None));
        drop(state);
        self.wake();
        Some(found)
    }

    /// What readers here may have been given and memory still holds: the `seq` after which it is all,
    /// and the last. `None` while nothing is kept.
    pub(super) fn shown(&self) -> Option<(Seq, Seq)> {
        self.with_tail(|tail| (tail.before(), tail.last()))
    }

    /// In which epoch the tail was read, or made sure of.
    pub(super) fn epoch(&self) -> Option<Epoch> {
        self.with_tail(|tail| tail.epoch().clone())
    }

    /// The past is that of `epoch` from now on: from `wrong` on it has others than are here, if any.
    /// Those go, and are returned; each reader is told, and goes back to where it changed.
    pub(super) fn rewind(&self, wrong: Option<Seq>, epoch: &Epoch) -> Vec<Entry> {
        let mut state = self.state.lock();
        let State { phase, waiting, .. } = &mut *state;
        let Phase::Warm(tail) = phase else {
            return Vec::new();
        };
        let from = wrong.unwrap_or_else(|| tail.last().next());
        let lost = tail.after(from.previous());
        *tail = tail.rewound(from, epoch);
        *waiting = Waiting::default();
        state.disputed = false;
        drop(state);
        self.wake();
        lost
    }

    /// It is not there any more: readers are told, and have had everything.
    pub(super) fn close(&self, why: End) {
        if let Phase::Warm(tail) = &mut self.state.lock().phase {
            tail.close(why);
        }
        self.wake();
    }

    /// What is here is what is stored: what was heard of meanwhile is read from there.
    pub(super) fn is_right(&self) {
        self.state.lock().disputed = false;
    }

    /// From now on what is committed is kept for the tail that is about to be read.
    pub(super) fn begin_loading(&self) {
        let mut state = self.state.lock();
        state.phase = Phase::Loading;
        state.disputed = false;
    }

    /// Gives up on loading; the next reader tries again.
    pub(super) fn abort_loading(&self) {
        let mut state = self.state.lock();
        state.phase = Phase::Cold;
        state.waiting = Waiting::default();
    }

    /// Makes the newest messages of a room that was at least at `head` its tail. True if
    /// messages are missing.
    pub(super) fn finish_loading(&self, newest: Vec<Entry>, head: &Head, epoch: Epoch) -> bool {
        let newest = unbroken(newest, head.last_seq);
        let before = newest.first().map_or(head.last_seq, |m| m.seq.previous());
        let mut tail = Tail::new(self.limits, before, head.version, epoch);
        fill(&mut tail, newest);
        self.state.lock().phase = Phase::Warm(tail);
        self.extend(Vec::new(), None, set_aside) == Taken::Missing
    }

    /// Takes the newest messages anew, because others came or went behind the newest: what is
    /// up to `head` and not among them is not there. What was put back beyond what was delivered
    /// is for readers that join, and a gap to readers that were here.
    pub(super) fn reload(&self, newest: Vec<Entry>, head: &Head) {
        let newest = unbroken(newest, head.last_seq);
        let mut state = self.state.lock();
        let Phase::Warm(old) = &mut state.phase else {
            return;
        };
        let before = newest.first().map_or(head.last_seq, |m| m.seq.previous());
        let reached = newest
            .last()
            .map_or(head.last_seq, |m| m.seq.max(head.last_seq));
        if old.before() > reached {
            // What came meanwhile is more than is kept: read it once more.
            return;
        }
        let replay = (head.replayed_seq > old.last()).then(|| Replay {
            after: old.last(),
            to: head.replayed_seq,
        });
        let mut tail = old.anew(before, head.version, replay);
        fill(&mut tail, newest);
        let meanwhile = old.after(reached);
        if !meanwhile.is_empty() {
            tail.push(Chunk::of_entries(meanwhile, reached.next(), None));
        }
        *old = tail;
        drop(state);
        self.extend(Vec::new(), None, set_aside);
        self.wake();
    }

    /// The same, with the epoch in which that is so.
    pub(super) fn held(&self) -> Option<(Known, Epoch)> {
        self.with_tail(|tail| (self.known_of(tail), tail.epoch().clone()))
    }

    /// What this instance knows of the room, while it keeps anything of it.
    pub(super) fn known(&self) -> Option<Known> {
        self.with_tail(|tail| self.known_of(tail))
    }

    fn known_of(&self, tail: &Tail) -> Known {
        Known {
            room: self.room.key,
            seq: tail.last(),
            version: tail.version(),
        }
    }

    pub(super) fn is_warm(&self) -> bool {
        matches!(self.state.lock().phase, Phase::Warm(_))
    }

    /// The last `seq` that readers here were given; `None` while nothing is kept.
    pub fn delivered(&self) -> Option<Seq> {
        self.with_tail(|tail| tail.last())
    }

    /// The last `seq` that was heard of and could not be shown yet.
    pub(super) fn missing_up_to(&self) -> Option<Seq> {
        let state = self.state.lock();
        match &state.phase {
            Phase::Warm(tail) => state.waiting.up_to(tail.last()),
            _ => None,
        }
    }

    /// After which `seq` the store is to be read for what is missing: the newest that is here is
    /// compared on the way. `None` while nothing is kept.
    pub(super) fn look_after(&self) -> Option<Seq> {
        self.with_tail(|tail| tail.last().max(Seq::FIRST).previous())
    }

    /// Forgets what was heard of up to `seq`: the log was read to its end after that, and does
    /// not hold it.
    pub(super) fn disbelieve(&self, seq: Option<Seq>) {
        let mut state = self.state.lock();
        state
            .waiting
            .aside
            .retain(|waiting, _| Some(*waiting) > seq);
        state.waiting.announced = state.waiting.announced.filter(|heard| Some(*heard) > seq);
    }

    pub(super) fn with_tail<T>(&self, look: impl FnOnce(&Tail) -> T) -> Option<T> {
        match &self.state.lock().phase {
            Phase::Warm(tail) => Some(look(tail)),
            _ => None,
        }
    }

    /// Shows a notice between messages.
    pub(super) fn notice(&self, notice: Notice) {
        let mut state = self.state.lock();
        if let Phase::Warm(tail) = &mut state.phase {
            tail.push(Chunk::new(vec![Item::Notice(notice)], None));
            drop(state);
            self.wake();
        }
    }

    /// Shows a notice to readers here: as it is or, in a crowd, in a sum later.
    pub(super) fn announce(&self, notice: &Notice, now: Instant) {
        let readers = self.readers.lock().count();
        let admitted = self.state.lock().notices.admit(notice, readers, now);
        if admitted {
            self.notice(notice.clone());
        }
    }

    /// Shows the sum of notices that were not told one by one, when it is due.
    pub(super) fn sum_up_notices(&self, now: Instant) {
        let summary = self.state.lock().notices.summary(&self.room.name, now);
        if let Some(sum) = summary {
            self.notice(sum);
        }
    }

    /// Wakes `signal` whenever the room grows; the number ends that.
    pub(super) fn add_reader(&self, signal: Arc<Notify>) -> usize {
        let mut readers = self.readers.lock();
        match readers.free.pop() {
            Some(slot) => {
                readers.signals[slot] = Some(signal);
                slot
            }
            None => {
                readers.signals.push(Some(signal));
                readers.signals.len() - 1
            }
        }
    }

    pub(super) fn remove_reader(&self, slot: usize, now: Instant) {
        let mut readers = self.readers.lock();
        readers.signals[slot] = None;
        readers.free.push(slot);
        if readers.count() == 0 {
            *readers = Readers::default();
            drop(readers);
            self.state.lock().idle_since = now;
        }
    }

    /// Since when there is no reader here; `None` while there is one.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let readers = self.readers.lock();
        let nobody = readers.count() == 0;
        nobody.then(|| self.state.lock().idle_since)
    }

    pub(super) fn wake(&self) {
        let readers = self.readers.lock();
        readers
            .signals
            .iter()
            .flatten()
            .for_each(|signal| signal.notify_one());
    }
}

/// What was heard of before its turn.
#[derive(Debug, Default)]
struct Waiting {
    /// Committed by this instance, while others' messages before it are on their way.
    aside: BTreeMap<Seq, Entry>,
    /// The last `seq` that the bus spoke of.
    announced: Option<Seq>,
}

/// What became of messages that were brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// All that is known of is here.
    All,
    /// Some before them are missing.
    Missing,
    /// Others are here in their places, so nothing was taken: the store is to say which are right.
    Disputed,
}

impl Waiting {
    /// The last `seq` that is known of beyond `last`.
    fn up_to(&self, last: Seq) -> Option<Seq> {
        let own = self.aside.last_key_value().map(|(seq, _)| *seq);
        own.max(self.announced).filter(|seq| *seq > last)
    }

    /// Moves to `run` what goes on where it ends, and drops what is behind it.
    fn take_next(&mut self, next: Seq, run: &mut Vec<Entry>) {
        let mut expected = run.last().map_or(next, |m| m.seq.next());
        while let Some(first) = self.aside.first_entry() {
            match first.key().cmp(&expected) {
                Equal => {
                    run.push(first.remove());
                    expected = expected.next();
                }
                Greater => return,
                Less => drop(first.remove()),
            }
        }
    }
}

fn set_aside(waiting: &mut Waiting, message: Entry) {
    if waiting.aside.len() < ASIDE {
        waiting.aside.insert(message.seq, message);
    }
}

fn fill(tail: &mut Tail, newest: Vec<Entry>) {
    if !newest.is_empty() {
        tail.push(Chunk::of_entries(newest, tail.last().next(), None));
    }
}

/// Those of a room's newest entries that follow each other up to its end: what a hole among them had is elsewhere,
/// perhaps, and memory must not say that it is not there.
fn unbroken(mut newest: Vec<Entry>, end: Seq) -> Vec<Entry> {
    if newest.last().is_some_and(|last| last.seq < end) {
        return Vec::new();
    }
    let broken = |pair: &[Entry]| pair[0].seq.next() != pair[1].seq;
    match newest.windows(2).rposition(broken) {
        Some(before) => newest.split_off(before + 1),
        None => newest,
    }
}
