//! The open connections, as an operator sees and ends them: a few words for each.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{Actor, Chat, HoldStill, Origin, Session};
use crate::meter::{Gauge, Meters};
use crate::model::{ConnectionId, Nickname, Peer, RoomId, RoomKey, Seq, TransportKind};

named! {
    /// What a connection is made of; unlike a session, it has one and keeps it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Through {
        Lines => "tcp",
        Events => "sse",
        WebSocket => "websocket",
    }
}

impl Through {
    fn transport(self) -> TransportKind {
        match self {
            Self::Lines => TransportKind::Tcp,
            Self::Events => TransportKind::Http,
            Self::WebSocket => TransportKind::WebSocket,
        }
    }

    fn gauge(self, meters: &Meters) -> &Gauge {
        match self {
            Self::Lines => &meters.tcp,
            Self::Events => &meters.sse,
            Self::WebSocket => &meters.websocket,
        }
    }
}

/// What a connection is told to do.
#[derive(Debug)]
pub enum Order {
    /// End, with a word that an operator wants it.
    Close,
    /// End, since the token has expired that it was opened by.
    Expire,
    /// Hold still, so that another process may go on with it: for lines only.
    HoldStill(HoldStill),
}

/// Every open connection, by number, and so by age.
#[derive(Debug, Default)]
pub struct Connections {
    last: AtomicU64,
    open: Mutex<BTreeMap<ConnectionId, Arc<Link>>>,
    /// Those that were opened by a token which expires, and when.
    expiring: Mutex<BTreeMap<ConnectionId, DateTime<Utc>>>,
}

impl Connections {
    pub fn count(&self) -> usize {
        self.open.lock().len()
    }

    /// The oldest of them, not more than `most`.
    pub fn oldest(&self, most: usize) -> Vec<Arc<Link>> {
        self.open.lock().values().take(most).cloned().collect()
    }

    /// Those that can be given to another process.
    pub fn lines(&self) -> Vec<Arc<Link>> {
        let open = self.open.lock();
        let lines = open.values().filter(|link| link.through == Through::Lines);
        lines.cloned().collect()
    }

    /// What these sessions read of a room is to end.
    pub(super) fn forbid(&self, room: RoomId, sessions: &[Arc<Session>]) {
        for link in self.open.lock().values() {
            let session = link.session();
            let theirs = sessions
                .iter()
                .any(|s| session.is_some_and(|of| Arc::ptr_eq(of, s)));
            let reads = || link.places.lock().iter().any(|(known, _)| known.id == room);
            if theirs && reads() {
                link.forbidden.lock().push(room);
            }
        }
    }

    /// Ends those of which the token has expired.
    pub(super) fn expire(&self, now: DateTime<Utc>) {
        let mut due = Vec::new();
        self.expiring.lock().retain(|id, until| {
            let over = *until <= now;
            if over {
                due.push(*id);
            }
            !over
        });
        for link in due.into_iter().filter_map(|id| self.get(id)) {
            link.order(Order::Expire);
        }
    }

    /// The tokens that connections are open by.
    pub(super) fn tokens(&self) -> BTreeSet<i64> {
        let open = self.open.lock();
        let sessions = open.values().filter_map(|link| link.session());
        let tokens = sessions.filter_map(|session| session.warrant());
        tokens.map(|warrant| warrant.token).collect()
    }

    pub fn get(&self, id: ConnectionId) -> Option<Arc<Link>> {
        self.open.lock().get(&id).cloned()
    }
}

/// One connection, as others know it.
#[derive(Debug)]
pub struct Link {
    pub id: ConnectionId,
    pub through: Through,
    /// The client's end, and the address that pays for it.
    pub origin: Origin,
    pub since: DateTime<Utc>,
    session: OnceLock<Arc<Session>>,
    /// What it was to be given next in each room, when it last stopped to wait.
    places: Mutex<Vec<(RoomKey, Seq)>>,
    waiting: AtomicUsize,
    order: Mutex<Option<Order>>,
    ordered: Notify,
    /// Rooms of which its reading is to end, though it might begin anew.
    forbidden: Mutex<Vec<RoomId>>,
}

impl Link {
    pub fn session(&self) -> Option<&Arc<Session>> {
        self.session.get()
    }

    /// The connection is this session's from now on.
    pub fn belongs_to(&self, session: &Arc<Session>) {
        let _ = self.session.set(session.clone());
    }

    /// Bytes for it that its socket would not take.
    pub fn bytes_waiting(&self) -> u64 {
        self.waiting.load(Relaxed) as u64
    }

    /// Lets others know how many that are.
    pub fn holds(&self, bytes: usize) {
        self.waiting.store(bytes, Relaxed);
    }

    /// Tells it to do something.
    pub fn order(&self, order: Order) {
        let mut pending = self.order.lock();
        // To end is the last word.
        if !matches!(*pending, Some(Order::Close | Order::Expire)) {
            *pending = Some(order);
        }
        drop(pending);
        self.ordered.notify_one();
    }

    /// Waits until it is told something; may be dropped and asked again.
    pub async fn ordered(&self) -> Order {
        loop {
            self.ordered.notified().await;
            if let Some(order) = self.order.lock().take() {
                return order;
            }
        }
    }

    /// The rooms of which its reading is to end, said once.
    pub(super) fn take_forbidden(&self) -> Vec<RoomId> {
        std::mem::take(&mut self.forbidden.lock())
    }

    pub(super) fn stands_at(&self, places: impl ExactSizeIterator<Item = (RoomKey, Seq)>) {
        let mut known = self.places.lock();
        known.clear();
        // Most are in one room; a vector would make place for four.
        known.reserve_exact(places.len());
        known.extend(places);
    }
}

/// Holds a connection's place in the list, and in the count of its kind, while it is open.
#[derive(Debug)]
pub struct Open {
    chat: Arc<Chat>,
    link: Arc<Link>,
}

impl Open {
    pub fn new(chat: &Arc<Chat>, through: Through, peer: Peer) -> Self {
        let before = chat.connections.last.fetch_add(1, Relaxed);
        let id = ConnectionId::new(before + 1);
        Self::again(chat, id, chat.clock().utc(), through, peer)
    }

    /// A connection that has a number and an age already, from another process.
    pub fn again(
        chat: &Arc<Chat>,
        id: ConnectionId,
        since: DateTime<Utc>,
        through: Through,
        peer: Peer,
    ) -> Self {
        let connections = &chat.connections;
        connections.last.fetch_max(id.get(), Relaxed);
        let link = Arc::new(Link {
            id,
            through,
            origin: chat.origin(peer),
            since,
            session: OnceLock::new(),
            places: Mutex::default(),
            waiting: AtomicUsize::new(0),
            order: Mutex::default(),
            ordered: Notify::new(),
            forbidden: Mutex::default(),
        });
        connections.open.lock().insert(link.id, link.clone());
        through.gauge(chat.meters()).add(1);
        Self {
            chat: chat.clone(),
            link,
        }
    }

    pub fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// It ends then, with the token that it was opened by.
    pub fn expires(&self, until: Option<DateTime<Utc>>) {
        let mut expiring = self.chat.connections.expiring.lock();
        match until {
            Some(until) => expiring.insert(self.link.id, until),
            None => expiring.remove(&self.link.id),
        };
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.expires(None);
        self.chat.connections.open.lock().remove(&self.link.id);
        self.link.through.gauge(self.chat.meters()).add(-1);
    }
}

impl Chat {
    /// The actor that a connection reads as.
    pub(super) fn reader_of(&self, link: &Link) -> Actor {
        let stranger = Actor::anonymous(link.through.transport(), link.origin.clone());
        match link.session() {
            Some(session) => stranger.with_session(session.clone()),
            None => stranger,
        }
    }

    pub fn connections(&self) -> &Connections {
        &self.connections
    }

    /// The rooms that a connection reads, and how many messages are there that it was not
    /// given yet.
    pub fn standing(&self, link: &Link) -> (Vec<String>, u64) {
        let places = link.places.lock().clone();
        let (mut rooms, mut lag) = (Vec::new(), 0);
        for (room, next) in places {
            if let Some(served) = self.hub.served(room) {
                let last = served.delivered().unwrap_or_default();
                lag += last.next().since(next);
                rooms.push(served.room.name.as_str().to_owned());
            }
        }
        rooms.sort_unstable();
        (rooms, lag)
    }

    /// Ends the session of that nickname here, and what it has open. Returns how many
    /// connections and sessions that were.
    pub async fn evict(&self, nickname: &Nickname) -> (usize, usize) {
        let named = |session: &Arc<Session>| session.nickname() == *nickname;
        let mine = self.presence.sessions().into_iter().filter(named);
        let mine: Vec<Arc<Session>> = mine.collect();
        let open = self.connections.oldest(usize::MAX);
        let of_theirs = |link: &&Arc<Link>| {
            let session = link.session();
            session.is_some_and(|session| mine.iter().any(|one| one.key() == session.key()))
        };
        let links: Vec<&Arc<Link>> = open.iter().filter(of_theirs).collect();
        links.iter().for_each(|link| link.order(Order::Close));
        // A line session ends with its connection; the others are ended here.
        for session in mine.iter().filter(|session| session.is_anywhere()) {
            if let Err(error) = self.disconnect(session).await {
                tracing::debug!(%error, "cannot store that a session was ended");
            }
        }
        (links.len(), mine.len())
    }
}
