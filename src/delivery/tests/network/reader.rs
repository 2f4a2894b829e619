//! A reader of a room: at one instance, and after a crash at the next, from where it was. It keeps a
//! replica of what it was given.
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::super::*;
use super::instance::{Instance, Run, Shore};
use super::log::Log;
use super::replica::Replica;
use super::time::Dice;
use super::{Clock, STORMY, ms};
use crate::delivery::ReadError;
use crate::store::StoreError;

pub(super) struct Reader {
    pub(super) room: RoomRef,
    number: u64,
    notes: Arc<Mutex<Notes>>,
}

#[derive(Debug, Default)]
struct Notes {
    /// What comes after this is new; `None` before it has begun.
    seen: Option<Seq>,
    replica: Replica,
    /// What was given when, as one number.
    trace: u64,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "reader {} of {}", self.number, self.room.name)
    }
}

impl Reader {
    pub(super) fn start(
        shore: &Arc<Shore>,
        homes: Vec<Instance>,
        room: RoomRef,
        number: u64,
        begins: Begins,
    ) -> Self {
        let notes = Arc::<Mutex<Notes>>::default();
        let life = Life {
            shore: shore.clone(),
            homes,
            room: room.clone(),
            begins,
            // Some take their time over everything, and fall behind.
            slow: shore.dice.percent(30, &[40, number]),
            notes: notes.clone(),
            number,
        };
        tokio::spawn(life.run());
        Self {
            room,
            number,
            notes,
        }
    }

    pub(super) fn seen(&self) -> Option<Seq> {
        self.notes.lock().seen
    }

    /// # Panics
    /// Where what it made of what it was given is not what is stored.
    pub(super) fn has_what_is_stored(&self, log: &Log) {
        let notes = self.notes.lock();
        let Replica {
            from,
            messages,
            topic,
            ..
        } = &notes.replica;
        let stored = log.messages(self.room.key, *from);
        assert_eq!(*messages, stored, "the replica of {self:?} from {from}");
        if let Some(topic) = topic {
            let stored = log.topic(self.room.key);
            assert_eq!(*topic, stored, "the topic that {self:?} knows");
        }
    }

    pub(super) fn trace(&self) -> u64 {
        self.notes.lock().trace
    }
}

/// With what a reader begins.
#[derive(Debug, Clone, Copy)]
pub(super) enum Begins {
    /// The first message.
    First,
    /// A page of history, and then all after the place at which that is true.
    Page,
    /// Some messages before the end.
    Last,
}

struct Life {
    begins: Begins,
    shore: Arc<Shore>,
    homes: Vec<Instance>,
    room: RoomRef,
    slow: bool,
    notes: Arc<Mutex<Notes>>,
    number: u64,
}

impl Life {
    async fn run(self) {
        if !matches!(self.begins, Begins::First) {
            let late = self.shore.dice.span(STORMY, &[42, self.number]);
            self.shore.time.sleep(late).await;
        }
        // At its own instance first, then at one after another as they crash.
        for home in self.homes.iter().cycle() {
            let mut runs = home.runs();
            let Some(run) = runs.borrow_and_update().clone() else {
                self.shore.time.sleep(ms(10)).await;
                continue;
            };
            tokio::select! {
                biased;
                // A watch wakes in an order of chance: each goes on at a moment of its own.
                _ = runs.changed() => {
                    self.shore.time.sleep(Duration::from_micros(self.number)).await;
                }
                () = self.read(&run, home.number()) => {}
            }
        }
    }

    /// Reads for as long as this can be read.
    async fn read(&self, run: &Run, instance: u64) {
        let signal = Arc::<Notify>::default();
        let Ok(mut cursor) = self.open(run, &signal).await else {
            return self.shore.time.sleep(ms(90)).await;
        };
        let mut slices = Vec::new();
        loop {
            slices.clear();
            match cursor.peek(&mut slices) {
                Next::Some => {
                    for slice in &slices {
                        let entries = &slice.chunk.items()[slice.from..];
                        entries.iter().for_each(|entry| self.take(entry, instance));
                        cursor.advance(slice, slice.len());
                    }
                    if self.slow {
                        self.shore.time.sleep(ms(25)).await;
                    }
                }
                Next::Behind => {
                    if cursor.fetch().await.is_err() {
                        self.shore.time.sleep(ms(40)).await;
                    }
                }
                Next::Idle => signal.notified().await,
                Next::Ended => unreachable!("no end was set"),
            }
        }
    }

    /// Goes on where it was, or begins.
    async fn open(&self, run: &Run, signal: &Arc<Notify>) -> Result<Cursor, StoreError> {
        let read = |start| run.hub.read(&self.room, start, signal.clone());
        let seen = self.notes.lock().seen;
        match (seen, self.begins) {
            (Some(seen), _) => return read(Start::After(seen)).await,
            (None, Begins::First) => self.notes.lock().seen = Some(Seq::START),
            (None, Begins::Page) => {
                let true_at = run.hub.stands_at(&self.room).await?;
                let limit = 1 + self.shore.dice.below(20, &[43, self.number]) as usize;
                let page = match run.hub.history(&self.room, None, limit, true_at).await {
                    Ok((page, _)) => page,
                    Err(ReadError::Store(error)) => return Err(error),
                    Err(other) => panic!("there is no archive here: {other}"),
                };
                let mut notes = self.notes.lock();
                notes.replica.begin(&page, true_at);
                notes.seen = Some(true_at);
            }
            (None, Begins::Last) => {
                let limit = self.shore.dice.below(12, &[43, self.number]) as usize;
                let cursor = read(Start::Last(limit)).await?;
                let mut notes = self.notes.lock();
                notes.replica.from = cursor.next_seq();
                notes.seen = Some(cursor.next_seq().previous());
                return Ok(cursor);
            }
        }
        let seen = self.notes.lock().seen.unwrap_or_default();
        read(Start::After(seen)).await
    }

    fn take(&self, entry: &Item, instance: u64) {
        let mut notes = self.notes.lock();
        let at = format!("reader {} at instance {instance}", self.number);
        let Item::Entry(message) = entry else {
            panic!("nothing is missing in the log, but {at} is told {entry:?}");
        };
        let next = notes.seen.map(Seq::next);
        assert_eq!(Some(message.seq), next, "what comes next for {at}");
        let log = &self.shore.log;
        let stored = log.vouches_for(self.room.key, message);
        assert!(stored, "{at} is told what never was: {message:?}");
        notes.seen = Some(message.seq);
        notes.replica.take(message);
        let now = self.shore.time.passed().as_micros() as u64;
        notes.trace = Dice(notes.trace).number(&[now, message.id.get() as u64]);
    }
}
