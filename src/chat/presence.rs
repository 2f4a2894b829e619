//! Who is here, kept level with the store: heartbeats, sessions that fall idle, and changes
//! written in batches, as messages are.
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use tokio_util::sync::CancellationToken;

use super::session::Session;
use super::{ChatError, Code};
use crate::bus::{Bus, BusState};
use crate::clock::Clock;
use crate::delivery::{Batcher, Hub, Move};
use crate::meter::Meters;
use crate::model::{Nickname, RoomRef, SessionKey, TransportKind};
use crate::store::{Instance, InstanceId, PresenceChange, PresenceOutcome, Store, StoreError};

/// Changes that may wait; whoever has another waits for room.
pub const QUEUE: usize = 4_096;
/// Changes in one transaction.
const BATCH: usize = 512;
/// Between two signs of life; `store::LEASE` allows for three.
const BEAT: Duration = Duration::from_secs(3);
/// An instance that is silent for so long is about to lose its lease: sessions that it entered
/// and that are used here are entered anew in time, before their nicknames are anybody's.
const SILENT: Duration = Duration::from_secs(6);
/// A session without a connection stays online this long after its last use.
const IDLE: Duration = Duration::from_secs(60);
/// And stays in memory this long.
const CACHED: Duration = Duration::from_secs(600);
/// Between two clearances of what has expired.
const EXPIRE_EVERY: Duration = Duration::from_secs(60);

type Outcome = Result<PresenceOutcome, StoreError>;

/// This instance's sessions, and its line to the store about them.
pub struct Presence {
    store: Arc<dyn Store>,
    hub: Arc<Hub>,
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
    meters: Arc<Meters>,
    instance: Instance,
    id: InstanceId,
    /// Whose row changes are entered under: our own, or that of a process which succeeds us.
    enters_as: Arc<AtomicI64>,
    predecessor: Option<InstanceId>,
    session_ttl: Duration,
    sessions: RwLock<HashMap<SessionKey, Arc<Session>>>,
    /// Who was online through the predecessor and was not here yet.
    expected: RwLock<HashMap<SessionKey, Arc<Session>>>,
    changes: Batcher<PresenceChange, Outcome>,
}

impl std::fmt::Debug for Presence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Presence")
            .field("instance", &self.instance)
            .finish_non_exhaustive()
    }
}

/// What presence stands on.
pub struct Base {
    pub store: Arc<dyn Store>,
    pub hub: Arc<Hub>,
    pub bus: Arc<dyn Bus>,
    pub clock: Arc<dyn Clock>,
    pub meters: Arc<Meters>,
    pub session_ttl: Duration,
}

impl Presence {
    /// Enters the instance into the store, beside its `predecessor` if that still serves. The
    /// second value writes changes down until the presence is dropped.
    pub async fn open(
        base: Base,
        instance: Instance,
        predecessor: Option<InstanceId>,
    ) -> Result<(Self, impl Future<Output = ()> + Send), StoreError> {
        let Base {
            store,
            hub,
            bus,
            clock,
            meters,
            session_ttl,
        } = base;
        let id = match predecessor {
            None => store.register(&instance).await?,
            Some(_) => store.register_beside(&instance).await?,
        };
        let enters_as = Arc::new(AtomicI64::new(id));
        let (writer, entering) = (store.clone(), enters_as.clone());
        let (changes, work) = Batcher::new(QUEUE, BATCH, move |batch| {
            let (store, id) = (writer.clone(), entering.load(Relaxed));
            async move {
                let (changes, replies): (Vec<PresenceChange>, Vec<_>) = batch.into_iter().unzip();
                let mut outcomes = store.presence(id, &changes).await.map(Vec::into_iter);
                for reply in replies {
                    let outcome = match &mut outcomes {
                        Ok(outcomes) => Ok(outcomes.next().unwrap_or(PresenceOutcome::Done)),
                        Err(error) => Err(error.clone()),
                    };
                    // Whoever asked may have gone meanwhile.
                    let _ = reply.send(outcome);
                }
            }
        });
        let presence = Self {
            store,
            hub,
            bus,
            clock,
            meters,
            instance,
            id,
            enters_as,
            predecessor,
            session_ttl,
            sessions: RwLock::default(),
            expected: RwLock::default(),
            changes,
        };
        Ok((presence, work))
    }

    pub(super) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    pub(super) fn meters(&self) -> &Arc<Meters> {
        &self.meters
    }

    /// Writes a change down.
    pub(super) async fn change(&self, change: PresenceChange) -> Outcome {
        self.meters.presence_depth.set(self.changes.depth() as i64);
        let stopping = || StoreError::Unavailable("the server is stopping".into());
        self.changes.ask(change).await.ok_or_else(stopping)?
    }

    /// Sessions known here, live or cached.
    pub fn sessions(&self) -> Vec<Arc<Session>> {
        self.sessions.read().values().cloned().collect()
    }

    /// How many they are.
    pub(super) fn count(&self) -> usize {
        self.sessions.read().len()
    }

    pub(super) fn get(&self, key: &SessionKey) -> Option<Arc<Session>> {
        self.sessions.read().get(key).cloned()
    }

    pub(super) fn insert(&self, session: Arc<Session>) -> Arc<Session> {
        let mut sessions = self.sessions.write();
        let known = sessions
            .entry(session.key().clone())
            .or_insert(session)
            .clone();
        self.meters.sessions_known.set(sessions.len() as i64);
        known
    }

    pub(super) fn remove(&self, key: &SessionKey) {
        let mut sessions = self.sessions.write();
        sessions.remove(key);
        self.meters.sessions_known.set(sessions.len() as i64);
    }

    /// Waits for somebody who was online through the predecessor.
    pub(super) fn expect(&self, session: Arc<Session>) {
        let key = session.key().clone();
        self.expected.write().insert(key, session);
    }

    /// They have come, and are known here from now on.
    pub(super) fn has_come(&self, key: &SessionKey) {
        self.expected.write().remove(key);
    }

    /// The row of this process, for its successor's eyes and its predecessor's.
    pub fn id(&self) -> InstanceId {
        self.id
    }

    /// Whoever is online through the predecessor is so through us, in one step.
    pub async fn inherit(&self) -> Result<(), StoreError> {
        let Some(predecessor) = self.predecessor else {
            return Ok(());
        };
        // What is entered under a row without signs of life is anybody's.
        self.store.heartbeat(self.id, &self.instance).await?;
        self.store.move_sessions(predecessor, self.id).await
    }

    /// What is still entered here is for a successor.
    pub fn enter_for(&self, successor: InstanceId) {
        self.enters_as.store(successor, Relaxed);
    }

    /// Claims the session's nickname in the store, so that it is online, now or again.
    pub(super) async fn claim(&self, session: &Session) -> Result<(), ChatError> {
        let (nickname, guest) = {
            let state = session.state.lock();
            (state.nickname.clone(), state.guest)
        };
        self.claim_as(session, nickname, guest).await
    }

    /// The same under a nickname that the session has from then on. Name and user change
    /// together, so that nothing is said by one under the other's name.
    pub(super) async fn claim_as(
        &self,
        session: &Session,
        nickname: Nickname,
        guest: bool,
    ) -> Result<(), ChatError> {
        let change = PresenceChange::Claim {
            session: session.key().clone(),
            nickname: nickname.clone(),
            transport: session.transport(),
            account: !guest,
        };
        match self.change(change).await? {
            PresenceOutcome::NicknameTaken => Err(ChatError::new(
                Code::NicknameTaken,
                format!("somebody online is called '{nickname}'; choose another nickname"),
            )),
            PresenceOutcome::User(user) => {
                let mut state = session.state.lock();
                state.nickname = nickname;
                state.guest = guest;
                state.user = user.or(state.user);
                state.stored = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Enters a room in the store.
    pub(super) async fn join(&self, session: &Session, room: &RoomRef) -> Result<(), ChatError> {
        let change = PresenceChange::Join {
            session: session.key().clone(),
            nickname: session.nickname(),
            room: room.id,
        };
        match self.change(change.clone()).await? {
            PresenceOutcome::NoSuchSession => {
                // Its row expired, or the database was restored under us.
                self.claim(session).await?;
                self.change(change).await?;
            }
            PresenceOutcome::NoSuchRoom => {
                self.hub.forget(room);
                return Err(ChatError::no_such_room(&room.name));
            }
            PresenceOutcome::User(user) => session.state.lock().user = user,
            _ => {}
        }
        Ok(())
    }

    /// Tells the rooms of a session that it came or went.
    pub(super) fn announce(&self, session: &Session, what: Move) {
        let nickname = session.nickname();
        for room in session.rooms() {
            self.announce_in(&room, nickname.as_str(), what);
        }
    }

    pub(super) fn announce_in(&self, room: &RoomRef, nickname: &str, what: Move) {
        if let Some(served) = self.hub.served(room.id) {
            served.announce(what, nickname, self.clock.now());
        }
    }

    /// Gives signs of life until `stop`, and keeps the store level with who is here.
    pub async fn run(&self, stop: CancellationToken) {
        let beats = async {
            let mut expired = self.clock.now();
            let mut others = HashSet::new();
            loop {
                tokio::time::sleep(BEAT).await;
                match self.beat(&mut others).await {
                    Ok(()) => self.meters.db_full.set(0),
                    Err(ref error) => tracing::warn!(%error, "can't write the heartbeat"),
                }
                if self.clock.now().duration_since(expired) >= EXPIRE_EVERY {
                    expired = self.clock.now();
                    if let Err(error) = self.store.expire(self.session_ttl).await {
                        tracing::warn!(%error, "can't clear what has expired");
                    }
                }
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = beats => {}
        }
    }

    /// A sign of life, and what follows from those of `others`, as they were last seen.
    async fn beat(&self, others: &mut HashSet<InstanceId>) -> Result<(), StoreError> {
        let known = self.store.heartbeat(self.id, &self.instance).await;
        self.meters.db_down.set(i64::from(known.is_err()));
        let known = known?;
        let lively = self.store.lively(SILENT).await?.into_iter().collect();
        let before = std::mem::replace(others, lively);
        let one_is_gone = !before.is_subset(others);
        if known {
            self.end_ended().await?;
        }
        let now = self.clock.now();
        for session in self.sessions() {
            let unused = now.duration_since(session.state.lock().last_used);
            let live = session.is_attached() || session.transport() == TransportKind::Tcp;
            if live && (!known || !session.state.lock().stored) {
                self.restore(&session).await;
            } else if one_is_gone && session.is_anywhere() && (live || unused < IDLE) {
                self.keep(&session).await;
            } else if !live && unused >= IDLE {
                self.idle(&session, unused >= CACHED).await?;
            }
        }
        self.give_up_expecting(now).await?;
        self.headcount().await
    }

    /// Frees the nicknames of those who did not come.
    async fn give_up_expecting(&self, now: Instant) -> Result<(), StoreError> {
        let overdue = |session: &Arc<Session>| {
            let used = session.state.lock().last_used;
            now.duration_since(used) >= IDLE
        };
        let expected: Vec<_> = self.expected.read().values().cloned().collect();
        for session in expected.into_iter().filter(overdue) {
            self.has_come(session.key());
            self.idle(&session, false).await?;
        }
        Ok(())
    }

    /// Ends here what was ended through another instance: its nickname may be somebody else's.
    async fn end_ended(&self) -> Result<(), StoreError> {
        let stored = |session: &Arc<Session>| {
            session.transport() != TransportKind::Tcp && session.state.lock().stored
        };
        let mine = self.sessions().into_iter().filter(stored);
        let mine: Vec<SessionKey> = mine.map(|session| session.key().clone()).collect();
        if mine.is_empty() {
            return Ok(());
        }
        for key in self.store.ended(&mine).await? {
            if let Some(session) = self.get(&key) {
                session.end();
                self.remove(&key);
            }
        }
        Ok(())
    }

    /// Takes this instance off the books, so that its nicknames are free at once.
    pub async fn retire(&self) -> Result<(), StoreError> {
        self.store.retire(self.id).await
    }

    /// Enters a live session again that the store does not know of.
    async fn restore(&self, session: &Session) {
        session.state.lock().stored = false;
        match self.claim(session).await {
            Ok(()) => {}
            Err(error) if error.code == Code::NicknameTaken => {
                session.tell(format!("{error}: /nick <name>"));
                return;
            }
            Err(_) => return,
        }
        for room in session.rooms() {
            if let Err(error) = self.join(session, &room).await {
                session.tell(error.detail);
            }
        }
    }

    /// Claims the nickname of a session again that may have been entered by another instance.
    async fn keep(&self, session: &Session) {
        if !session.state.lock().stored {
            return;
        }
        match self.claim(session).await {
            Err(error) if error.code == Code::NicknameTaken => {
                session.state.lock().stored = false;
                session.tell(format!("{error}: /nick <name>"));
            }
            // Without an answer it stays as it was, and the store says at its next use.
            _ => {}
        }
    }

    /// Frees the nickname of a session that nobody uses; forgets it here if `forget`.
    async fn idle(&self, session: &Session, forget: bool) -> Result<(), StoreError> {
        if std::mem::take(&mut session.state.lock().stored) {
            self.announce(session, Move::Left);
            let key = session.key().clone();
            self.change(PresenceChange::Idle { session: key }).await?;
        }
        if forget {
            self.remove(session.key());
        }
        Ok(())
    }

    /// Tells the other instances how many are online, if there is a bus to tell them by.
    async fn headcount(&self) -> Result<(), StoreError> {
        if self.bus.state() == BusState::Connected {
            let online = self.store.count_online("").await?;
            self.bus.headcount(online);
        }
        Ok(())
    }
}
