//! The rooms that this instance serves: those with readers here, and for a while after.
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock};
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use super::cursor::{Cursor, Start};
use super::hearsay::Hearsay;
use super::herald::Herald;
use super::lost::Lost;
use super::marks::ReadMarks;
use super::tail::Tail;
pub use super::tail::TailLimits;
use super::{Item, Room};
use crate::archive::library::{Erased, Library};
use crate::bus::{Backlog, Bus, BusState};
use crate::clock::Clock;
use crate::meter::Meters;
use crate::model::{Entry, Epoch, RoomId, RoomKey, RoomKind, RoomName, RoomRef, RoomVersion, Seq};
use crate::store::{Epochs, Head, Log, Notices, Part, StoreError};

/// A room without readers keeps its tail this long for the next who joins.
pub(super) const LINGER: Duration = Duration::from_secs(60);
/// Where so many are in memory, one without readers is kept no longer.
const MANY: usize = 1_024;
/// Names remembered at most; beyond, they are looked up again.
const NAMES: usize = 65_536;
/// Reads of ours at once: a crowd that joins or catches up must not starve the rest of the pool.
const TURNS: usize = 4;
/// How long one may wait for its turn; beyond, the database has too much to do.
const TURN_WITHIN: Duration = Duration::from_secs(1);

/// Everything below a transport that reading needs.
pub struct Hub {
    pub(super) log: Arc<dyn Log>,
    pub(super) notices: Arc<dyn Notices>,
    pub(super) epochs: Arc<dyn Epochs>,
    pub(super) bus: Arc<dyn Bus>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) meters: Arc<Meters>,
    limits: TailLimits,
    pub(super) rooms: RwLock<HashMap<RoomKey, Arc<Room>>>,
    pub(super) names: RwLock<HashMap<String, RoomRef>>,
    pub(super) herald: Herald,
    pub(super) hearsay: Hearsay,
    pub marks: ReadMarks,
    turns: Semaphore,
    /// What left the database, where it is kept.
    pub(super) library: Option<Arc<Library>>,
    /// What was erased, as it was asked for last.
    pub(super) erased: Mutex<Arc<Erased>>,
    /// The past that the store told last.
    pub(super) epoch: RwLock<Option<Epoch>>,
    /// Rooms that are not there any more, until sessions are told.
    pub(super) gone: Mutex<Vec<RoomRef>>,
    /// The database went back, and no new epoch was begun for it yet.
    pub(super) behind: Mutex<Option<Epoch>>,
    /// What was shown and is stored no more, until it is saved.
    pub(super) lost: Lost,
    /// Woken when users of sessions here may be others' by now: all are to be entered anew.
    pub strangers: Notify,
    /// Woken when another instance says that rights changed.
    pub rights_changed: Notify,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub")
            .field("rooms", &self.rooms.read().len())
            .finish_non_exhaustive()
    }
}

impl Hub {
    pub fn new(
        log: Arc<dyn Log>,
        notices: Arc<dyn Notices>,
        epochs: Arc<dyn Epochs>,
        bus: Arc<dyn Bus>,
        clock: Arc<dyn Clock>,
        meters: Arc<Meters>,
        limits: TailLimits,
    ) -> Self {
        Self {
            log,
            notices,
            epochs,
            bus,
            clock,
            meters,
            limits,
            rooms: RwLock::default(),
            names: RwLock::default(),
            herald: Herald::new(),
            hearsay: Hearsay::default(),
            marks: ReadMarks::default(),
            turns: Semaphore::new(TURNS),
            library: None,
            erased: Mutex::default(),
            epoch: RwLock::default(),
            gone: Mutex::default(),
            behind: Mutex::default(),
            lost: Lost::default(),
            strangers: Notify::new(),
            rights_changed: Notify::new(),
        }
    }

    /// Reads from this archive what the database has no more.
    pub fn with_archive(mut self, library: Arc<Library>) -> Self {
        self.library = Some(library);
        self
    }

    pub(super) fn now(&self) -> Instant {
        self.clock.now()
    }

    pub fn meters(&self) -> &Arc<Meters> {
        &self.meters
    }

    pub fn bus_state(&self) -> BusState {
        self.bus.state()
    }

    /// Tells the other instances that rights changed.
    pub fn tell_rights(&self) {
        self.bus.tell_rights();
    }

    pub fn bus_backlog(&self) -> Backlog {
        self.bus.backlog()
    }

    /// Waits for a turn to ask the store. One that then finds in memory what it wanted, since
    /// another asked before, need not ask at all.
    pub async fn turn(&self) -> Result<SemaphorePermit<'_>, StoreError> {
        match tokio::time::timeout(TURN_WITHIN, self.turns.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(StoreError::Busy),
        }
    }

    /// The room of that name, if it is remembered.
    pub fn remembered(&self, name: &RoomName) -> Option<RoomRef> {
        self.names.read().get(&name.key()).cloned()
    }

    /// Remembers a room by its name: sending to it, and hearing of it over the bus, asks no store.
    pub fn remember(&self, room: RoomRef) -> RoomRef {
        let mut names = self.names.write();
        if names.len() >= NAMES {
            names.clear();
        }
        names.insert(room.name.key(), room.plain());
        room
    }

    pub(super) fn known(&self, name: &RoomName) -> Option<RoomKey> {
        self.names.read().get(&name.key()).map(|room| room.key)
    }

    /// Forgets a room that turned out to be gone.
    pub fn forget(&self, room: &RoomRef) {
        self.names.write().remove(&room.name.key());
    }

    /// The room as served here; it has a tail once it is read.
    pub fn room(&self, room: &RoomRef) -> Arc<Room> {
        if let Some(served) = self.served(room.key) {
            return served;
        }
        if self.count() >= MANY {
            self.evict_idle(Duration::ZERO);
        }
        let fresh = || Arc::new(Room::new(room.plain(), self.limits, self.now()));
        self.rooms
            .write()
            .entry(room.key)
            .or_insert_with(fresh)
            .clone()
    }

    /// The room, if it is served here.
    pub fn served(&self, room: RoomKey) -> Option<Arc<Room>> {
        self.rooms.read().get(&room).cloned()
    }

    /// Wakes all that read a room.
    pub fn wake(&self, room: RoomId) {
        let rooms = self.rooms.read();
        let of_id = rooms.iter().filter(|(key, _)| key.id == room);
        of_id.for_each(|(_, served)| served.wake());
    }

    /// Wakes all that read.
    pub fn wake_all(&self) {
        self.rooms.read().values().for_each(|room| room.wake());
    }

    pub(super) fn warm_rooms(&self) -> Vec<Arc<Room>> {
        self.rooms
            .read()
            .values()
            .filter(|room| room.is_warm())
            .cloned()
            .collect()
    }

    /// The rooms whose newest messages are in memory.
    pub fn warm_refs(&self) -> Vec<RoomRef> {
        let rooms = self.warm_rooms();
        rooms.iter().map(|room| room.room.clone()).collect()
    }

    /// How many rooms are in memory.
    pub fn count(&self) -> usize {
        self.rooms.read().len()
    }

    /// Begins to read `room` at `start`; `signal` is woken when there is more.
    pub async fn read(
        self: &Arc<Self>,
        room: &RoomRef,
        start: Start,
        signal: Arc<Notify>,
    ) -> Result<Cursor, StoreError> {
        let served = self.room(room);
        let warm = self.warm(&served).await?;
        let (next_seq, hit, unknown) = self.locate(&served, start).await?;
        self.meters.history.record(warm && hit);
        let cursor = Cursor::new(self.clone(), served, signal, next_seq, unknown);
        Ok(cursor.shown_as(room.label()))
    }

    /// Loads the tail if it is not there; true if it was.
    async fn warm(self: &Arc<Self>, room: &Arc<Room>) -> Result<bool, StoreError> {
        if room.is_warm() {
            return Ok(true);
        }
        let _once = room.loading.lock().await;
        if room.is_warm() {
            return Ok(true);
        }
        room.begin_loading();
        // The head first: what is committed after it is read with the page, or comes by itself.
        let loaded = async {
            let _turn = self.turn().await?;
            let epoch = self.epochs.era().await?.epoch;
            let head = self.log.head(room.room.key).await?;
            room.is_of(head.map_or(RoomKind::Public, |head| head.kind));
            self.bus.subscribe(&room.channel());
            let newest = self.log.read(&room.room, Part::Newest, self.limits.keep);
            let newest = newest.await?;
            // A room that is gone is as an empty one.
            let gone = Head {
                room: room.room.key,
                last_seq: Seq::START,
                replayed_seq: Seq::START,
                version: RoomVersion::new(0),
                kind: RoomKind::Public,
            };
            Ok((epoch, head.unwrap_or(gone), newest))
        };
        match loaded.await {
            Ok((epoch, head, newest)) => {
                self.is_in(&epoch);
                if room.finish_loading(newest, &head, epoch) {
                    self.catch_up(room).await?;
                }
                Ok(false)
            }
            Err(error) => {
                room.abort_loading();
                Err(error)
            }
        }
    }

    /// Where `start` is: the `seq` to begin with, whether memory could tell, and what to say
    /// first to a reader whose position means nothing here.
    async fn locate(
        self: &Arc<Self>,
        room: &Arc<Room>,
        start: Start,
    ) -> Result<(Seq, bool, Option<Item>), StoreError> {
        let last = room.delivered().unwrap_or_default();
        let gap = |from, to| {
            Some(Item::Gap {
                room: room.room.name.clone(),
                from,
                to,
            })
        };
        let reset = |last| {
            let epoch = room.epoch()?;
            let room = room.room.name.clone();
            Some(Item::Reset {
                room,
                epoch,
                last_seq: last,
            })
        };
        let start = match start {
            Start::In(epoch, seq) if room.epoch().is_some_and(|here| here == epoch) => {
                Start::After(seq)
            }
            start => start,
        };
        match start {
            Start::In(..) => Ok((last.next(), true, reset(last))),
            Start::Unknown => Ok((last.next(), true, gap(None, last))),
            Start::After(seq) if seq < Seq::START => Ok((last.next(), true, gap(None, last))),
            Start::Last(0) => Ok((last.next(), true, None)),
            Start::Last(count) => {
                let (span, hit, told) = self.find_start(&room.room, last.next(), count).await?;
                Ok((span.map_or(last.next(), |span| span.first), hit, told))
            }
            Start::After(seq) if seq <= last => {
                let hit = room.with_tail(|tail| seq >= tail.before()).unwrap_or(false);
                Ok((seq.next(), hit, None))
            }
            // Another instance may have shown what has not reached this one yet.
            Start::After(seq) => {
                self.catch_up(room).await?;
                match room.delivered().unwrap_or_default() {
                    last if seq <= last => Ok((seq.next(), false, None)),
                    last => Ok((last.next(), false, reset(last))),
                }
            }
        }
    }

    /// What the tail of a room that is served here knows.
    pub(super) fn in_memory<T>(
        &self,
        room: &RoomRef,
        look: impl FnOnce(&Tail) -> Option<T>,
    ) -> Option<T> {
        self.served(room.key)?.with_tail(look).flatten()
    }

    /// A page from the store, in our turn.
    pub(super) async fn read_page(
        &self,
        room: &RoomRef,
        part: Part,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let _turn = self.turn().await?;
        self.log.read(room, part, limit).await
    }

    /// What is kept of a room without new messages for long.
    pub(super) async fn newest(&self, room: &RoomRef) -> Result<Vec<Entry>, StoreError> {
        let keep = self.limits.keep;
        self.read_page(room, Part::Newest, keep).await
    }

    /// Lets go of rooms that were not read for a while.
    pub(super) fn evict_idle(&self, linger: Duration) {
        let now = self.now();
        let idle = |room: &Arc<Room>| {
            let since = room.idle_since();
            since.is_some_and(|since| now.duration_since(since) >= linger)
        };
        self.rooms.write().retain(|_, room| {
            // A second owner may be about to read it.
            let keep = Arc::strong_count(room) > 1 || !idle(room);
            if !keep {
                self.bus.unsubscribe(&room.channel());
            }
            keep
        });
    }
}
