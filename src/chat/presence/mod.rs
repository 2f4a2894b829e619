//! Who is here, kept level with the store: changes written in batches, as messages are, signs of
//! life beside them, and sessions that are entered anew.
mod anew;
mod keep;
mod pulse;
mod tenure;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::session::{InStore, LoggedIn, Session};
use super::{ChatError, Trouble};
use crate::bus::Bus;
use crate::clock::Clock;
use crate::delivery::{Batcher, Hub};
use crate::meter::Meters;
use crate::model::{Nickname, Notice, RoomName, RoomRef, SessionKey};
use crate::store::{
    Instance, InstanceId, Naming, PresenceChange, PresenceOutcome, Store, StoreError,
};
use tenure::Tenure;

/// Changes that may wait; another waits for room.
pub const QUEUE: usize = 4_096;
/// Changes in one transaction.
const BATCH: usize = 512;
/// An instance that comes back claims its nicknames within this time, or requests are refused.
const REGAINED_WITHIN: Duration = Duration::from_secs(2);
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
    /// Why our nicknames may not be ours, until that was looked into.
    doubts: Mutex<Option<Doubt>>,
    doubted: Notify,
    tenure: Tenure,
    /// Signs of life of which the database knew the one before.
    beats: AtomicU64,
    over: Mutex<Over>,
}

/// Sessions that the database does not know, and how many signs of life there were when it was
/// asked: the next one tells whether it has forgotten all of us.
#[derive(Debug, Default)]
struct Over {
    asked_at: u64,
    sessions: Vec<SessionKey>,
}

/// Why nicknames of sessions here may not be theirs any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Doubt {
    /// No sign of life was seen for the time of a lease: they were free for all.
    Late,
    /// The database knows nothing of this instance, as after a restore.
    Lost,
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
        let entered = clock.now();
        let id = match predecessor {
            None => store.register(&instance).await?,
            Some(_) => store.register_beside(&instance).await?,
        };
        let enters_as = Arc::new(AtomicI64::new(id.get()));
        let (writer, entering) = (store.clone(), enters_as.clone());
        let (changes, work) = Batcher::new(QUEUE, BATCH, move |batch| {
            let (store, id) = (writer.clone(), InstanceId::new(entering.load(Relaxed)));
            async move {
                let (changes, replies): (Vec<PresenceChange>, Vec<_>) = batch.into_iter().unzip();
                let mut outcomes = store.presence(id, &changes).await.map(Vec::into_iter);
                for reply in replies {
                    let outcome = match &mut outcomes {
                        Ok(outcomes) => Ok(outcomes.next().unwrap_or(PresenceOutcome::Done)),
                        Err(error) => Err(error.clone()),
                    };
                    // The receiver may be gone meanwhile.
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
            doubts: Mutex::default(),
            doubted: Notify::new(),
            tenure: Tenure::new(entered),
            beats: AtomicU64::new(0),
            over: Mutex::default(),
        };
        Ok((presence, work))
    }

    pub(super) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    pub fn clock(&self) -> &Arc<dyn Clock> {
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

    /// Writes changes down together.
    async fn change_all(&self, changes: Vec<PresenceChange>) -> Vec<Outcome> {
        let stopping = || StoreError::Unavailable("the server is stopping".into());
        let answers = self.changes.ask_all(changes).await;
        let answer = |answer: Option<Outcome>| answer.unwrap_or_else(|| Err(stopping()));
        answers.into_iter().map(answer).collect()
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

    /// Waits for a session that was online through the predecessor.
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

    /// Sessions that are online through the predecessor are so through us, in one step.
    pub async fn inherit(&self) -> Result<(), StoreError> {
        let Some(predecessor) = self.predecessor else {
            return Ok(());
        };
        // What is entered under a row without signs of life is free for all.
        self.store.heartbeat(self.id, &self.instance).await?;
        self.store.move_sessions(predecessor, self.id).await
    }

    /// What is still entered here is for a successor.
    pub fn enter_for(&self, successor: InstanceId) {
        self.enters_as.store(successor.get(), Relaxed);
    }

    /// Claims the session's nickname in the store, so that it is online, now or again.
    pub(super) async fn claim(&self, session: &Session) -> Result<(), ChatError> {
        let (nickname, naming, account) = {
            let state = session.state.lock();
            (state.nickname.clone(), state.naming, state.account.clone())
        };
        self.claim_as(session, nickname, naming, account).await
    }

    /// The same under a nickname that the session has from then on. Name and user change
    /// together, so that nothing is said by one under the other's name.
    pub(super) async fn claim_as(
        &self,
        session: &Session,
        nickname: Nickname,
        naming: Naming,
        account: Option<LoggedIn>,
    ) -> Result<(), ChatError> {
        let change = PresenceChange::Claim {
            session: session.key().clone(),
            nickname: nickname.clone(),
            transport: session.transport(),
            naming,
            account: account.as_ref().map(|account| account.user),
        };
        match self.change(change).await? {
            PresenceOutcome::NicknameOwned => Err(ChatError::NicknameOwned(nickname)),
            PresenceOutcome::NicknameTaken => Err(ChatError::NicknameTaken(nickname)),
            PresenceOutcome::User(user) => {
                let mut state = session.state.lock();
                state.nickname = nickname;
                state.naming = naming;
                let user = user.or(state.user);
                state.becomes(user, account);
                state.in_store = InStore::Online;
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
            room: room.key,
        };
        match self.change(change.clone()).await? {
            PresenceOutcome::NoSuchSession => {
                // Its row expired, or the database was restored under us.
                self.claim(session).await?;
                self.change(change).await?;
            }
            PresenceOutcome::NoSuchRoom => {
                self.hub.forget(room);
                return Err(ChatError::NoSuchRoom(room.name.clone()));
            }
            PresenceOutcome::User(user) => session.state.lock().is_user(user),
            _ => {}
        }
        Ok(())
    }

    /// Tells the rooms of a session that it came or went.
    pub(super) fn announce(&self, session: &Session, what: fn(&RoomName, &Nickname) -> Notice) {
        let nickname = session.nickname();
        for room in session.rooms() {
            self.hub.announce(what(&room.name, &nickname));
        }
    }

    /// Tells the rooms of a session that it has another name.
    pub(super) fn announce_rename(&self, session: &Session, before: &Nickname, now: &Nickname) {
        for room in session.rooms() {
            self.hub.announce(Notice::Renamed {
                room: room.name,
                nickname: now.shared(),
                before: before.shared(),
            });
        }
    }

    /// Whether the nicknames here are those of the sessions here, for certain.
    pub fn has_its_lease(&self) -> bool {
        self.tenure.holds(self.clock.now())
    }

    /// Waits until that is so again. While an instance comes back after it was silent for longer than
    /// its lease, that takes a moment.
    ///
    /// # Errors
    /// Fails where it takes longer, and at once while the database is away.
    pub(super) async fn regain_names(&self) -> Result<(), ChatError> {
        let regained = self.tenure.regained(|| self.clock.now());
        let patience = if self.meters.db_down.get() == 0 {
            REGAINED_WITHIN
        } else {
            Duration::ZERO
        };
        let regained = tokio::time::timeout(patience, regained).await;
        regained.map_err(|_| ChatError::Database(Trouble::Unavailable))
    }

    /// Our nicknames may not be ours: the store is asked about each, at once.
    fn doubt(&self, doubt: Doubt) {
        self.tenure.ends();
        let mut doubts = self.doubts.lock();
        *doubts = (*doubts).max(Some(doubt));
        self.doubted.notify_one();
    }

    /// Gives signs of life until `stop`, and keeps the store level with who is here. Neither
    /// waits for the other.
    pub async fn run(&self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.beat() => {}
            () = self.keep() => {}
            () = self.expire() => {}
        }
    }

    /// Takes this instance off the books, so that its nicknames are free at once.
    pub async fn retire(&self) -> Result<(), StoreError> {
        self.store.retire(self.id).await
    }
}
