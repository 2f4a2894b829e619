//! The database of the simulation: a log in memory that takes its time, and may be out of reach.
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;

use super::rows::{New, Rows, State};
use super::time::{Dice, Time};
use crate::clock::Clock;
use crate::model::{
    Entry, Epoch, MessageId, Reactions, RoomKey, RoomKind, RoomRef, RoomVersion, Seq, What,
};
use crate::store::history::Erasure;
use crate::store::{
    Appended, Archived, Authored, Bulletin, Draft, Epochs, Era, Head, Heads, Kept, Known,
    Log as StoreLog, Notices, Operation, Part, Reading, Rejected, Span, StoreError,
};

/// How long a request or an answer is on its way at most.
const WAY: Duration = Duration::from_millis(3);
/// How long it takes at most to learn that the database is out of reach.
const IN_VAIN: Duration = Duration::from_millis(60);
/// As PostgreSQL's.
pub(super) const SWEEP_BESIDE_THE_BUS: Duration = Duration::from_secs(1);
const SWEEP_ALONE: Duration = Duration::from_millis(100);

/// What was committed, and when.
#[derive(Default)]
pub(super) struct Log(Mutex<BTreeMap<RoomKey, Rows>>);

impl Log {
    /// Looks at a room in which something was committed.
    fn of<T>(&self, room: RoomKey, look: impl FnOnce(&Rows) -> T) -> Option<T> {
        self.0.lock().get(&room).map(look)
    }

    pub(super) fn last(&self, room: RoomKey) -> Seq {
        self.of(room, Rows::last).unwrap_or_default()
    }

    fn head(&self, room: RoomKey) -> Head {
        Head {
            room,
            last_seq: self.last(room),
            replayed_seq: Seq::START,
            version: RoomVersion::new(0),
            kind: RoomKind::Public,
        }
    }

    /// The last that was committed by that time.
    pub(super) fn last_by(&self, room: RoomKey, time: Duration) -> Seq {
        self.of(room, |rows| rows.last_by(time)).unwrap_or_default()
    }

    pub(super) fn events(&self, room: RoomKey) -> u64 {
        self.of(room, Rows::events).unwrap_or_default()
    }

    pub(super) fn message_before(&self, room: RoomKey, seq: Seq) -> Option<Seq> {
        self.of(room, |rows| rows.message_before(seq)).flatten()
    }

    pub(super) fn vouches_for(&self, room: RoomKey, entry: &Entry) -> bool {
        self.of(room, |rows| rows.vouches_for(entry)) == Some(true)
    }

    pub(super) fn topic(&self, room: RoomKey) -> Option<Arc<str>> {
        self.of(room, Rows::topic).flatten()
    }

    /// The messages from that place on, as they are now.
    pub(super) fn messages(&self, room: RoomKey, from: Seq) -> BTreeMap<Seq, State> {
        let states = |rows: &Rows| {
            let places = (from.get().max(1)..=rows.last().get()).map(Seq::new);
            let states = places.filter_map(|seq| Some((seq, rows.state(seq)?.clone())));
            states.collect()
        };
        self.of(room, states).unwrap_or_default()
    }

    fn between(&self, room: RoomKey, wanted: impl Fn(Seq) -> bool) -> Vec<Entry> {
        self.of(room, |rows| rows.entries(wanted))
            .unwrap_or_default()
    }

    fn messages_between(&self, room: RoomKey, wanted: impl Fn(Seq) -> bool) -> Vec<Entry> {
        let mut entries = self.between(room, wanted);
        entries.retain(Entry::is_message);
        entries
    }

    /// The page as it is now in what a store asks for after the rows: what events are about, and
    /// reactions.
    fn filled(&self, room: RoomKey, page: Vec<Entry>) -> Vec<Entry> {
        let fill = |mut entry: Entry| {
            let now = self.of(room, |rows| rows.entry(entry.seq)).flatten();
            let now = now.expect("it is stored").what;
            match (&mut entry.what, now) {
                (What::Event(event), What::Event(now)) => *event = now,
                (What::Message(message), What::Message(now)) => {
                    if let (Some(details), Some(now)) = (&mut message.details, now.details) {
                        let reactions = now.reactions.clone();
                        Arc::make_mut(details).reactions = reactions;
                    }
                }
                _ => unreachable!("a row stays of its kind"),
            }
            entry
        };
        page.into_iter().map(fill).collect()
    }

    /// Commits a batch as one. Reactions to one message are told by one entry.
    fn commit(&self, reach: &Reach, batch: &[Draft]) -> Vec<Result<Appended, Rejected>> {
        let mut log = self.0.lock();
        let mut told: HashMap<(RoomKey, Seq), (MessageId, Seq)> = HashMap::new();
        let (now, committed) = (reach.time.utc(), reach.time.passed());
        let mut commit = |draft: &Draft| {
            let id = log.values().map(|rows| rows.last().get()).sum::<i64>() + 1;
            let room = reach.rooms.iter().find(|room| room.key == draft.room);
            let name = &room.expect("a room of the simulation").name;
            let rows = log.entry(draft.room);
            let rows = rows.or_insert_with(|| Rows::new(name.clone()));
            let reacted = match &draft.operation {
                Operation::React { target, .. } => Some((draft.room, *target)),
                _ => None,
            };
            let by = reacted.and_then(|to| told.get(&to)).copied();
            let id = by.map_or(MessageId::new(id), |(id, _)| id);
            let new = New {
                id,
                user: draft.user,
                operation: &draft.operation,
                now,
                committed,
            };
            let (seq, number) = rows
                .commit(&new, by.map(|(_, seq)| seq))
                .ok_or(Rejected::NoSuchMessage)?;
            told.extend(reacted.map(|to| (to, (id, seq))));
            Ok(Appended {
                id,
                seq,
                number,
                created_at: now,
                fresh: by.is_none(),
            })
        };
        batch.iter().map(&mut commit).collect()
    }
}

/// The log as one instance reaches it.
pub(super) struct Reach {
    pub(super) log: Arc<Log>,
    pub(super) rooms: Vec<RoomRef>,
    pub(super) time: Time,
    pub(super) dice: Dice,
    pub(super) instance: u64,
    pub(super) away: Arc<AtomicBool>,
    /// In so many of a hundred commits the answer is lost.
    pub(super) unknown: u64,
}

impl Reach {
    async fn way(&self, what: u64) -> Result<(), StoreError> {
        let question = [what, self.instance, self.time.passed().as_micros() as u64];
        let away = self.away.load(Relaxed);
        let most = if away { IN_VAIN } else { WAY };
        self.time.sleep(self.dice.span(most, &question)).await;
        if away || self.away.load(Relaxed) {
            return Err(StoreError::Unavailable("it is out of reach".into()));
        }
        Ok(())
    }

    /// There and back; what is looked at is how it is in between.
    async fn look<T>(&self, what: u64, look: impl FnOnce() -> T) -> Result<T, StoreError> {
        self.way(what).await?;
        let seen = look();
        self.way(what + 1).await?;
        Ok(seen)
    }

    fn page(&self, room: RoomKey, part: Part, limit: usize) -> Vec<Entry> {
        let first = |mut page: Vec<Entry>| {
            page.truncate(limit);
            page
        };
        let last = |before: Option<Seq>| {
            let older = |seq| before.is_none_or(|before| seq < before);
            let mut older = self.log.messages_between(room, older);
            older.split_off(older.len().saturating_sub(limit))
        };
        match part {
            Part::After(after) | Part::News(after) => {
                first(self.log.between(room, |seq| seq > after))
            }
            Part::Since(after) => first(self.log.messages_between(room, |seq| seq > after)),
            Part::Before(before) => last(before),
            Part::Pinned(_) | Part::Replies(..) | Part::RepliesSince(..) => {
                unreachable!("no reader asks for these")
            }
            Part::Newest => {
                let oldest = last(None).first().map_or(Seq::START, |first| first.seq);
                self.log.between(room, |seq| seq >= oldest)
            }
        }
    }
}

#[async_trait]
impl Reading for Reach {
    async fn read(
        &self,
        room: &RoomRef,
        part: Part,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let question = room.key.id.get() as u64 * 100;
        let page = self.look(question + 10, || self.page(room.key, part, limit));
        let page = page.await?;
        if page.iter().all(Entry::is_message) {
            return Ok(page);
        }
        self.way(question + 20).await?;
        Ok(self.log.filled(room.key, page))
    }

    async fn authored(&self, _: RoomKey, _: Seq) -> Result<Option<Authored>, StoreError> {
        Ok(None)
    }

    async fn reactions(
        &self,
        room: &RoomRef,
        messages: &[Seq],
    ) -> Result<HashMap<Seq, Reactions>, StoreError> {
        let reactions = || {
            let of = |seq: &Seq| {
                let state = self.log.of(room.key, |rows| rows.state(*seq).cloned());
                Some((*seq, state.flatten()?.reactions()))
            };
            messages.iter().filter_map(of).collect()
        };
        self.look(room.key.id.get() as u64 * 100 + 40, reactions)
            .await
    }

    async fn span(
        &self,
        room: RoomKey,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Option<Span>, StoreError> {
        let span = || {
            let older = |seq| before.is_none_or(|before| seq < before);
            let older = self.log.messages_between(room, older);
            let from = older.len().saturating_sub(limit);
            Some(Span {
                first: older.get(from)?.seq,
                last: older.last()?.seq,
                count: older.len() - from,
                more: from > 0,
            })
        };
        self.look(room.id.get() as u64 * 100 + 30, span).await
    }

    async fn kept(
        &self,
        _: RoomKey,
        _: (Seq, Seq),
        _: Option<Seq>,
    ) -> Result<Option<Kept>, StoreError> {
        Ok(None)
    }

    async fn archived(&self, _: &[RoomKey]) -> Result<Vec<Archived>, StoreError> {
        Ok(Vec::new())
    }

    async fn display_names(&self, _: &[&str]) -> Result<Vec<(String, String)>, StoreError> {
        Ok(Vec::new())
    }

    async fn erasures(&self) -> Result<Vec<Erasure>, StoreError> {
        Ok(Vec::new())
    }

    async fn head(&self, room: RoomKey) -> Result<Option<Head>, StoreError> {
        self.look(40, || Some(self.log.head(room))).await
    }

    async fn heads(&self, known: &[Known]) -> Result<Heads, StoreError> {
        let heads = || {
            let head = |known: &Known| self.log.head(known.room);
            let grown = |known: &&Known| self.log.last(known.room) > known.seq;
            let mut heads: Vec<_> = known.iter().filter(grown).map(head).collect();
            heads.sort_by_key(|head| head.room);
            Heads {
                epoch: era().epoch,
                rooms: heads,
                gone: Vec::new(),
                deleted: Vec::new(),
            }
        };
        self.look(40, heads).await
    }
}

#[async_trait]
impl StoreLog for Reach {
    async fn went_back(&self) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn epoch_began(&self) {}

    async fn append(&self, batch: &[Draft]) -> Result<Vec<Result<Appended, Rejected>>, StoreError> {
        self.way(1).await?;
        let answers = self.log.commit(self, batch);
        let unknown = |why: &str| Err(StoreError::Unknown(why.into()));
        let question = [3, self.instance, self.time.passed().as_micros() as u64];
        match self.way(2).await {
            Ok(()) if self.dice.percent(self.unknown, &question) => unknown("the answer is lost"),
            Ok(()) => Ok(answers),
            Err(_) => unknown("it went out of reach"),
        }
    }

    async fn changed(&self) -> Result<bool, StoreError> {
        Ok(true)
    }

    fn sweep_interval(&self, bus_alive: bool) -> Duration {
        if bus_alive {
            SWEEP_BESIDE_THE_BUS
        } else {
            SWEEP_ALONE
        }
    }
}

#[async_trait]
impl Notices for Reach {
    async fn tell(&self, _: &Bulletin) -> Result<(), StoreError> {
        Ok(())
    }

    async fn told(&self, _: i64, _: &[(i64, i64)]) -> Result<Vec<Bulletin>, StoreError> {
        Ok(Vec::new())
    }
}

/// The only one that there is: this log never goes back.
fn era() -> Era {
    Era {
        epoch: Epoch::named("first"),
        since: chrono::DateTime::UNIX_EPOCH,
        reason: None,
        acknowledged_at: None,
    }
}

#[async_trait]
impl Epochs for Reach {
    async fn era(&self) -> Result<Era, StoreError> {
        Ok(era())
    }

    async fn begin_epoch(&self, _: &Epoch, _: &str) -> Result<Era, StoreError> {
        unreachable!("this log never goes back")
    }
}
