//! Keeping the store level with who is here: sessions that fall idle, that were ended elsewhere,
//! and that must be entered anew because something died.
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::{BATCH, Doubt, Over, Presence};
use crate::bus::{BusState, Key};
use crate::chat::session::{InStore, Session};
use crate::model::{Notice, SessionKey, TransportKind};
use crate::store::{BUS_KEY, InstanceId, PresenceChange, StoreError, Viewer};

/// An instance that is silent for so long is about to lose its lease: sessions that it entered
/// and that are used here are entered anew in time, before their nicknames are free for all.
const SILENT: Duration = Duration::from_secs(4);
/// Between two looks for such. Every third time all else is looked after, too.
const LOOK: Duration = Duration::from_secs(1);
const THOROUGH: u32 = 3;
/// A session without a connection stays online this long after its last use.
const IDLE: Duration = Duration::from_secs(60);
/// And stays in memory this long.
const CACHED: Duration = Duration::from_secs(600);
/// Between two clearances of what has expired.
const EXPIRE_EVERY: Duration = Duration::from_secs(60);
/// The eldest instance tells how many are online. The others look after so many rounds only, in
/// case it reaches the database and not the bus.
const ROUNDS: u32 = 5;

/// What is to be done about sessions, by what is known of them.
#[derive(Default)]
struct Work {
    enter: Vec<Arc<Session>>,
    keep: Vec<Arc<Session>>,
    idle: Vec<Arc<Session>>,
}

impl Presence {
    /// Keeps the store level with who is here, for ever.
    pub(super) async fn keep(&self) {
        let mut others = HashSet::new();
        let mut fails = false;
        for round in 0.. {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = self.doubted.notified() => {}
                () = self.hub.strangers.notified() => self.doubt(Doubt::Lost),
            }
            let kept = self.keep_level(&mut others, round).await;
            // Told of when it begins: an outage is one thing, however long. A short round asks too
            // little to tell that one is over.
            match &kept {
                Err(error) if !fails => {
                    tracing::warn!(%error, "cannot keep the database level with who is here");
                    fails = true;
                }
                Ok(()) if round.is_multiple_of(THOROUGH) => fails = false,
                _ => {}
            }
        }
    }

    /// Clears what has expired, for ever.
    pub(super) async fn expire(&self) {
        loop {
            tokio::time::sleep(EXPIRE_EVERY).await;
            if let Err(error) = self.store.expire(self.session_ttl).await {
                tracing::warn!(%error, "cannot clear what has expired");
            }
            if let Err(error) = self.take_key().await {
                tracing::warn!(%error, "cannot read the key of the bus");
            }
        }
    }

    /// The key of the bus as the database has it: another one after a restore, or where an
    /// operator had it made anew.
    async fn take_key(&self) -> Result<(), StoreError> {
        if self.bus.state() != BusState::Disabled {
            self.bus.trust(Key::new(&self.store.secret(BUS_KEY).await?));
        }
        Ok(())
    }

    /// Has no session in a room that is not there any more. What reads it was told.
    fn leave_gone(&self) {
        let gone = self.hub.take_gone();
        if !gone.is_empty() {
            for session in self.sessions() {
                gone.iter().for_each(|room| session.lose(room));
            }
        }
    }

    async fn keep_level(
        &self,
        others: &mut HashSet<InstanceId>,
        round: u32,
    ) -> Result<(), StoreError> {
        let lively: HashSet<_> = self.store.lively(SILENT).await?.into_iter().collect();
        let before = std::mem::replace(others, lively);
        let one_is_gone = !before.is_subset(others);
        self.leave_gone();
        let doubt = self.doubts.lock().take();
        let thorough = round.is_multiple_of(THOROUGH);
        let settled = self.settle(doubt, one_is_gone, thorough).await;
        {
            let mut doubts = self.doubts.lock();
            if settled.is_err() {
                *doubts = (*doubts).max(doubt);
            } else if doubt.is_some() && doubts.is_none() {
                self.tenure.goes_on();
            }
        }
        let idle = settled?;
        if thorough {
            self.idle(&idle).await?;
            self.forget_unused();
            self.give_up_expecting().await?;
            let eldest = others.iter().min() == Some(&self.id);
            if eldest {
                self.bury().await?;
            }
            if eldest || round.is_multiple_of(THOROUGH * ROUNDS) {
                self.headcount().await?;
            }
        }
        Ok(())
    }

    /// Enters anew whom the database may not have as they are; returns who is idle.
    async fn settle(
        &self,
        doubt: Option<Doubt>,
        one_is_gone: bool,
        thorough: bool,
    ) -> Result<Vec<Arc<Session>>, StoreError> {
        let forgot = doubt == Some(Doubt::Lost);
        if forgot {
            *self.over.lock() = Over::default();
            self.take_key().await?;
        } else if thorough {
            self.end_ended().await?;
        }
        let work = self.sort(doubt, one_is_gone);
        self.enter_anew(&work.enter, forgot).await?;
        self.claim_anew(&work.keep).await?;
        Ok(work.idle)
    }

    fn sort(&self, doubt: Option<Doubt>, one_is_gone: bool) -> Work {
        let (now, mut work) = (self.clock.now(), Work::default());
        for session in self.sessions() {
            let (unused, online) = {
                let state = session.state.lock();
                let online = state.in_store == InStore::Online;
                (now.duration_since(state.last_used), online)
            };
            let live = session.is_attached() || session.transport() == TransportKind::Tcp;
            let used = live || unused < IDLE;
            if (doubt.is_some() && used && online) || (live && !online) {
                work.enter.push(session);
            } else if one_is_gone && session.is_anywhere() && used && online {
                work.keep.push(session);
            } else if !used && online {
                work.idle.push(session);
            }
        }
        work
    }

    /// Frees the nicknames of sessions that are not used.
    async fn idle(&self, sessions: &[Arc<Session>]) -> Result<(), StoreError> {
        for portion in sessions.chunks(BATCH) {
            let mut changes = Vec::with_capacity(portion.len());
            for session in portion {
                if session.goes_away() {
                    self.announce(session, Notice::left);
                    let session = session.key().clone();
                    changes.push(PresenceChange::Idle { session });
                }
            }
            let answers = self.change_all(changes).await;
            answers
                .into_iter()
                .find_map(Result::err)
                .map_or(Ok(()), Err)?;
        }
        Ok(())
    }

    fn forget_unused(&self) {
        let now = self.clock.now();
        for session in self.sessions() {
            let unused = now.duration_since(session.state.lock().last_used);
            let live = session.is_attached() || session.transport() == TransportKind::Tcp;
            if !live && unused >= CACHED {
                self.remove(session.key());
            }
        }
    }

    /// Frees the nicknames of those who did not come.
    async fn give_up_expecting(&self) -> Result<(), StoreError> {
        let now: Instant = self.clock.now();
        let overdue = |session: &Arc<Session>| {
            let used = session.state.lock().last_used;
            now.duration_since(used) >= IDLE
        };
        let expected: Vec<_> = self.expected.read().values().cloned().collect();
        let overdue: Vec<_> = expected.into_iter().filter(overdue).collect();
        overdue
            .iter()
            .for_each(|session| self.has_come(session.key()));
        self.idle(&overdue).await
    }

    /// Ends here what was ended through another instance: its nickname may be another's. What the
    /// database does not know is over once the next sign of life shows that it still knows us.
    async fn end_ended(&self) -> Result<(), StoreError> {
        let beats = self.beats.load(Relaxed);
        let mut over = std::mem::take(&mut *self.over.lock());
        if over.asked_at < beats {
            for key in over.sessions.drain(..) {
                if let Some(session) = self.get(&key) {
                    session.end();
                    self.remove(&key);
                }
            }
        }
        let online = |session: &Arc<Session>| {
            session.transport() != TransportKind::Tcp && session.is_online()
        };
        let mine = self.sessions().into_iter().filter(online);
        let mine: Vec<SessionKey> = mine.map(|session| session.key().clone()).collect();
        if !mine.is_empty() {
            let sessions = self.store.ended(self.id, &mine).await?;
            let asked_at = beats;
            *self.over.lock() = Over { asked_at, sessions };
        }
        Ok(())
    }

    /// Announces to rooms that the sessions of a dead instance left.
    async fn bury(&self) -> Result<(), StoreError> {
        for (room, nickname) in self.store.bury().await? {
            self.hub.announce(Notice::left(&room, &nickname));
        }
        Ok(())
    }

    /// Tells the other instances how many are online, if there is a bus to tell them by.
    async fn headcount(&self) -> Result<(), StoreError> {
        if self.bus.state() == BusState::Connected {
            self.bus
                .headcount(self.store.count_online("", Viewer::Server).await?);
        }
        Ok(())
    }
}
