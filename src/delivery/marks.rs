//! How far people have read, on its way to the store: only the greatest `seq` of each person and room, or
//! thread, is kept, so that a click more costs nothing more, and an outage makes it no longer. What waits is written by
//! chat, many marks in a statement.
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::model::{HasRead, RoomKey, RoomName, Seq, UserKey};
use crate::store::Mark;

/// Marks that may wait; beyond, those of other people and rooms are refused.
pub const MOST: usize = 131_072;
/// Marks in one statement: few enough that commits to an embedded database do not wait long.
const STATEMENT: usize = 600;
/// What waits is written after so long, or when there are so many.
const GATHER: Duration = Duration::from_millis(500);
const ENOUGH: usize = 500;
/// Between two statements, while what waits fits into one.
const PACE: Duration = Duration::from_millis(200);
/// What others have read that may wait for devices here.
const MOST_HEARD: usize = 4_096;

type Key = (UserKey, RoomKey, Option<Seq>);

/// The marks that wait. A mark is a maximum: it may be lost with its instance, since a client repeats its
/// position when it connects, and be written twice.
#[derive(Debug, Default)]
pub struct ReadMarks {
    waiting: Mutex<Waiting>,
    /// Woken when there is one, and when there are enough.
    some: Notify,
    enough: Notify,
    heard: Mutex<VecDeque<HasRead>>,
    hears: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    marks: BTreeMap<Key, Kept>,
    /// Where the last batch ended: each has its turn.
    after: Option<Key>,
}

#[derive(Debug, Clone)]
struct Kept {
    seq: Seq,
    /// What its person calls the room, where that asked for it: the other devices are told.
    asked: Option<RoomName>,
}

/// A mark that waits.
#[derive(Debug, Clone)]
pub struct Pending {
    pub mark: Mark,
    /// What its person calls the room, where that asked for it.
    pub asked: Option<RoomName>,
}

/// As many wait as may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarksFull;

impl ReadMarks {
    /// A person says that it has read a room, which it calls so.
    ///
    /// # Errors
    /// Refuses it where too many wait, and none of them is of that person and room.
    pub fn ask(&self, mark: Mark, room: &RoomName) -> Result<(), MarksFull> {
        let mut waiting = self.waiting.lock();
        let kept = waiting.raise(mark).ok_or(MarksFull)?;
        kept.asked.get_or_insert_with(|| room.clone());
        self.wake(waiting.marks.len());
        Ok(())
    }

    /// People have said something, and so have read up to there. Where there is no place for that, they
    /// mark it themselves.
    pub(super) fn said(&self, marks: impl Iterator<Item = Mark>) {
        let mut marks = marks.peekable();
        if marks.peek().is_none() {
            return;
        }
        let mut waiting = self.waiting.lock();
        for mark in marks {
            waiting.raise(mark);
        }
        self.wake(waiting.marks.len());
    }

    fn wake(&self, count: usize) {
        self.some.notify_one();
        if count >= ENOUGH {
            self.enough.notify_one();
        }
    }

    pub fn depth(&self) -> usize {
        self.waiting.lock().marks.len()
    }

    /// Waits until it is time to write some.
    pub async fn gathered(&self, clock: &dyn Clock) {
        while self.depth() == 0 {
            self.some.notified().await;
        }
        if self.depth() < ENOUGH {
            tokio::select! {
                () = clock.sleep(GATHER) => {}
                () = self.enough.notified() => {}
            }
        }
    }

    /// Lets more gather, unless there is more than one statement takes.
    pub async fn pace(&self, clock: &dyn Clock) {
        if self.depth() < STATEMENT {
            clock.sleep(PACE).await;
        }
    }

    /// As many as one statement takes, sorted. They wait on until they are written.
    pub fn batch(&self) -> Vec<Pending> {
        let mut waiting = self.waiting.lock();
        let from = waiting.after.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = waiting.marks.range((from, Bound::Unbounded));
        let before = waiting.after.map(|after| waiting.marks.range(..=after));
        let turn = behind.chain(before.into_iter().flatten());
        let mut batch: Vec<Pending> = turn.take(STATEMENT).map(pending).collect();
        waiting.after = batch.last().map(Pending::key);
        batch.sort_unstable_by_key(Pending::key);
        batch
    }

    /// Those of one person.
    pub fn of(&self, user: UserKey) -> Vec<Pending> {
        let waiting = self.waiting.lock();
        let from = (user, RoomKey::new(i64::MIN, i64::MIN), None);
        let theirs = waiting.marks.range(from..);
        let theirs = theirs.take_while(|((of, ..), _)| *of == user);
        theirs.take(STATEMENT).map(pending).collect()
    }

    /// These are written: they wait no more, unless they went on meanwhile.
    pub fn written(&self, batch: &[Pending]) {
        let mut waiting = self.waiting.lock();
        for pending in batch {
            let key = pending.key();
            let as_written = |kept: &Kept| kept.seq == pending.mark.seq;
            if waiting.marks.get(&key).is_some_and(as_written) {
                waiting.marks.remove(&key);
            }
        }
    }

    /// Another instance says how far a person has read. What has no place is not told here.
    pub(super) fn hear(&self, read: HasRead) -> Result<(), MarksFull> {
        let mut heard = self.heard.lock();
        if heard.len() >= MOST_HEARD {
            return Err(MarksFull);
        }
        heard.push_back(read);
        self.hears.notify_one();
        Ok(())
    }

    /// Waits for what other instances say of it.
    pub async fn heard(&self) -> Vec<HasRead> {
        loop {
            let heard: Vec<HasRead> = self.heard.lock().drain(..).collect();
            if !heard.is_empty() {
                return heard;
            }
            self.hears.notified().await;
        }
    }
}

impl Waiting {
    fn raise(&mut self, mark: Mark) -> Option<&mut Kept> {
        let key = (mark.user, mark.room, mark.thread);
        if self.marks.len() >= MOST && !self.marks.contains_key(&key) {
            return None;
        }
        let new = || Kept {
            seq: mark.seq,
            asked: None,
        };
        let kept = self.marks.entry(key).or_insert_with(new);
        kept.seq = mark.seq.max(kept.seq);
        Some(kept)
    }
}

impl Pending {
    fn key(&self) -> Key {
        (self.mark.user, self.mark.room, self.mark.thread)
    }
}

fn pending((&(user, room, thread), kept): (&Key, &Kept)) -> Pending {
    Pending {
        mark: Mark {
            user,
            room,
            thread,
            seq: kept.seq,
        },
        asked: kept.asked.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(user: i64, room: i64, seq: i64) -> Mark {
        Mark {
            user: UserKey::new(user, user),
            room: RoomKey::new(room, room),
            thread: None,
            seq: Seq::new(seq),
        }
    }

    fn ask(marks: &ReadMarks, mark: Mark) -> Result<(), MarksFull> {
        marks.ask(mark, &RoomName::stored("den"))
    }

    fn waits(pending: &[Pending]) -> Vec<Mark> {
        pending.iter().map(|pending| pending.mark).collect()
    }

    #[test]
    fn of_a_person_and_a_room_the_greatest_waits() {
        let marks = ReadMarks::default();
        for seq in [3, 7, 5] {
            ask(&marks, mark(2, 1, seq)).expect("a place");
        }
        marks.said([mark(1, 1, 9), mark(2, 1, 6)].into_iter());
        let batch = marks.batch();
        assert_eq!(waits(&batch), [mark(1, 1, 9), mark(2, 1, 7)]);
        let asked: Vec<_> = batch.iter().map(|one| one.asked.is_some()).collect();
        assert_eq!(asked, [false, true]);
        // What goes on while it is written waits for the next.
        ask(&marks, mark(2, 1, 8)).expect("a place");
        marks.written(&batch);
        assert_eq!(waits(&marks.batch()), [mark(2, 1, 8)]);
        assert_eq!(waits(&marks.of(UserKey::new(2, 2))), [mark(2, 1, 8)]);
        assert!(marks.of(UserKey::new(1, 1)).is_empty());
    }

    #[test]
    fn a_thread_has_a_mark_apart_from_its_rooms() {
        let marks = ReadMarks::default();
        let of_thread = |root, seq| Mark {
            thread: Some(Seq::new(root)),
            ..mark(1, 1, seq)
        };
        for one in [
            of_thread(3, 5),
            mark(1, 1, 9),
            of_thread(2, 8),
            of_thread(3, 4),
        ] {
            ask(&marks, one).expect("a place");
        }
        let wanted = [mark(1, 1, 9), of_thread(2, 8), of_thread(3, 5)];
        assert_eq!(waits(&marks.batch()), wanted);
        assert_eq!(waits(&marks.of(UserKey::new(1, 1))), wanted);
    }

    #[test]
    fn what_is_not_written_waits_on_and_is_no_more_than_may_be() {
        let marks = ReadMarks::default();
        for room in 1..=MOST as i64 {
            ask(&marks, mark(1, room, 1)).expect("a place");
        }
        assert_eq!(ask(&marks, mark(2, 1, 1)), Err(MarksFull));
        // One that waits already goes on.
        assert_eq!(ask(&marks, mark(1, 1, 2)), Ok(()));
        let (first, next) = (marks.batch(), marks.batch());
        assert_eq!(first.len(), STATEMENT);
        assert!(first.last().map(Pending::key) < next.first().map(Pending::key));
        assert_eq!(marks.depth(), MOST);
        marks.written(&first);
        assert_eq!(marks.depth(), MOST - STATEMENT);
        assert_eq!(ask(&marks, mark(2, 1, 1)), Ok(()));
    }

    #[test]
    fn each_has_its_turn_however_often_others_come() {
        let marks = ReadMarks::default();
        let all = STATEMENT as i64 + 10;
        for user in 1..=all {
            ask(&marks, mark(user, 1, 1)).expect("a place");
        }
        let first = marks.batch();
        marks.written(&first);
        for user in 1..=STATEMENT as i64 {
            ask(&marks, mark(user, 1, 2)).expect("a place");
        }
        let second = waits(&marks.batch());
        assert!(second.contains(&mark(all, 1, 1)));
    }
}
