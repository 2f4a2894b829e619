//! The database of the simulation: a log in memory that takes its time, and may be out of reach.
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;

use super::time::{Dice, Time};
use crate::clock::Clock;
use crate::model::{
    Entry, Epoch, MessageId, Number, Reactions, RoomKey, RoomKind, RoomRef, RoomVersion, Seq,
};
use crate::store::{
    Appended, Authored, Bulletin, Draft, Epochs, Era, Head, Heads, Known, Log as StoreLog, Notices,
    Part, Reading, Rejected, Span, StoreError,
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
pub(super) struct Log(Mutex<BTreeMap<RoomKey, Vec<(Entry, Duration)>>>);

impl Log {
    pub(super) fn last(&self, room: RoomKey) -> Seq {
        let log = self.0.lock();
        Seq::new(log.get(&room).map_or(0, |log| log.len() as i64))
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
        let log = self.0.lock();
        let by_then = |log: &Vec<(Entry, Duration)>| log.partition_point(|(_, at)| *at <= time);
        Seq::new(log.get(&room).map_or(0, |log| by_then(log) as i64))
    }

    pub(super) fn at(&self, room: RoomKey, seq: Seq) -> Option<Entry> {
        let log = self.0.lock();
        let place = usize::try_from(seq.previous().get()).ok()?;
        log.get(&room)?
            .get(place)
            .map(|(message, _)| message.clone())
    }

    fn between(&self, room: RoomKey, seqs: impl Fn(Seq) -> bool) -> Vec<Entry> {
        let log = self.0.lock();
        let all = log.get(&room).into_iter().flatten();
        let wanted = all.filter(|(message, _)| seqs(message.seq));
        wanted.map(|(message, _)| message.clone()).collect()
    }

    fn commit(&self, rooms: &[RoomRef], draft: &Draft, time: &Time) -> Appended {
        let mut log = self.0.lock();
        let id = log.values().map(|log| log.len() as i64).sum::<i64>() + 1;
        let id = MessageId::new(id);
        let room = rooms.iter().find(|room| room.key == draft.room);
        let log = log.entry(draft.room).or_default();
        let message = Entry {
            id,
            seq: Seq::new(log.len() as i64 + 1),
            room: room.expect("a room of the simulation").name.clone(),
            user: "writer".into(),
            number: Number::new(log.len() as i64 + 1),
            what: draft.operation.content().into(),
            created_at: time.utc(),
        };
        let (seq, number, created_at) = (message.seq, message.number, message.created_at);
        log.push((message, time.passed()));
        Appended {
            id,
            seq,
            number,
            created_at,
            fresh: true,
        }
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
        match part {
            Part::After(after) | Part::News(after) | Part::Since(after) => {
                let first = || {
                    let mut page = self.log.between(room.key, |seq| seq > after);
                    page.truncate(limit);
                    page
                };
                self.look(question + 10, first).await
            }
            Part::Before(_) | Part::Newest | Part::Pinned(_) | Part::Replies(..) => {
                let last = || {
                    let before = match part {
                        Part::Before(before) => before,
                        _ => None,
                    };
                    let older = |seq| before.is_none_or(|before| seq < before);
                    let mut older = self.log.between(room.key, older);
                    older.split_off(older.len().saturating_sub(limit))
                };
                self.look(question + 20, last).await
            }
        }
    }

    async fn authored(&self, _: RoomKey, _: Seq) -> Result<Option<Authored>, StoreError> {
        Ok(None)
    }

    async fn reactions(
        &self,
        _: &RoomRef,
        _: &[Seq],
    ) -> Result<HashMap<Seq, Reactions>, StoreError> {
        Ok(HashMap::new())
    }

    async fn span(
        &self,
        room: RoomKey,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Option<Span>, StoreError> {
        let span = || {
            let older = |seq| before.is_none_or(|before| seq < before);
            let older = self.log.between(room, older);
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
        let commit = |draft| Ok(self.log.commit(&self.rooms, draft, &self.time));
        let answers: Vec<_> = batch.iter().map(commit).collect();
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
