//! The bus of the simulation: what it carries is lost, repeated, delayed and reordered, and an
//! instance may be cut off from it, which knows that or does not.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;

use super::time::{Dice, Time};
use crate::bus::{Backlog, Bus, BusEvent, BusState, Ears, Events, Key, RoomChannel, Said, channel};
use crate::clock::Clock;
use crate::model::{Entry, Lineage, Told};

/// Events that wait for a relay at most: few, so that they come to be too many.
const EVENTS: usize = 16;

/// How bad it is, in percent and at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weather {
    pub(super) lost: u64,
    pub(super) repeated: u64,
    pub(super) late: Duration,
}

/// The network between all instances.
pub(super) struct Network {
    pub(super) time: Time,
    pub(super) dice: Dice,
    pub(super) weather: Mutex<Weather>,
    peers: Mutex<BTreeMap<u64, Arc<Peer>>>,
}

struct Peer {
    ears: Ears,
    subscribed: Mutex<Vec<RoomChannel>>,
    /// Whether it is cut off, and knows it.
    link: Mutex<Link>,
    /// Nothing comes or goes, unnoticed.
    deaf: AtomicBool,
}

/// How an instance's own end of the bus has been, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    New,
    Cut(Duration),
    Restored(Duration),
}

impl Peer {
    fn is_cut(&self) -> bool {
        matches!(*self.link.lock(), Link::Cut(_))
    }

    fn is_reached(&self) -> bool {
        !self.is_cut() && !self.deaf.load(Relaxed)
    }
}

impl Network {
    pub(super) fn new(time: &Time, dice: Dice, weather: Weather) -> Arc<Self> {
        Arc::new(Self {
            time: time.clone(),
            dice,
            weather: Mutex::new(weather),
            peers: Mutex::default(),
        })
    }

    /// A new run of an instance takes its place.
    pub(super) fn join(self: &Arc<Self>, instance: u64) -> (Arc<Socket>, Events) {
        let (ears, events) = channel(EVENTS);
        let peer = Arc::new(Peer {
            ears,
            subscribed: Mutex::default(),
            link: Mutex::new(Link::New),
            deaf: AtomicBool::new(false),
        });
        self.peers.lock().insert(instance, peer.clone());
        let socket = Socket {
            network: self.clone(),
            instance,
            peer,
        };
        (Arc::new(socket), events)
    }

    pub(super) fn cut(&self, instance: u64) {
        let now = self.time.passed();
        self.with(instance, |peer| {
            if !peer.is_cut() {
                *peer.link.lock() = Link::Cut(now);
            }
        });
    }

    pub(super) fn deafen(&self, instance: u64) {
        self.with(instance, |peer| peer.deaf.store(true, Relaxed));
    }

    /// Ends both; only of what it knew it is told that it is over.
    pub(super) fn mend(&self, instance: u64) {
        let now = self.time.passed();
        self.with(instance, |peer| {
            peer.deaf.store(false, Relaxed);
            if peer.is_cut() {
                *peer.link.lock() = Link::Restored(now);
                peer.ears.restored();
            }
        });
    }

    /// A stranger says something in its rooms.
    pub(super) fn hint(&self, instance: u64) {
        self.with(instance, |peer| peer.ears.hint());
    }

    pub(super) fn link(&self, instance: u64) -> Link {
        let peers = self.peers.lock();
        peers
            .get(&instance)
            .map_or(Link::New, |peer| *peer.link.lock())
    }

    fn with(&self, instance: u64, act: impl FnOnce(&Peer)) {
        if let Some(peer) = self.peers.lock().get(&instance) {
            act(peer);
        }
    }

    /// Sends `message` to every subscriber, the sender included.
    fn send(self: &Arc<Self>, from: u64, channel: &RoomChannel, message: &Entry) {
        let weather = *self.weather.lock();
        let peers = self.peers.lock().clone();
        for (to, peer) in peers {
            let heard = [from, to, message.id.get() as u64];
            let chance = |what| [what, heard[0], heard[1], heard[2]];
            if self.dice.percent(weather.lost, &chance(1)) {
                continue;
            }
            let twice = self.dice.percent(weather.repeated, &chance(2));
            for copy in 0..=u64::from(twice) {
                let late = self.dice.span(weather.late, &chance(3 + copy));
                let arrives = self.time.sleep(late);
                let (peer, channel) = (peer.clone(), channel.clone());
                let message = message.clone();
                tokio::spawn(async move {
                    arrives.await;
                    if peer.is_reached() && peer.subscribed.lock().contains(&channel) {
                        let said = Said {
                            what: message,
                            lineage: None,
                        };
                        peer.ears.hear(BusEvent::Entry(channel, said));
                    }
                });
            }
        }
    }
}

/// The bus as one run of an instance has it.
pub(super) struct Socket {
    network: Arc<Network>,
    instance: u64,
    peer: Arc<Peer>,
}

impl Bus for Socket {
    fn publish(&self, to: &RoomChannel, messages: &[Entry], _: Option<&Lineage>) {
        if self.peer.is_reached() {
            for message in messages {
                self.network.send(self.instance, to, message);
            }
        }
    }

    fn subscribe(&self, to: &RoomChannel) {
        self.peer.subscribed.lock().push(to.clone());
    }

    fn unsubscribe(&self, to: &RoomChannel) {
        self.peer.subscribed.lock().retain(|other| other != to);
    }

    fn tell(&self, _: &[Told], _: Option<&Lineage>) {}

    fn tell_rights(&self) {}

    fn headcount(&self, _: u64) {}

    fn trust(&self, _: Key) {}

    fn state(&self) -> BusState {
        if self.peer.is_cut() {
            BusState::Disconnected
        } else {
            BusState::Connected
        }
    }

    fn backlog(&self) -> Backlog {
        Backlog::default()
    }
}
