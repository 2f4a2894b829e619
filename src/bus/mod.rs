//! What carries messages between instances: a hurry-up, never the truth.
mod local;

use tokio::sync::mpsc;

use crate::model::{Message, RoomName};

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
    /// It carries again, after a time in which anything may have been lost.
    Restored,
}

/// Where events arrive.
pub type Events = mpsc::Receiver<BusEvent>;
