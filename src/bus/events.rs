//! What a bus tells the relay: a bounded queue of what was said, and two flags that say "look".
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::sync::mpsc::{self, error::TrySendError};

use super::{Queue, RoomChannel};
use crate::model::{Entry, Lineage, Told};

/// Something that an instance says, and which past it is of, where that is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Said<T> {
    pub what: T,
    pub lineage: Option<Lineage>,
}

/// What a bus tells the relay.
#[derive(Debug, Clone, PartialEq)]
pub enum BusEvent {
    /// An instance proves on that channel that it committed this.
    Entry(RoomChannel, Said<Entry>),
    /// An instance proves that this happened in a room.
    Told(Said<Told>),
    /// It carries again, or carries rooms that it did not, after a time in which anything may
    /// have been lost; or there was more than the relay could take.
    Restored,
    /// Something was said in a room, without proof: an instance of an older version, or a
    /// stranger. Not to be believed, but the store may know of it.
    Hint,
    /// An instance proves that rights changed.
    Rights,
}

/// Where events arrive. However often the bus says "look" before it is heard, it says it once.
#[derive(Debug)]
pub struct Events {
    heard: mpsc::Receiver<BusEvent>,
    looks: Arc<Looks>,
}

/// Where they come from. Nothing here waits.
#[derive(Debug, Clone)]
pub(crate) struct Ears {
    heard: mpsc::Sender<BusEvent>,
    looks: Arc<Looks>,
}

#[derive(Debug, Default)]
struct Looks {
    restored: Notify,
    hinted: Notify,
    rights: Notify,
}

pub(crate) fn channel(capacity: usize) -> (Ears, Events) {
    let (sender, heard) = mpsc::channel(capacity);
    let looks = Arc::<Looks>::default();
    let ears = Ears {
        heard: sender,
        looks: looks.clone(),
    };
    (ears, Events { heard, looks })
}

impl Events {
    /// Events of which there are none.
    pub(super) fn none() -> Self {
        channel(1).1
    }

    /// The next event; may be dropped and asked again.
    pub async fn next(&mut self) -> BusEvent {
        let Self { heard, looks } = self;
        let event = async {
            match heard.recv().await {
                Some(event) => event,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            event = event => event,
            () = looks.restored.notified() => BusEvent::Restored,
            () = looks.hinted.notified() => BusEvent::Hint,
            () = looks.rights.notified() => BusEvent::Rights,
        }
    }

    /// The next event, if there is one now.
    pub fn now(&mut self) -> Option<BusEvent> {
        self.next().now_or_never()
    }
}

impl Ears {
    /// What does not fit is read from the store, once the relay is told to look.
    pub(crate) fn hear(&self, event: BusEvent) {
        if let Err(TrySendError::Full(_)) = self.heard.try_send(event) {
            self.looks.restored.notify_one();
        }
    }

    pub(crate) fn restored(&self) {
        self.looks.restored.notify_one();
    }

    pub(crate) fn rights(&self) {
        self.looks.rights.notify_one();
    }

    pub(crate) fn hint(&self) {
        self.looks.hinted.notify_one();
    }

    pub(crate) fn queue(&self) -> Queue {
        Queue {
            depth: self.heard.max_capacity() - self.heard.capacity(),
            limit: self.heard.max_capacity(),
        }
    }
}
