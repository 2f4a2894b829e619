//! A reader of a room: at one instance, and after a crash at the next, from where it was.
use std::sync::Arc;

use parking_lot::Mutex;

use super::super::*;
use super::instance::{Instance, Run, Shore};
use super::time::Dice;
use super::{Clock, ms};

pub(super) struct Reader {
    pub(super) room: RoomRef,
    number: u64,
    notes: Arc<Mutex<Notes>>,
}

#[derive(Debug, Default)]
struct Notes {
    /// What comes after this is new.
    seen: Seq,
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
    ) -> Self {
        let notes = Arc::<Mutex<Notes>>::default();
        let life = Life {
            shore: shore.clone(),
            homes,
            room: room.clone(),
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

    pub(super) fn seen(&self) -> Seq {
        self.notes.lock().seen
    }

    pub(super) fn trace(&self) -> u64 {
        self.notes.lock().trace
    }
}

struct Life {
    shore: Arc<Shore>,
    homes: Vec<Instance>,
    room: RoomRef,
    slow: bool,
    notes: Arc<Mutex<Notes>>,
    number: u64,
}

impl Life {
    async fn run(self) {
        // At its own instance first, then at one after another as they crash.
        for home in self.homes.iter().cycle() {
            let mut runs = home.runs();
            let Some(run) = runs.borrow_and_update().clone() else {
                self.shore.time.sleep(ms(10)).await;
                continue;
            };
            tokio::select! {
                biased;
                _ = runs.changed() => {}
                () = self.read(&run, home.number()) => {}
            }
        }
    }

    /// Reads for as long as this can be read.
    async fn read(&self, run: &Run, instance: u64) {
        let signal = Arc::<Notify>::default();
        let start = Start::After(self.notes.lock().seen);
        let opened = run.hub.read(&self.room, start, signal.clone()).await;
        let Ok(mut cursor) = opened else {
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

    fn take(&self, entry: &Item, instance: u64) {
        let mut notes = self.notes.lock();
        let at = format!("reader {} at instance {instance}", self.number);
        let Item::Entry(message) = entry else {
            panic!("nothing is missing in the log, but {at} is told {entry:?}");
        };
        assert_eq!(message.seq, notes.seen.next(), "what comes next for {at}");
        let committed = self.shore.log.at(self.room.key, message.seq);
        assert_eq!(
            committed.as_ref(),
            Some(message),
            "what is committed, for {at}"
        );
        notes.seen = message.seq;
        let now = self.shore.time.passed().as_micros() as u64;
        notes.trace = Dice(notes.trace).number(&[now, message.id.get() as u64]);
    }
}
