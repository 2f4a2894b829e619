//! Brings in what other instances committed: from the bus as it comes, and from the store
//! whatever the bus did not bring. Between them nothing is missed, and nothing comes twice.
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::hub::{Hub, LINGER};
use super::room::{Room, Taken};
use crate::bus::{BusEvent, BusState, Events, RoomChannel};
use crate::model::{Epoch, RoomId, RoomKey, RoomName, Seq};
use crate::store::{Head, Heads, Known, Part, StoreError};

/// How long a message may be on its way before the store is asked for it.
const PATIENCE: Duration = Duration::from_millis(5);
/// Messages read at once while catching up.
const PAGE: usize = 1_000;
/// Between two looks after rooms and notices.
const TIDY_EVERY: Duration = Duration::from_secs(1);
/// After a failed sweep; the store has its own bounds on top.
pub(super) const AFTER_FAILURE: Duration = Duration::from_millis(250);
/// How long to wait for others of its kind when the bus says that something may be missing: many
/// rooms that are restored at once are one sweep.
const GATHER: Duration = Duration::from_millis(20);
/// Between sweeps for what is not proven: at first, and after many that found nothing. So hints
/// that are true are followed at once, and a flood of false ones costs a sweep a second.
const DOUBT: Duration = Duration::from_millis(50);
const MOST_DOUBT: Duration = Duration::from_secs(1);

/// The tasks that keep the rooms here level with the log.
pub struct Relay {
    hub: Arc<Hub>,
}

impl Relay {
    pub fn new(hub: Arc<Hub>) -> Self {
        Self { hub }
    }

    /// Runs until `stop`; a failing store is asked again, for ever.
    pub async fn run(self, mut events: Events, stop: CancellationToken) {
        let hub = self.hub;
        let calls = Calls::default();
        let listen = async {
            loop {
                on_event(&hub, &calls, events.next().await);
            }
        };
        let tidy = async {
            loop {
                hub.clock.sleep(TIDY_EVERY).await;
                hub.evict_idle(LINGER);
                let now = hub.now();
                hub.warm_rooms()
                    .iter()
                    .for_each(|room| room.sum_up_notices(now));
                hub.herald.sum_up(now);
            }
        };
        tokio::select! {
            // What the bus brings without end comes last, so that it keeps nothing else waiting.
            biased;
            () = stop.cancelled() => {}
            () = sweep_for_ever(&hub, &calls) => {}
            () = tidy => {}
            () = hub.herald() => {}
            () = hub.listen() => {}
            () = listen => {}
        }
        hub.last_words().await;
    }
}

/// Reasons to sweep before it is time. However often one is given, it is followed once.
#[derive(Debug, Default)]
pub(super) struct Calls {
    restored: Notify,
    pub(super) hinted: Notify,
}

pub(super) fn on_event(hub: &Arc<Hub>, calls: &Calls, event: BusEvent) {
    match event {
        BusEvent::Entry(_, said) if hub.is_of_another(said.lineage.as_ref()) => {
            calls.hinted.notify_one();
        }
        BusEvent::Entry(channel, said) => {
            if let Some(room) = hub.addressed(&channel, &said.what.room) {
                let taken = room.accept_announced(said.what);
                hub.after(taken, room);
            }
        }
        BusEvent::Told(said) if hub.is_of_another(said.lineage.as_ref()) => {}
        BusEvent::Told(said) => hub.heard(&said.what),
        BusEvent::Restored => {
            calls.restored.notify_one();
            hub.hearsay.look.notify_one();
        }
        BusEvent::Hint => calls.hinted.notify_one(),
        BusEvent::Rights => hub.rights_changed.notify_one(),
    }
}

/// Why it is time for a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    Time,
    Restored,
    Hint,
}

async fn sweep_for_ever(hub: &Arc<Hub>, calls: &Calls) {
    // Without an answer the first sweep tells.
    if let Ok(era) = hub.epochs.era().await {
        hub.is_in(&era.epoch);
    }
    let (mut last, mut doubt, mut owed) = (hub.now(), DOUBT, false);
    loop {
        let reason = due(hub, calls, last + doubt).await;
        let swept = if owed || hub.log.changed().await.unwrap_or(true) {
            sweep(hub).await
        } else {
            Ok(0)
        };
        last = hub.now();
        owed = swept.is_err();
        match swept {
            Ok(0) if reason == Reason::Hint => doubt = (doubt * 2).min(MOST_DOUBT),
            Ok(_) => doubt = DOUBT,
            Err(_) => {
                hub.clock.sleep(AFTER_FAILURE).await;
                calls.restored.notify_one();
            }
        }
    }
}

/// Waits for the next look. If the bus fails meanwhile, that is due sooner.
async fn due(hub: &Hub, calls: &Calls, not_before: Instant) -> Reason {
    let start = hub.now();
    let time = async {
        loop {
            let soon = hub.log.sweep_interval(false);
            hub.clock.sleep(soon).await;
            if hub.now() - start >= hub.log.sweep_interval(hub.bus_carries()) {
                return;
            }
        }
    };
    let hint = async {
        calls.hinted.notified().await;
        let wait = not_before.saturating_duration_since(hub.now());
        hub.clock.sleep(wait).await;
    };
    tokio::select! {
        // Of two at once the hint: it is time only where none came since the last look, so that a
        // flood of hints does not begin anew with each.
        biased;
        () = calls.restored.notified() => {
            hub.clock.sleep(GATHER).await;
            Reason::Restored
        }
        () = hint => Reason::Hint,
        () = time => Reason::Time,
    }
}

/// Asks once for all rooms here which have grown or changed, and brings those up to date. Returns
/// how many that were.
pub(super) async fn sweep(hub: &Arc<Hub>) -> Result<usize, StoreError> {
    hub.look_behind().await?;
    let held: Vec<(Known, Epoch)> = hub.warm_rooms().iter().filter_map(|r| r.held()).collect();
    if held.is_empty() {
        return Ok(0);
    }
    let known: Vec<Known> = held.iter().map(|(known, _)| *known).collect();
    hub.meters.sweeps.add(1);
    let heads = hub.log.heads(&known).await?;
    if let Some((room, last)) = gone_back(&held, &heads) {
        let room = hub.served(room).map(|room| room.room.name.clone());
        let room = room.map(|name| name.to_string()).unwrap_or_default();
        let reason = format!("room {room} ends at {last}, before what was shown");
        hub.rewind(&heads.epoch, &reason).await?;
    } else {
        hub.adopt(&heads.epoch).await?;
    }
    for room in heads.gone.iter().chain(&heads.deleted) {
        hub.close(*room);
    }
    let rooms = heads.rooms;
    for head in &rooms {
        if let Some(room) = hub.served(head.room) {
            hub.refresh(&room, head).await?;
            hub.catch_up(&room).await?;
        }
    }
    Ok(rooms.len())
}

/// The first of these rooms that ends before what is known of it in that same epoch, or is gone with
/// what was said in it, and where it ends: in another epoch, that it went back is known.
fn gone_back(held: &[(Known, Epoch)], heads: &Heads) -> Option<(RoomKey, Seq)> {
    if heads.rooms.is_empty() && heads.gone.is_empty() {
        return None;
    }
    let same = held.iter().filter(|(_, of)| *of == heads.epoch);
    let known: HashMap<RoomKey, Seq> = same.map(|(k, _)| (k.room, k.seq)).collect();
    let there = heads.rooms.iter().map(|head| (head.room, head.last_seq));
    let gone = heads.gone.iter().map(|room| (*room, Seq::START));
    let before = |(room, last): &(RoomKey, Seq)| known.get(room).is_some_and(|seq| last < seq);
    there.chain(gone).find(before)
}

impl Hub {
    /// How many committed messages the rooms here have not taken up yet.
    pub async fn lag(&self) -> Result<u64, StoreError> {
        let known = self.known_rooms();
        if known.is_empty() {
            return Ok(0);
        }
        let ahead = self.log.heads(&known).await?.rooms;
        let behind = |head: &Head| {
            let here = known.iter().find(|known| known.room == head.room);
            here.map_or(0, |known| head.last_seq.since(known.seq))
        };
        Ok(ahead.iter().map(behind).sum())
    }

    /// What is known of each room here.
    fn known_rooms(&self) -> Vec<Known> {
        let rooms = self.warm_rooms();
        rooms.iter().filter_map(|room| room.known()).collect()
    }

    /// The room of that name, if it is served here.
    pub(super) fn named(&self, name: &RoomName) -> Option<Arc<Room>> {
        self.served(self.known(name)?)
    }

    /// The room with that channel, if it is served here.
    fn addressed(&self, channel: &RoomChannel, name: &RoomName) -> Option<Arc<Room>> {
        let room = self.named(name)?;
        let fits = match channel {
            RoomChannel::Public(_) => true,
            RoomChannel::Hidden(uid) => room.room.key.uid == *uid,
        };
        fits.then_some(room)
    }

    /// Subscribes to the channel that a room has by its kind, which may have changed.
    pub async fn readdress(&self, room: RoomId) -> Result<(), StoreError> {
        for served in self.warm_rooms() {
            if served.room.key.id != room {
                continue;
            }
            let Some(head) = self.log.head(served.room.key).await? else {
                continue;
            };
            let before = served.channel();
            served.is_of(head.kind);
            if served.channel() != before {
                self.bus.unsubscribe(&before);
                self.bus.subscribe(&served.channel());
            }
        }
        Ok(())
    }

    /// Does what is left to do after messages were brought to a room.
    pub(super) fn after(self: &Arc<Self>, taken: Taken, room: Arc<Room>) {
        match taken {
            Taken::All => {}
            Taken::Missing => self.catch_up_soon(room),
            Taken::Disputed => self.doubt(room),
        }
    }

    pub(super) fn bus_carries(&self) -> bool {
        self.bus_state() == BusState::Connected
    }

    /// Catches up shortly, unless what is missing has come by itself until then, as it can only
    /// over the bus.
    pub(super) fn catch_up_soon(self: &Arc<Self>, room: Arc<Room>) {
        let hub = self.clone();
        tokio::spawn(async move {
            while room.missing_up_to().is_some() {
                // One wait at a time: the holder of the lock looks again when it has let go.
                let Ok(_one) = room.catching_up.try_lock() else {
                    return;
                };
                if hub.bus_carries() {
                    hub.clock.sleep(PATIENCE).await;
                }
                if room.missing_up_to().is_some() && hub.read_missing(&room).await.is_err() {
                    hub.clock.sleep(AFTER_FAILURE).await;
                }
            }
        });
    }

    /// Reads what is beyond the room's tail, until there is no more.
    pub(super) async fn catch_up(self: &Arc<Self>, room: &Arc<Room>) -> Result<(), StoreError> {
        let one = room.catching_up.lock().await;
        let read = self.read_missing(room).await;
        drop(one);
        // What was heard of during the last read found the lock held.
        if room.missing_up_to().is_some() {
            self.catch_up_soon(room.clone());
        }
        read
    }

    /// Reads a room's newest messages anew, if others came or went behind them.
    pub(super) async fn refresh(&self, room: &Arc<Room>, head: &Head) -> Result<(), StoreError> {
        let _one = room.catching_up.lock().await;
        if room.known().is_some_and(|k| k.version != head.version) {
            let newest = self.newest(&room.room).await?;
            room.reload(newest, head);
        }
        Ok(())
    }

    async fn read_missing(self: &Arc<Self>, room: &Arc<Room>) -> Result<(), StoreError> {
        while let Some(after) = room.look_after() {
            let announced = room.missing_up_to();
            let page = self.read_page(&room.room, Part::News(after), PAGE).await?;
            let full = page.len() == PAGE;
            let Some(found) = room.accept_page(page) else {
                self.doubt(room.clone());
                return Ok(());
            };
            self.meters.recovered.add(found as u64);
            if !full {
                room.disbelieve(announced);
                return Ok(());
            }
        }
        Ok(())
    }
}
