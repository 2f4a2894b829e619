//! A session: one person, over one connection or, with a secret to show, over many.
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::bucket::Bucket;
use super::limits::Limiter;
use super::push_tight;
use super::rights::Stood;
use super::warrant::Warrant;
use crate::model::{
    Nickname, Role, RoomId, RoomKey, RoomName, RoomRef, SessionId, SessionKey, TransportKind,
    UserKey,
};
use crate::store::{Account, Naming};

/// Alerts that may wait for a session beside what it reads.
const MOST_ALERTS: usize = 16;

/// What a session alone is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Alert {
    /// Its nickname became another session's while this server was away.
    NicknameLost { before: Nickname, now: Nickname },
    /// A room that it was in is gone.
    RoomGone { room: RoomName },
}

/// Rooms of which a session keeps how it stands to them.
const MOST_STOOD: usize = 128;

/// The account that a session is logged in to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoggedIn {
    pub user: UserKey,
    /// In the first workspace, if it is a member of that.
    pub role: Option<Role>,
}

/// A client, here: its name, its rooms, its rights. What others need to know of it is in the store.
#[derive(Debug)]
pub struct Session {
    /// None where each request shows a token instead.
    id: Option<SessionId>,
    key: SessionKey,
    /// A token caps what it may do: then `state` says how far.
    capped: AtomicBool,
    end: Notify,
    /// How many alerts it was told, ever.
    told: AtomicU64,
    pub(super) state: Mutex<State>,
}

/// How far a session has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    /// It has begun, and that was all.
    Begun,
    Used,
    Over,
}

/// What the store knows of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InStore {
    /// That it is online, and in which rooms.
    Online,
    /// That it is not, or nothing.
    Away,
}

impl InStore {
    pub(super) fn online_if(online: bool) -> Self {
        if online { Self::Online } else { Self::Away }
    }
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) transport: TransportKind,
    pub(super) nickname: Nickname,
    pub(super) user: Option<UserKey>,
    pub(super) naming: Naming,
    pub(super) account: Option<LoggedIn>,
    warrant: Option<Arc<Warrant>>,
    /// Its nickname is becoming its account's.
    pub(super) registers: bool,
    /// How it stands to rooms, as it was read last.
    stood: Vec<(RoomKey, Arc<Stood>)>,
    pub(super) rooms: Vec<RoomRef>,
    pub(super) current: Option<RoomRef>,
    pub(super) messages: Bucket,
    pub(super) requests: Bucket,
    pub(super) last_used: Instant,
    pub(super) last_touched: Instant,
    pub(super) in_store: InStore,
    life: Life,
    /// The signals of its connections.
    attached: Vec<Arc<Notify>>,
    /// The last that it was told.
    alerts: VecDeque<Alert>,
    /// How many alerts some connection has been given.
    heard: u64,
}

impl Session {
    pub(super) fn new(
        id: SessionId,
        transport: TransportKind,
        nickname: Nickname,
        naming: Naming,
        limiter: &Limiter,
        now: Instant,
    ) -> Self {
        Self {
            key: id.key(),
            id: Some(id),
            capped: AtomicBool::new(false),
            end: Notify::new(),
            told: AtomicU64::new(0),
            state: Mutex::new(State {
                transport,
                nickname,
                user: None,
                naming,
                account: None,
                warrant: None,
                registers: false,
                stood: Vec::new(),
                rooms: Vec::new(),
                current: None,
                messages: Bucket::full(limiter.messages(), now),
                requests: Bucket::full(limiter.requests(), now),
                last_used: now,
                last_touched: now,
                in_store: InStore::Online,
                life: Life::Begun,
                attached: Vec::new(),
                alerts: VecDeque::new(),
                heard: 0,
            }),
        }
    }

    /// The same, which is known by that key and no secret.
    pub(super) fn known_by(self, key: SessionKey) -> Self {
        let id = None;
        Self { id, key, ..self }
    }

    /// The secret that the client is given; it is for no other. None where a token stands for it.
    pub fn id(&self) -> Option<&SessionId> {
        self.id.as_ref()
    }

    /// It does from now on what that token lets it do, or all again.
    pub(super) fn cap(&self, warrant: Option<Arc<Warrant>>) {
        let mut state = self.state.lock();
        self.capped.store(warrant.is_some(), Relaxed);
        state.warrant = warrant;
    }

    pub(super) fn warrant(&self) -> Option<Arc<Warrant>> {
        // Nearly always there is none, and then nothing is locked.
        let capped = self.capped.load(Relaxed);
        capped.then(|| self.state.lock().warrant.clone()).flatten()
    }

    /// Until when the token holds that it was opened by.
    pub fn expires_at(&self) -> Option<DateTime<Utc>> {
        self.warrant()?.expires_at
    }

    pub fn key(&self) -> &SessionKey {
        &self.key
    }

    pub fn transport(&self) -> TransportKind {
        self.state.lock().transport
    }

    pub fn nickname(&self) -> Nickname {
        self.state.lock().nickname.clone()
    }

    pub fn user(&self) -> Option<UserKey> {
        self.state.lock().user
    }

    /// The account that it is logged in to.
    pub fn account(&self) -> Option<LoggedIn> {
        self.state.lock().account
    }

    /// Its account may have another role than it had.
    pub(super) fn take_role(&self, account: &Account) {
        if let Some(known) = &mut self.state.lock().account {
            known.role = account.role;
        }
    }

    /// How it stands to a room, where that is kept.
    pub(super) fn stood(&self, room: RoomKey) -> Option<Arc<Stood>> {
        let state = self.state.lock();
        let kept = state.stood.iter().find(|(known, _)| *known == room);
        kept.map(|(_, stood)| stood.clone())
    }

    /// Keeps how it stands to a room, as it was read for `user`, which it may not be any more.
    pub(super) fn keep_stood(&self, user: Option<UserKey>, room: RoomKey, stood: Arc<Stood>) {
        let mut state = self.state.lock();
        if state.user != user {
            return;
        }
        state.stood.retain(|(known, _)| *known != room);
        if state.stood.len() >= MOST_STOOD {
            state.stood.remove(0);
        }
        push_tight(&mut state.stood, (room, stood));
    }

    /// What is kept of that room, or of all, holds no more.
    pub(super) fn forget_stood(&self, room: Option<RoomId>) {
        let mut state = self.state.lock();
        match room {
            Some(room) => state.stood.retain(|(known, _)| known.id != room),
            None => state.stood = Vec::new(),
        }
    }

    pub(super) fn naming(&self) -> Naming {
        self.state.lock().naming
    }

    /// The room that plain lines go to.
    pub fn current(&self) -> Option<RoomRef> {
        self.state.lock().current.clone()
    }

    pub fn rooms(&self) -> Vec<RoomRef> {
        self.state.lock().rooms.clone()
    }

    /// It is in that room no more.
    pub(super) fn lose(&self, room: &RoomRef) {
        let mut state = self.state.lock();
        state.rooms.retain(|known| known.key != room.key);
        let current = state.current.as_ref();
        if current.is_some_and(|current| current.key == room.key) {
            state.current = state.rooms.last().cloned();
        }
    }

    /// Whether the store knows that it is online.
    pub(super) fn is_online(&self) -> bool {
        self.state.lock().in_store == InStore::Online
    }

    /// It is online no longer, as far as the store knows; whether it was.
    pub(super) fn goes_away(&self) -> bool {
        std::mem::replace(&mut self.state.lock().in_store, InStore::Away) == InStore::Online
    }

    /// Whether it may be used through any instance, by its secret.
    pub(super) fn is_anywhere(&self) -> bool {
        self.transport() != TransportKind::Tcp
    }

    /// Whether it is used by requests, between which its nickname may become free.
    pub(super) fn comes_and_goes(&self) -> bool {
        self.transport() == TransportKind::Http
    }

    pub(super) fn is_in(&self, room: &RoomRef) -> bool {
        self.state.lock().rooms.iter().any(|r| r.key == room.key)
    }

    /// Tells the session alone, on each of its connections, beside what its rooms say.
    pub(super) fn tell(&self, alert: Alert) {
        let mut state = self.state.lock();
        if state.alerts.len() == MOST_ALERTS {
            state.alerts.pop_front();
        }
        state.alerts.push_back(alert);
        self.told.fetch_add(1, Relaxed);
        state.attached.iter().for_each(|signal| signal.notify_one());
    }

    /// The session is over for every holder.
    pub(super) fn end(&self) {
        let mut state = self.state.lock();
        state.life = Life::Over;
        // A line connection looks whether it has, when it is woken.
        state.attached.iter().for_each(|signal| signal.notify_one());
        drop(state);
        self.end.notify_waiters();
    }

    pub fn has_ended(&self) -> bool {
        self.state.lock().has_ended()
    }

    /// Whether it is its account's, and not over.
    pub(super) fn is_logged_in(&self) -> bool {
        let state = self.state.lock();
        state.account.is_some() && !state.has_ended()
    }

    /// Waits until the session is over, as when it was disconnected from elsewhere.
    pub async fn ended(&self) {
        let end = self.end.notified();
        // Registered before the look, so that no end falls between the two.
        let mut end = std::pin::pin!(end);
        end.as_mut().enable();
        if !self.has_ended() {
            end.await;
        }
    }

    /// Counts a connection or stream for as long as the value lives. It is woken by `signal` when
    /// the session is told something.
    pub fn attach(self: &Arc<Self>, signal: Arc<Notify>) -> Attached {
        self.use_it();
        let mut state = self.state.lock();
        push_tight(&mut state.attached, signal.clone());
        Attached {
            session: self.clone(),
            signal,
            heard: state.heard,
        }
    }

    pub(super) fn is_unused(&self) -> bool {
        self.state.lock().life == Life::Begun
    }

    pub(super) fn use_it(&self) {
        let mut state = self.state.lock();
        if state.life == Life::Begun {
            state.life = Life::Used;
        }
    }

    pub(super) fn is_attached(&self) -> bool {
        !self.state.lock().attached.is_empty()
    }

    /// Notes that the session is used. True if the store should hear of it again.
    pub(super) fn mark_used(&self, now: Instant, touch_after: Duration) -> bool {
        let mut state = self.state.lock();
        state.last_used = now;
        let due = now.duration_since(state.last_touched) >= touch_after;
        if due {
            state.last_touched = now;
        }
        due
    }
}

impl State {
    /// It is that user from now on: what was kept of rooms was another's.
    pub(super) fn is_user(&mut self, user: Option<UserKey>) {
        if self.user != user {
            self.stood = Vec::new();
        }
        self.user = user;
    }

    /// It is that user, logged in to that account or to none.
    pub(super) fn becomes(&mut self, user: Option<UserKey>, account: Option<LoggedIn>) {
        if self.account != account {
            self.stood = Vec::new();
        }
        self.account = account;
        self.is_user(user);
    }

    pub(super) fn has_ended(&self) -> bool {
        self.life == Life::Over
    }

    /// The token that caps it.
    pub(super) fn token(&self) -> Option<i64> {
        Some(self.warrant.as_ref()?.token)
    }
}

/// A live connection or stream of a session.
#[derive(Debug)]
pub struct Attached {
    session: Arc<Session>,
    signal: Arc<Notify>,
    /// How many of the session's alerts it has been given, or were given before it came.
    heard: u64,
}

impl Attached {
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    pub fn signal(&self) -> &Arc<Notify> {
        &self.signal
    }

    /// The next alert that this connection was not given yet.
    pub fn next_alert(&mut self) -> Option<Alert> {
        // Nearly always there is none, and then nothing is locked.
        if self.heard == self.session.told.load(Relaxed) {
            return None;
        }
        let mut state = self.session.state.lock();
        let oldest = self.session.told.load(Relaxed) - state.alerts.len() as u64;
        let at = self.heard.max(oldest);
        let alert = state.alerts.get((at - oldest) as usize).cloned()?;
        self.heard = at + 1;
        state.heard = state.heard.max(self.heard);
        Some(alert)
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let mut state = self.session.state.lock();
        let mine = |signal: &Arc<Notify>| Arc::ptr_eq(signal, &self.signal);
        if let Some(at) = state.attached.iter().position(mine) {
            state.attached.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, ManualClock};

    fn alert(n: usize) -> Alert {
        let room = RoomName::stored(&n.to_string());
        Alert::RoomGone { room }
    }

    fn session() -> Arc<Session> {
        let now = ManualClock::default().now();
        let limiter = Limiter::for_tests(now);
        let nickname = Nickname::stored("alice");
        let (kind, naming) = (TransportKind::Http, Naming::Chosen);
        Session::new(SessionId::random(), kind, nickname, naming, &limiter, now).into()
    }

    #[test]
    fn each_connection_is_told_and_one_that_comes_later_is_not() {
        let session = session();
        let (mut one, mut other) = (
            session.attach(Arc::default()),
            session.attach(Arc::default()),
        );
        assert_eq!(one.next_alert(), None);
        session.tell(alert(1));
        for connection in [&mut one, &mut other] {
            assert_eq!(connection.next_alert(), Some(alert(1)));
            assert_eq!(connection.next_alert(), None);
        }
        assert_eq!(session.attach(Arc::default()).next_alert(), None);
        drop((one, other));
        assert!(!session.is_attached());
        // What was told while no connection was there is for the next that comes.
        (2..100).for_each(|n| session.tell(alert(n)));
        let mut late = session.attach(Arc::default());
        let told: Vec<Alert> = std::iter::from_fn(|| late.next_alert()).collect();
        assert_eq!(
            told,
            (100 - MOST_ALERTS..100).map(alert).collect::<Vec<_>>()
        );
    }
}
