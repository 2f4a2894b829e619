//! An instance's bus as the tests use it, and what they wait for.
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use discordctl::bus::{Bus, BusEvent, BusState, Events, Key, RedisBus, RoomChannel};
use discordctl::meter::Meters;
use discordctl::model::{Entry, MessageId, Number, RoomName, Seq};
use tokio::time::timeout;

use crate::support::{DEADLINE, eventually};

pub(crate) struct Peer {
    pub(crate) bus: RedisBus,
    pub(crate) events: Events,
    pub(crate) meters: Arc<Meters>,
}

impl Peer {
    pub(crate) fn open(url: &str, instance: &str) -> Self {
        let meters = Arc::new(Meters::default());
        let bus = RedisBus::open(url, instance, key(), meters.clone());
        let (bus, events) = bus.expect("a URL");
        Self {
            bus,
            events,
            meters,
        }
    }

    /// Publishes each on its room's channel.
    pub(crate) fn publish(&self, messages: &[Entry]) {
        for message in messages {
            let channel = RoomChannel::Public(message.room.clone());
            let one = std::slice::from_ref(message);
            self.bus.publish(&channel, one, None);
        }
    }

    /// Waits for the next event of the kind that `wanted` picks; others are passed over.
    pub(crate) async fn event<T>(&mut self, wanted: impl Fn(BusEvent) -> Option<T>) -> T {
        let found = timeout(DEADLINE, async {
            loop {
                if let Some(found) = wanted(self.events.next().await) {
                    return found;
                }
            }
        });
        found.await.expect("an event in time")
    }

    pub(crate) async fn message(&mut self) -> Entry {
        self.event(|event| match event {
            BusEvent::Entry(_, said) => Some(said.what),
            _ => None,
        })
        .await
    }

    pub(crate) async fn restored(&mut self) {
        self.event(|event| (event == BusEvent::Restored).then_some(()))
            .await;
    }

    /// Returns how long it took.
    pub(crate) async fn becomes(&self, state: BusState) -> Duration {
        eventually(&format!("{state:?}"), || async {
            self.bus.state() == state
        })
        .await
    }

    /// Throws away what has arrived by now.
    pub(crate) fn forget(&mut self) {
        while self.events.now().is_some() {}
    }
}

/// What the database of these tests would hold.
pub(crate) fn key() -> Key {
    Key::new(&[7; 32])
}

pub(crate) fn room(name: &str) -> RoomChannel {
    RoomChannel::Public(RoomName::parse(name).expect("a good name"))
}

pub(crate) fn message(room_name: &str, seq: i64) -> Entry {
    Entry {
        id: MessageId::new(1_000 + seq),
        seq: Seq::new(seq),
        room: RoomName::stored(room_name),
        user: "alice".into(),
        number: Number::new(seq),
        what: format!("hello \"{seq}\" \u{1f600}\nand\tmore")
            .as_str()
            .into(),
        created_at: DateTime::from_timestamp_millis(1_705_314_600_123 + seq).expect("a time"),
    }
}
