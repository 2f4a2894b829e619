//! Brings in what other instances committed: from the bus as it comes, and from the store
//! whatever the bus did not bring. Between them nothing is missed, and nothing comes twice.
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::hub::Hub;
use super::room::Room;
use crate::bus::{BusEvent, BusState, Events};
use crate::model::{RoomId, RoomName, Seq};
use crate::store::StoreError;

/// How long a message may be on its way before the store is asked for it.
const PATIENCE: Duration = Duration::from_millis(5);
/// Messages read at once while catching up.
const PAGE: usize = 1_000;
/// Between two looks after rooms and notices.
const TIDY_EVERY: Duration = Duration::from_secs(1);
/// After a failed sweep; the store has its own bounds on top.
const AFTER_FAILURE: Duration = Duration::from_millis(250);

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
        let listen = async {
            while let Some(event) = events.recv().await {
                on_event(&hub, event);
            }
            std::future::pending::<()>().await;
        };
        let tidy = async {
            loop {
                tokio::time::sleep(TIDY_EVERY).await;
                hub.evict_idle();
                let now = hub.now();
                hub.warm_rooms()
                    .iter()
                    .for_each(|room| room.sum_up_notices(now));
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = listen => {}
            () = sweep_for_ever(&hub) => {}
            () = tidy => {}
        }
    }
}

fn on_event(hub: &Arc<Hub>, event: BusEvent) {
    match event {
        BusEvent::Message(message) => {
            if let Some(room) = hub.named(&message.room)
                && room.accept_announced(message)
            {
                hub.catch_up_soon(room);
            }
        }
        BusEvent::Restored => {
            let hub = hub.clone();
            tokio::spawn(async move { sweep(&hub).await });
        }
    }
}

async fn sweep_for_ever(hub: &Arc<Hub>) {
    loop {
        due(hub).await;
        let swept = match hub.store.changed().await {
            Ok(true) => sweep(hub).await,
            Ok(false) => Ok(()),
            Err(error) => Err(error),
        };
        if swept.is_err() {
            tokio::time::sleep(AFTER_FAILURE).await;
        }
    }
}

/// Waits for the next look. If the bus fails meanwhile, that is due sooner.
async fn due(hub: &Hub) {
    let start = tokio::time::Instant::now();
    loop {
        tokio::time::sleep(hub.store.sweep_interval(false)).await;
        if start.elapsed() >= hub.store.sweep_interval(hub.bus_carries()) {
            return;
        }
    }
}

/// Asks once for all rooms here which have grown, and catches those up.
async fn sweep(hub: &Arc<Hub>) -> Result<(), StoreError> {
    let known = hub.delivered();
    if known.is_empty() {
        return Ok(());
    }
    hub.meters.sweeps.add(1);
    for (id, _) in hub.store.heads(&known).await? {
        if let Some(room) = hub.served(id) {
            hub.catch_up(&room).await?;
        }
    }
    Ok(())
}

impl Hub {
    /// How many committed messages the rooms here have not taken up yet.
    pub async fn lag(&self) -> Result<i64, StoreError> {
        let known = self.delivered();
        if known.is_empty() {
            return Ok(0);
        }
        let ahead = self.store.heads(&known).await?;
        let behind = |(id, head): &(RoomId, Seq)| {
            let here = known.iter().find(|(known, _)| known == id);
            here.map_or(0, |(_, delivered)| (head - delivered).max(0))
        };
        Ok(ahead.iter().map(behind).sum())
    }

    /// How far each room here is.
    fn delivered(&self) -> Vec<(RoomId, Seq)> {
        self.warm_rooms()
            .iter()
            .filter_map(|room| Some((room.room.id, room.delivered()?)))
            .collect()
    }

    /// The room of that name, if it is served here.
    fn named(&self, name: &RoomName) -> Option<Arc<Room>> {
        self.served(self.known(name)?)
    }

    fn bus_carries(&self) -> bool {
        self.bus_state() == BusState::Connected
    }

    /// Catches up shortly, unless what is missing has come by itself until then, as it can only
    /// over the bus.
    pub(super) fn catch_up_soon(self: &Arc<Self>, room: Arc<Room>) {
        let hub = self.clone();
        tokio::spawn(async move {
            while room.missing_up_to().is_some() {
                // One wait at a time: whoever holds the lock looks again when it has let go.
                let Ok(_one) = room.catching_up.try_lock() else {
                    return;
                };
                if hub.bus_carries() {
                    tokio::time::sleep(PATIENCE).await;
                }
                if room.missing_up_to().is_some() && hub.read_missing(&room).await.is_err() {
                    tokio::time::sleep(AFTER_FAILURE).await;
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

    async fn read_missing(&self, room: &Arc<Room>) -> Result<(), StoreError> {
        while let Some(last) = room.delivered() {
            let announced = room.missing_up_to();
            let page = self.read_page(&room.room, last, PAGE).await?;
            let full = page.len() == PAGE;
            let found = room.accept_page(page);
            self.meters.recovered.add(found as u64);
            if !full {
                room.disbelieve(announced);
                return Ok(());
            }
        }
        Ok(())
    }
}
