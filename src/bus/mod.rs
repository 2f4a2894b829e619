//! What carries messages between instances: a hurry-up, never the truth.
mod local;
mod redis;
mod wire;

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::meter::Meters;
use crate::model::{Message, RoomName};

pub use self::redis::{Facts, Info, Inspector, Observer, RedisBus};
pub use local::LocalBus;

/// Events that may wait for the relay; what comes beyond is dropped and read from the store.
pub const EVENTS: usize = 8_192;

/// Carries committed messages to the other instances AT MOST ONCE: it may lose, repeat, delay
/// and reorder them, and be away for any time. Whoever listens must be able to do without it.
/// No call waits for the network: what can't be taken at once is dropped and counted.
pub trait Bus: Send + Sync + 'static {
    /// Publishes messages that are committed; never before.
    fn publish(&self, messages: &[Message]);

    /// From some moment on, messages of `room` come as events. Kept over reconnects.
    fn subscribe(&self, room: &RoomName);

    fn unsubscribe(&self, room: &RoomName);

    /// Tells how many people are online over all instances.
    fn headcount(&self, online: u64);

    fn state(&self) -> BusState;

    fn backlog(&self) -> Backlog;
}

/// A queue: how many wait, of how many that may.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Queue {
    pub depth: usize,
    pub limit: usize,
}

/// What waits on either side of the bus.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Messages to be published.
    pub out: Queue,
    /// Events that the relay has not seen yet.
    pub events: Queue,
}

/// How the bus stands, as `health` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BusState {
    /// None is configured.
    Disabled,
    /// A probe that was published came back lately.
    Connected,
    Disconnected,
}

/// What a bus tells the relay.
#[derive(Debug, Clone, PartialEq)]
pub enum BusEvent {
    /// Somebody says that this was committed. Not to be believed beyond its being next.
    Message(Message),
    /// It carries again, or carries rooms that it did not, after a time in which anything may
    /// have been lost.
    Restored,
}

/// Where events arrive.
pub type Events = mpsc::Receiver<BusEvent>;

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
    meters: Arc<Meters>,
) -> Result<(Arc<dyn Bus>, Events), BusError> {
    match url {
        Some(url) => {
            let (bus, events) = RedisBus::open(url, instance, meters)?;
            Ok((Arc::new(bus), events))
        }
        None => {
            let (bus, events) = LocalBus::open();
            Ok((Arc::new(bus), events))
        }
    }
}
