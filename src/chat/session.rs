//! A session: one person, over one connection or, with a secret to show, over many.
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::attached::{Alert, ReadTo};
use super::bucket::Bucket;
use super::direct::{Followed, Following};
use super::limits::Limiter;
use super::push_tight;
use super::rights::Stood;
use super::warrant::Warrant;
use crate::model::{
    Nickname, Role, RoomId, RoomKey, RoomRef, SessionId, SessionKey, TransportKind, UserKey,
};
use crate::store::{Account, Naming};

/// Rooms of which a session keeps how it stands to them.
const MOST_STOOD: usize = 128;

/// The account that a session is logged in to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedIn {
    pub user: UserKey,
    /// Shown beside its nickname.
    pub display_name: Option<Arc<str>>,
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
    pub(super) told: AtomicU64,
    /// How often what it follows has changed.
    follows: AtomicU64,
    /// How often it was told how far its account has read.
    pub(super) read: AtomicU64,
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
    /// The direct rooms of its account.
    pub(super) following: Following,
    pub(super) messages: Bucket,
    pub(super) requests: Bucket,
    pub(super) last_used: Instant,
    pub(super) last_touched: Instant,
    pub(super) in_store: InStore,
    life: Life,
    /// The signals of its connections.
    pub(super) attached: Vec<Arc<Notify>>,
    /// The last that it was told.
    pub(super) alerts: VecDeque<Alert>,
    /// How many alerts some connection has been given.
    pub(super) heard: u64,
    /// How far its account has read, as it was told, what was told last at the end.
    pub(super) reads: Vec<ReadTo>,
}

impl LoggedIn {
    pub(super) fn to(account: &Account) -> Self {
        Self {
            user: account.user,
            display_name: account.display_name.as_deref().map(Arc::from),
            role: account.role,
        }
    }
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
            follows: AtomicU64::new(0),
            read: AtomicU64::new(0),
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
                following: Following::default(),
                messages: Bucket::full(limiter.messages(), now),
                requests: Bucket::full(limiter.requests(), now),
                last_used: now,
                last_touched: now,
                in_store: InStore::Online,
                life: Life::Begun,
                attached: Vec::new(),
                alerts: VecDeque::new(),
                heard: 0,
                reads: Vec::new(),
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
        self.state.lock().account.clone()
    }

    /// What it is where a room says nothing else.
    pub fn role(&self) -> Role {
        // An account that is in other workspaces only is asked of there.
        let of_account = |of: &LoggedIn| of.role.unwrap_or(Role::Member);
        let state = self.state.lock();
        state.account.as_ref().map_or(Role::Guest, of_account)
    }

    /// Its account may have another role and display name than it had.
    pub(super) fn take_role(&self, account: &Account) {
        if let Some(known) = &mut self.state.lock().account {
            *known = LoggedIn::to(account);
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

    /// Changes what it follows, for as long as it is that user's; its connections look again if `change`
    /// says that something did.
    pub(super) fn follow(&self, user: UserKey, change: impl FnOnce(&mut Following) -> bool) {
        let mut state = self.state.lock();
        if state.user == Some(user) && change(&mut state.following) {
            self.follows.store(state.following.change(), Relaxed);
            state.attached.iter().for_each(|signal| signal.notify_one());
        }
    }

    /// How often what it follows has changed; cheap.
    pub(super) fn follows(&self) -> u64 {
        self.follows.load(Relaxed)
    }

    /// The direct rooms that its connections read.
    pub(super) fn followed(&self) -> Vec<Followed> {
        self.state.lock().following.rooms.clone()
    }

    /// The room with that id that it is in or follows.
    pub(super) fn reads(&self, room: RoomId) -> Option<RoomRef> {
        let state = self.state.lock();
        let followed = state.following.rooms.iter().map(|followed| &followed.room);
        let mut all = state.rooms.iter().chain(followed);
        all.find(|known| known.key.id == room).cloned()
    }

    /// Plain lines go to that room, if it is one that it reads.
    pub(super) fn be_in(&self, room: Option<RoomId>) {
        let room = room.and_then(|room| self.reads(room));
        if room.is_some() {
            self.state.lock().current = room;
        }
    }

    /// It follows nothing any more; what it did.
    pub(super) fn follow_nothing(&self) -> Vec<RoomRef> {
        let mut state = self.state.lock();
        let rooms = state.following.forget();
        self.follows.store(state.following.change(), Relaxed);
        rooms
    }

    /// It is in that room no more.
    pub(super) fn lose(&self, room: &RoomRef) {
        let mut state = self.state.lock();
        state.rooms.retain(|known| known.key != room.key);
        let followed = &mut state.following.rooms;
        followed.retain(|followed| followed.room.key != room.key);
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

    pub(super) fn is_unused(&self) -> bool {
        self.state.lock().life == Life::Begun
    }

    pub(super) fn use_it(&self) {
        let mut state = self.state.lock();
        if state.life == Life::Begun {
            state.life = Life::Used;
        }
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
