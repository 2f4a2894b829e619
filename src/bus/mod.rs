//! What carries messages between instances: a hurry-up, never the truth.
mod channel;
mod events;
mod incoming;
mod key;
mod local;
mod redis;
mod wire;

use std::sync::Arc;

use crate::meter::Meters;
use crate::model::{Entry, Lineage, Told};

pub use self::channel::RoomChannel;
pub use self::events::{BusEvent, Events, Said};
#[cfg(test)]
pub(crate) use self::events::{Ears, channel};
pub use self::key::Key;
pub use self::redis::{Facts, Info, Inspector, RedisBus};
pub use crate::meter::{BusState, Queue};
pub use local::LocalBus;

/// Messages that may wait for the relay; what comes beyond is dropped and read from the store.
pub const EVENTS: usize = 8_192;

/// Carries committed messages to the other instances AT MOST ONCE: it may lose, repeat, delay
/// and reorder them, and be away for any time. A listener must be able to do without it.
/// No call waits for the network: what cannot be taken at once is dropped and counted.
pub trait Bus: Send + Sync + 'static {
    /// Publishes messages of one room that are committed; never before.
    fn publish(&self, to: &RoomChannel, messages: &[Entry], of: Option<&Lineage>);

    /// From some moment on, what is published there comes as events. Kept over reconnects.
    fn subscribe(&self, to: &RoomChannel);

    fn unsubscribe(&self, to: &RoomChannel);

    /// Tells what happened in rooms beside their messages, once it is in the store.
    fn tell(&self, told: &[Told], of: Option<&Lineage>);

    /// Tells that rights changed, once it is in the store.
    fn tell_rights(&self);

    /// Tells how many people are online over all instances.
    fn headcount(&self, online: u64);

    /// Signs with this key from now on, and believes what is signed with it.
    fn trust(&self, key: Key);

    fn state(&self) -> BusState;

    fn backlog(&self) -> Backlog;
}

/// What waits on either side of the bus.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Messages to be published.
    pub out: Queue,
    /// Events that the relay has not seen yet.
    pub events: Queue,
}

/// Why there can be no bus. One that is merely away is no error: it is tried for ever.
/// The address is never part of the text, since it may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    #[error(
        "redis_url is no address of a Redis ({reason}); write \
         redis://[[user]:password@]host[:port], or rediss:// for TLS"
    )]
    Url { reason: String },
}

/// Opens the bus that is configured: Redis or Valkey where there is a URL, else none.
/// To be called within a tokio runtime; returns at once, whether Redis is there or not.
pub fn open(
    url: Option<&str>,
    instance: &str,
    key: Key,
    meters: Arc<Meters>,
) -> Result<(Arc<dyn Bus>, Events), BusError> {
    match url {
        Some(url) => {
            let (bus, events) = RedisBus::open(url, instance, key, meters)?;
            Ok((Arc::new(bus), events))
        }
        None => {
            let (bus, events) = LocalBus::open();
            Ok((Arc::new(bus), events))
        }
    }
}
