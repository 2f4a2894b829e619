//! The bus over Redis or Valkey: calls leave word in the outbox, one background task owns the
//! connection, and what comes back goes through the inbox to the relay.
mod address;
mod backoff;
mod check;
mod error;
mod inbox;
mod info;
mod junk;
mod line;
mod link;
mod outbox;
mod slots;
mod worker;

use std::sync::Arc;

use parking_lot::RwLock;
use tokio::task::AbortHandle;

use super::{Backlog, Bus, BusError, BusState, EVENTS, Events, Key, RoomChannel, events};
use crate::meter::Meters;
use crate::model::{Entry, Lineage, Told};
use address::Address;
pub use check::{Facts, Inspector};
use inbox::Inbox;
pub use info::Info;

use outbox::Outbox;
use worker::Worker;

/// A bus that may come and go. Every call returns at once, whatever Redis does.
#[derive(Debug)]
pub struct RedisBus {
    outbox: Arc<Outbox>,
    inbox: Arc<Inbox>,
    key: Arc<RwLock<Key>>,
    meters: Arc<Meters>,
    worker: AbortHandle,
}

impl RedisBus {
    /// Starts to connect, for ever, in the background of the current runtime. `instance` is
    /// named as the publisher of what this process publishes, `key` proves it.
    pub fn open(
        url: &str,
        instance: &str,
        key: Key,
        meters: Arc<Meters>,
    ) -> Result<(Self, Events), BusError> {
        let address = Address::parse(url)?;
        let (ears, receiver) = events::channel(EVENTS);
        let key = Arc::new(RwLock::new(key));
        let outbox = Arc::new(Outbox::default());
        let inbox = Arc::new(Inbox::new(ears, key.clone(), meters.clone()));
        let worker = Worker {
            address,
            instance: instance.into(),
            key: key.clone(),
            outbox: outbox.clone(),
            inbox: inbox.clone(),
            meters: meters.clone(),
        };
        let bus = Self {
            outbox,
            inbox,
            key,
            meters,
            worker: tokio::spawn(worker.run()).abort_handle(),
        };
        Ok((bus, receiver))
    }
}

impl Bus for RedisBus {
    fn publish(&self, to: &RoomChannel, messages: &[Entry], of: Option<&Lineage>) {
        self.meters
            .publish_failed
            .add(self.outbox.publish(to, messages, of));
    }

    fn subscribe(&self, to: &RoomChannel) {
        self.outbox.want(to);
    }

    fn unsubscribe(&self, to: &RoomChannel) {
        self.outbox.unwant(to);
    }

    fn tell(&self, told: &[Told], of: Option<&Lineage>) {
        self.outbox.tell(told, of);
    }

    fn tell_rights(&self) {
        self.outbox.tell_rights();
    }

    /// Published when it differs from what was last seen on the channel, no matter from whom:
    /// all instances count the same people, and one of them is enough to say so.
    fn headcount(&self, online: u64) {
        if self.inbox.headcount() != Some(online) {
            self.outbox.headcount(online);
        }
    }

    fn trust(&self, key: Key) {
        *self.key.write() = key;
    }

    fn state(&self) -> BusState {
        if self.inbox.hears() {
            BusState::Connected
        } else {
            BusState::Disconnected
        }
    }

    fn backlog(&self) -> Backlog {
        Backlog {
            out: self.outbox.queue(),
            events: self.inbox.queue(),
        }
    }
}

impl Drop for RedisBus {
    fn drop(&mut self) {
        self.worker.abort();
    }
}
