//! What waits to be said to Redis. Never grows beyond its limits, never makes a caller wait.
use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard};

use tokio::sync::Notify;

use crate::bus::wire::NOTICES;
use crate::bus::{Queue, RoomChannel, Said};
use crate::model::{Entry, Lineage, Told};

/// Messages that wait; beyond it the oldest goes, because who hears of a newer one reads what
/// he missed from the store.
const WAITING: usize = 4_096;
/// Notices that wait; beyond it the oldest goes, and is read from the store too.
const NOTICES_WAITING: usize = 1_024;
/// Messages in one pipeline: enough for full speed, few enough to be through in a deadline.
const PIPELINE: usize = 256;

/// Filled by the calls of the bus, emptied by its task.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: Mutex<Waiting>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    /// What was said once, without an answer.
    again: Vec<(RoomChannel, Said<Entry>)>,
    messages: VecDeque<(RoomChannel, Said<Entry>)>,
    told: VecDeque<Said<Told>>,
    headcount: Option<u64>,
    /// However often rights changed, it is said once.
    rights: bool,
    /// The rooms to be subscribed to, over all reconnects. As large as the rooms served here.
    wanted: HashSet<RoomChannel>,
    /// Those of which Redis was not yet told whether they are wanted.
    changed: HashSet<RoomChannel>,
}

/// Channels that Redis was not yet told of.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) subscribe: Vec<String>,
    pub(super) unsubscribe: Vec<String>,
}

/// What is to be published next.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) messages: Vec<(RoomChannel, Said<Entry>)>,
    again: bool,
}

impl Outbox {
    /// Returns how many had to give way.
    pub(super) fn publish(
        &self,
        to: &RoomChannel,
        messages: &[Entry],
        of: Option<&Lineage>,
    ) -> u64 {
        let mut waiting = self.lock();
        let said = messages.iter().map(said(of));
        let addressed = said.map(|said| (to.clone(), said));
        waiting.messages.extend(addressed);
        let excess = waiting.messages.len().saturating_sub(WAITING);
        waiting.messages.drain(..excess);
        self.filled.notify_one();
        excess as u64
    }

    pub(super) fn queue(&self) -> Queue {
        Queue {
            depth: self.lock().messages.len(),
            limit: WAITING,
        }
    }

    /// Takes back what was said without an answer, to be said once more: heard twice does no
    /// harm. Not a third time, or a batch that the line cannot bear would hold up all others.
    /// Returns how many are given up.
    pub(super) fn put_back(&self, batch: Batch) -> u64 {
        if batch.again {
            return batch.messages.len() as u64;
        }
        self.lock().again = batch.messages;
        self.filled.notify_one();
        0
    }

    pub(super) fn tell(&self, told: &[Told], of: Option<&Lineage>) {
        let mut waiting = self.lock();
        waiting.told.extend(told.iter().map(said(of)));
        let excess = waiting.told.len().saturating_sub(NOTICES_WAITING);
        waiting.told.drain(..excess);
        self.filled.notify_one();
    }

    pub(super) fn take_told(&self) -> Vec<Said<Told>> {
        self.lock().told.drain(..).collect()
    }

    pub(super) fn tell_rights(&self) {
        self.lock().rights = true;
        self.filled.notify_one();
    }

    /// Whether it is to be said that rights changed.
    pub(super) fn take_rights(&self) -> bool {
        std::mem::take(&mut self.lock().rights)
    }

    pub(super) fn headcount(&self, online: u64) {
        self.lock().headcount = Some(online);
        self.filled.notify_one();
    }

    pub(super) fn want(&self, room: &RoomChannel) {
        let mut waiting = self.lock();
        if waiting.wanted.insert(room.clone()) {
            waiting.changed.insert(room.clone());
            self.filled.notify_one();
        }
    }

    pub(super) fn unwant(&self, room: &RoomChannel) {
        let mut waiting = self.lock();
        if waiting.wanted.remove(room) {
            waiting.changed.insert(room.clone());
            self.filled.notify_one();
        }
    }

    /// Waits until there is something to say.
    pub(super) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Takes what is to be published next, which may be nothing.
    pub(super) fn messages(&self) -> Batch {
        let mut waiting = self.lock();
        let again = !waiting.again.is_empty();
        let messages = if again {
            std::mem::take(&mut waiting.again)
        } else {
            let count = waiting.messages.len().min(PIPELINE);
            waiting.messages.drain(..count).collect()
        };
        if !waiting.messages.is_empty() {
            self.filled.notify_one();
        }
        Batch { messages, again }
    }

    pub(super) fn take_headcount(&self) -> Option<u64> {
        self.lock().headcount.take()
    }

    /// Takes what changed about the subscriptions.
    pub(super) fn changes(&self) -> Changes {
        let mut waiting = self.lock();
        let mut changes = Changes::default();
        for room in std::mem::take(&mut waiting.changed) {
            let list = if waiting.wanted.contains(&room) {
                &mut changes.subscribe
            } else {
                &mut changes.unsubscribe
            };
            list.extend(room.name());
        }
        // Notices are wanted whether a room has that name or not.
        changes.unsubscribe.retain(|channel| channel != NOTICES);
        changes
    }

    /// The channels of all rooms that are wanted, to tell a Redis that knows of none.
    pub(super) fn start_over(&self) -> Vec<String> {
        let mut waiting = self.lock();
        waiting.changed.clear();
        let wanted = waiting.wanted.iter();
        wanted.filter_map(RoomChannel::name).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// Things as they are said by an instance that tells that past.
fn said<T: Clone>(of: Option<&Lineage>) -> impl Fn(&T) -> Said<T> {
    move |what| Said {
        what: what.clone(),
        lineage: of.cloned(),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::model::{MessageId, Number, RoomName, Seq};

    fn messages(seqs: std::ops::Range<i64>) -> Vec<Entry> {
        let message = |seq| Entry {
            id: MessageId::new(seq),
            seq: Seq::new(seq),
            room: RoomName::stored("general"),
            user: "alice".into(),
            number: Number::new(seq),
            what: "hello".into(),
            created_at: DateTime::UNIX_EPOCH,
        };
        seqs.map(message).collect()
    }

    fn general() -> RoomChannel {
        RoomChannel::Public(RoomName::stored("general"))
    }

    fn drain(outbox: &Outbox) -> Vec<i64> {
        let batches = std::iter::repeat_with(|| outbox.messages().messages);
        batches
            .take_while(|messages| !messages.is_empty())
            .inspect(|messages| assert!(messages.len() <= PIPELINE))
            .flatten()
            .map(|(_, said)| said.what.seq.get())
            .collect()
    }

    #[test]
    fn the_newest_are_kept_when_there_are_too_many() {
        let outbox = Outbox::default();
        assert_eq!(outbox.publish(&general(), &messages(1..5_001), None), 904);
        assert_eq!(drain(&outbox), (905..5_001).collect::<Vec<_>>());
    }

    #[test]
    fn what_had_no_answer_is_said_first_and_once_more() {
        let outbox = Outbox::default();
        outbox.publish(&general(), &messages(1..3), None);
        let batch = outbox.messages();
        outbox.publish(&general(), &messages(3..5), None);
        assert_eq!(outbox.put_back(batch), 0);
        let batch = outbox.messages();
        let said: Vec<Entry> = batch
            .messages
            .iter()
            .map(|(_, said)| said.what.clone())
            .collect();
        assert_eq!(said, messages(1..3));
        assert_eq!(outbox.put_back(batch), 2);
        assert_eq!(drain(&outbox), [3, 4]);
    }

    #[test]
    fn only_the_last_word_on_a_room_counts() {
        let (outbox, room) = (Outbox::default(), general());
        outbox.want(&room);
        outbox.unwant(&room);
        outbox.want(&room);
        assert_eq!(outbox.changes().subscribe, ["room:general"]);
        outbox.want(&room);
        assert!(outbox.changes().subscribe.is_empty(), "it is subscribed");
        outbox.unwant(&room);
        assert_eq!(outbox.changes().unsubscribe, ["room:general"]);
        assert!(outbox.start_over().is_empty());
    }
}
