//! A session: one person, over one connection or, with a secret to show, over many.
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::bucket::Bucket;
use super::limits::Limiter;
use crate::model::{Nickname, RoomRef, SessionId, SessionKey, TransportKind, UserId};

/// Lines that may wait for a session beside what it reads.
const MOST_TOLD: usize = 16;

/// Who somebody is, here. What others need to know of it is in the store.
#[derive(Debug)]
pub struct Session {
    id: SessionId,
    key: SessionKey,
    /// Woken when it is told something; a session of one connection reads by it too.
    signal: Arc<Notify>,
    connections: AtomicUsize,
    /// It was used since it began.
    used: AtomicBool,
    ended: AtomicBool,
    end: Notify,
    pub(super) state: Mutex<State>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) transport: TransportKind,
    pub(super) nickname: Nickname,
    pub(super) user: Option<UserId>,
    pub(super) guest: bool,
    pub(super) rooms: Vec<RoomRef>,
    pub(super) current: Option<RoomRef>,
    pub(super) messages: Bucket,
    pub(super) requests: Bucket,
    pub(super) last_used: Instant,
    pub(super) last_touched: Instant,
    /// The store knows that it is online, and in which rooms.
    pub(super) stored: bool,
    pub(super) told: VecDeque<Arc<str>>,
}

impl Session {
    pub(super) fn new(
        id: SessionId,
        transport: TransportKind,
        nickname: Nickname,
        guest: bool,
        limiter: &Limiter,
        now: Instant,
    ) -> Self {
        Self {
            key: id.key(),
            id,
            signal: Arc::default(),
            connections: AtomicUsize::new(0),
            used: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            end: Notify::new(),
            state: Mutex::new(State {
                transport,
                nickname,
                user: None,
                guest,
                rooms: Vec::new(),
                current: None,
                messages: Bucket::full(limiter.messages(), now),
                requests: Bucket::full(limiter.requests(), now),
                last_used: now,
                last_touched: now,
                stored: true,
                told: VecDeque::new(),
            }),
        }
    }

    /// The secret that the client is given; it is for nobody else.
    pub fn id(&self) -> &SessionId {
        &self.id
    }

    pub fn key(&self) -> &SessionKey {
        &self.key
    }

    pub fn transport(&self) -> TransportKind {
        self.state.lock().transport
    }

    pub fn signal(&self) -> &Arc<Notify> {
        &self.signal
    }

    pub fn nickname(&self) -> Nickname {
        self.state.lock().nickname.clone()
    }

    pub fn user(&self) -> Option<UserId> {
        self.state.lock().user
    }

    /// The room that plain lines go to.
    pub fn current(&self) -> Option<RoomRef> {
        self.state.lock().current.clone()
    }

    pub fn rooms(&self) -> Vec<RoomRef> {
        self.state.lock().rooms.clone()
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
        self.state.lock().rooms.iter().any(|r| r.id == room.id)
    }

    /// Puts a line before the person, beside what their rooms say.
    pub(super) fn tell(&self, text: impl Into<Arc<str>>) {
        let mut state = self.state.lock();
        if state.told.len() < MOST_TOLD {
            state.told.push_back(text.into());
        }
        self.signal.notify_one();
    }

    /// The next line that it was told.
    pub fn told(&self) -> Option<Arc<str>> {
        self.state.lock().told.pop_front()
    }

    /// Over, for everyone who still holds it.
    pub(super) fn end(&self) {
        self.ended.store(true, Relaxed);
        self.end.notify_waiters();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Relaxed)
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

    /// Counts a connection or stream for as long as the value lives.
    pub fn attach(self: &Arc<Self>) -> Attached {
        self.used.store(true, Relaxed);
        self.connections.fetch_add(1, Relaxed);
        Attached(self.clone())
    }

    /// It was begun, and that was all.
    pub(super) fn is_unused(&self) -> bool {
        !self.used.load(Relaxed) && !self.is_attached()
    }

    pub(super) fn use_it(&self) {
        self.used.store(true, Relaxed);
    }

    pub(super) fn is_attached(&self) -> bool {
        self.connections.load(Relaxed) > 0
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

/// A live connection or stream of a session.
#[derive(Debug)]
pub struct Attached(Arc<Session>);

impl Drop for Attached {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Relaxed);
    }
}
