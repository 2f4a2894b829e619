//! Who may ask for how much: buckets of sessions and of addresses, filled by the minute.
//!
//! A session alone would not bound anything, since another is begun in a moment; so the address
//! that it comes from is counted too, for all its sessions together.
mod cost;
mod live;

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::bucket::{Bucket, Rate};
use super::{Actor, Chat, ChatError, Limited};
use crate::meter::Meters;
use crate::model::{Network, Peer, client_network};
pub use cost::Cost;
use live::Live;

/// Addresses that are known by themselves. Beyond, neighbours share a bucket.
pub const MOST_ADDRESSES: usize = 65_536;
/// Buckets that neighbours share; where one of them is emptied, those of other networks go on.
const SHARED: usize = 256;
/// Known addresses are looked through no more often than this while there are too many.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Before so many are known nothing needs to be looked through.
const FEW: usize = 1_024;
/// An address may have so many times what a session may have.
const SESSIONS: u32 = 10;

/// What is asked of sessions and addresses, as configured; a rate of 0 is no limit.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Characters in a message.
    pub message_chars: usize,
    /// Sessions that may be known here at once.
    pub sessions: usize,
    /// Rooms there may be, and how many of them one user may create in a day.
    pub rooms: u64,
    pub rooms_per_user_per_day: u64,
    pub messages_per_minute: u32,
    /// Messages that may come at once before that limit is felt.
    pub burst: u32,
    pub requests_per_minute: u32,
    pub new_sessions_per_minute: u32,
    /// Addresses that are not counted.
    pub uncounted: Vec<Network>,
    /// Every listener is on loopback, and so is every client: none there is a stranger.
    pub loopback_only: bool,
}

impl Limits {
    fn messages(&self) -> Rate {
        Rate::new(self.messages_per_minute, self.burst)
    }

    /// A minute's worth may come at once, and the dearest request always.
    fn requests(&self) -> Rate {
        let per_minute = self.requests_per_minute;
        Rate::new(per_minute, per_minute.max(Cost::SHOWN.units()))
    }

    fn begun(&self) -> Rate {
        Rate::new(self.new_sessions_per_minute, self.new_sessions_per_minute)
    }
}

/// Where a request comes from: the other end, and its address's buckets where it is counted.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    peer: Peer,
    counted: Option<Arc<Address>>,
    dues: Dues,
}

/// Whether an address still has to pay for what is asked from it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Dues {
    #[default]
    Owed,
    Paid,
}

impl Origin {
    /// The client's end, by which it is told whether what it says is private.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The same, where the request was paid for.
    pub(super) fn paid(self) -> Self {
        let dues = Dues::Paid;
        Self { dues, ..self }
    }

    /// Whether it has limits at all.
    pub fn is_counted(&self) -> bool {
        self.counted.is_some()
    }

    /// The network that stands for it where one person is told from another by that alone.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.counted.as_ref()?;
        let address = self.peer.address?.ip().to_canonical();
        Some(client_network(address))
    }

    /// Counts an open connection for as long as the value lives; `None` where its address has
    /// `most` already.
    pub fn enter(&self, most: usize) -> Option<Entered> {
        if let Some(address) = &self.counted {
            let count = address.connections.fetch_add(1, Relaxed);
            if count >= most {
                address.connections.fetch_sub(1, Relaxed);
                return None;
            }
        }
        Some(Entered(self.clone()))
    }
}

/// An open connection of an address.
#[derive(Debug)]
pub struct Entered(Origin);

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some(address) = &self.0.counted {
            address.connections.fetch_sub(1, Relaxed);
        }
    }
}

#[derive(Debug)]
struct Address {
    buckets: Mutex<Buckets>,
    connections: AtomicUsize,
}

#[derive(Debug)]
struct Buckets {
    requests: Bucket,
    messages: Bucket,
    sessions: Bucket,
}

/// The addresses that something was heard of lately.
#[derive(Debug)]
pub(super) struct Limiter {
    live: Live,
    uncounted: Vec<Network>,
    loopback_only: bool,
    meters: Arc<Meters>,
    known: Mutex<Known>,
    shared: Box<[Arc<Address>]>,
    hash: RandomState,
}

#[derive(Debug)]
struct Known {
    addresses: HashMap<IpAddr, Arc<Address>>,
    /// They are looked through when there are so many.
    sweep_at: usize,
    swept: Instant,
}

impl Limiter {
    pub(super) fn new(limits: Limits, meters: Arc<Meters>, now: Instant) -> Self {
        let live = Live::of(&limits);
        let shared = (0..SHARED).map(|_| Arc::new(Address::new(&live, now)));
        Self {
            shared: shared.collect(),
            live,
            uncounted: limits.uncounted,
            loopback_only: limits.loopback_only,
            meters,
            known: Mutex::new(Known {
                addresses: HashMap::new(),
                sweep_at: FEW,
                swept: now,
            }),
            hash: RandomState::new(),
        }
    }

    #[cfg(test)]
    pub(super) fn for_tests(now: Instant) -> Self {
        Self::new(tests::limits(), Arc::default(), now)
    }

    /// Holds all clients to other limits from now on. Which addresses are counted stays as it is.
    pub(super) fn set(&self, limits: &Limits) {
        self.live.set(limits);
    }

    pub(super) fn live(&self) -> &Live {
        &self.live
    }

    pub(super) fn messages(&self) -> Rate {
        self.live.messages()
    }

    pub(super) fn requests(&self) -> Rate {
        self.live.requests()
    }

    /// Whom a connection or request of `peer` is counted for.
    fn origin(&self, peer: Peer, now: Instant) -> Origin {
        Origin {
            peer,
            counted: self.counted(peer, now),
            dues: Dues::Owed,
        }
    }

    fn counted(&self, peer: Peer, now: Instant) -> Option<Arc<Address>> {
        let address = peer.address?.ip().to_canonical();
        let at_home = self.loopback_only && address.is_loopback();
        if at_home || self.uncounted.iter().any(|n| n.contains(address)) {
            return None;
        }
        let network = client_network(address);
        let mut known = self.known.lock();
        if let Some(address) = known.addresses.get(&network) {
            return Some(address.clone());
        }
        if !known.has_place(&self.live, now) {
            return Some(self.shared[self.shared_by(network)].clone());
        }
        let address = Arc::new(Address::new(&self.live, now));
        known.addresses.insert(network, address.clone());
        self.meters.addresses.set(known.addresses.len() as i64);
        Some(address)
    }

    /// Which bucket the neighbours of a network share.
    fn shared_by(&self, network: IpAddr) -> usize {
        let neighbours = match network {
            IpAddr::V4(v4) => v4.octets()[..2].to_vec(),
            IpAddr::V6(v6) => v6.octets()[..4].to_vec(),
        };
        (self.hash.hash_one(neighbours) % SHARED as u64) as usize
    }
}

impl Known {
    /// Whether one more may be known, after those were forgotten of whom nothing need be known:
    /// none is forgotten that has used up anything, so to be many does not help.
    fn has_place(&mut self, limits: &Live, now: Instant) -> bool {
        let full = self.addresses.len() >= MOST_ADDRESSES;
        let due = !full || now.saturating_duration_since(self.swept) >= SWEEP_EVERY;
        if self.addresses.len() >= self.sweep_at && due {
            self.swept = now;
            self.addresses
                .retain(|_, one| Arc::strong_count(one) > 1 || !one.is_at_rest(limits, now));
            self.sweep_at = (2 * self.addresses.len()).clamp(FEW, MOST_ADDRESSES);
        }
        self.addresses.len() < MOST_ADDRESSES
    }
}

impl Address {
    fn new(limits: &Live, now: Instant) -> Self {
        let of = |rate: Rate| Bucket::full(rate.times(SESSIONS), now);
        Self {
            buckets: Mutex::new(Buckets {
                requests: of(limits.requests()),
                messages: of(limits.messages()),
                sessions: Bucket::full(limits.begun(), now),
            }),
            connections: AtomicUsize::new(0),
        }
    }

    /// Its buckets are as full as new ones.
    fn is_at_rest(&self, limits: &Live, now: Instant) -> bool {
        let buckets = self.buckets.lock();
        buckets
            .requests
            .is_full(limits.requests().times(SESSIONS), now)
            && buckets
                .messages
                .is_full(limits.messages().times(SESSIONS), now)
            && buckets.sessions.is_full(limits.begun(), now)
    }
}

impl Chat {
    /// Holds all sessions to other limits from now on, those that are there too. Which addresses are
    /// counted stays as it was at the start.
    pub fn set_limits(&self, limits: &Limits) {
        self.limiter.set(limits);
    }

    /// Whom a connection or request of `peer` is counted for.
    pub fn origin(&self, peer: Peer) -> Origin {
        self.limiter.origin(peer, self.clock().now())
    }

    /// Takes what a request costs from its address, and from its session if it has one.
    ///
    /// # Errors
    /// Says when there is enough again.
    pub fn charge(&self, actor: &Actor, cost: Cost) -> Result<(), ChatError> {
        if cost == Cost::FREE {
            return Ok(());
        }
        let cost = cost.units();
        let (now, rate) = (self.clock().now(), self.limiter.requests());
        let of_session = || match actor.session() {
            Some(session) => session.state.lock().requests.take(cost, rate, now),
            None => Ok(()),
        };
        let of_address = || match &actor.origin().counted {
            Some(address) if actor.origin().dues == Dues::Owed => {
                let mut buckets = address.buckets.lock();
                buckets.requests.take(cost, rate.times(SESSIONS), now)
            }
            _ => Ok(()),
        };
        of_session().and_then(|()| of_address()).map_err(|after| {
            self.meters().limited_requests.add(1);
            ChatError::rate_limited(Limited::Requests, after)
        })
    }

    /// Lets a session begin, if its address has not begun too many.
    pub(super) fn admit_session(&self, origin: &Origin) -> Result<(), ChatError> {
        let Some(address) = &origin.counted else {
            return Ok(());
        };
        let (now, rate) = (self.clock().now(), self.limiter.live.begun());
        let taken = address.buckets.lock().sessions.take(1, rate, now);
        taken.map_err(|after| {
            self.meters().limited_sessions.add(1);
            ChatError::rate_limited(Limited::Sessions, after)
        })
    }

    /// Lets a message through, if neither its session nor its address has said too much.
    pub(super) fn admit_message(
        &self,
        origin: &Origin,
        of_session: &mut Bucket,
    ) -> Result<(), ChatError> {
        let (now, rate) = (self.clock().now(), self.limiter.messages());
        let of_address = || match &origin.counted {
            Some(address) => {
                let mut buckets = address.buckets.lock();
                buckets.messages.take(1, rate.times(SESSIONS), now)
            }
            None => Ok(()),
        };
        let taken = of_session.take(1, rate, now).and_then(|()| of_address());
        taken.map_err(|after| {
            self.meters().limited_messages.add(1);
            ChatError::rate_limited(Limited::Messages, after)
        })
    }
}

#[cfg(test)]
mod tests;
