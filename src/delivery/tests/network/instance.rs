//! One instance of the simulation: the real committer, hub and relay, which may crash and start again.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::super::*;
use super::bus::{Link, Network};
use super::log::{Log, Reach};
use super::time::{Dice, Time};
use crate::model::{RoomKey, RoomKind, UserKey};

/// By then an instance has shown what was committed, if it reached the log all the time: a sweep is
/// due, a second one if the first was told that the log is out of reach, and each takes some ways.
pub(super) const BOUND: Duration = Duration::from_millis(1_000 + 100 + 250 + 20 + 80);
/// The same where it knows that it has no bus.
const ALONE: Duration = Duration::from_millis(100 + 100 + 50);
/// What an instance heard of is there so soon: the message before it has a little time to come by
/// itself, then two reads take their ways.
const SOON: Duration = Duration::from_millis(5 + 2 * 6 + 33);
/// Who was told that the log is out of reach asks again after so long.
const AFTER_FAILURE: Duration = Duration::from_millis(60 + 250 + 80);

/// What all instances stand on.
pub(super) struct Shore {
    pub(super) time: Time,
    pub(super) dice: Dice,
    pub(super) log: Arc<Log>,
    pub(super) network: Arc<Network>,
    pub(super) rooms: Vec<RoomRef>,
    pub(super) limits: TailLimits,
    pub(super) unknown: u64,
}

#[derive(Clone)]
pub(super) struct Instance {
    shore: Arc<Shore>,
    number: u64,
    away: Arc<AtomicBool>,
    /// Since when it has reached the log without a break.
    reached: Arc<Mutex<Duration>>,
    run: Arc<watch::Sender<Option<Arc<Run>>>>,
}

/// From a start to a crash.
pub(super) struct Run {
    pub(super) hub: Arc<Hub>,
    committer: Committer,
    tasks: Vec<JoinHandle<()>>,
    /// When a room was first read in this run.
    warm: Mutex<BTreeMap<RoomKey, Duration>>,
    /// What was heard of and is missing, and since when.
    missing: Mutex<BTreeMap<RoomKey, (Seq, Duration)>>,
}

impl Drop for Run {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Instance {
    pub(super) fn new(shore: &Arc<Shore>, number: u64) -> Self {
        let instance = Self {
            shore: shore.clone(),
            number,
            away: Arc::default(),
            reached: Arc::default(),
            run: Arc::new(watch::Sender::new(None)),
        };
        instance.start();
        instance
    }

    /// Starts it, if it does not run.
    pub(super) fn start(&self) {
        if self.run.borrow().is_some() {
            return;
        }
        let (bus, events) = self.shore.network.join(self.number);
        let reach = Arc::new(Reach {
            log: self.shore.log.clone(),
            rooms: self.shore.rooms.clone(),
            time: self.shore.time.clone(),
            dice: self.shore.dice,
            instance: self.number,
            away: self.away.clone(),
            unknown: self.shore.unknown,
        });
        let clock = Arc::new(self.shore.time.clone());
        let limits = self.shore.limits;
        let (log, notices) = (reach.clone(), reach.clone());
        let hub = Hub::new(log, notices, reach, bus, clock, Arc::default(), limits);
        let hub = Arc::new(hub);
        let (committer, work) = Committer::new(hub.clone());
        for room in &self.shore.rooms {
            hub.remember(room.clone());
        }
        let relay = Relay::new(hub.clone()).run(events, CancellationToken::new());
        let run = Run {
            hub,
            committer,
            tasks: vec![tokio::spawn(work), tokio::spawn(relay)],
            warm: Mutex::default(),
            missing: Mutex::default(),
        };
        self.run.send_replace(Some(Arc::new(run)));
    }

    /// Ends it between two steps, wherever it is.
    pub(super) fn crash(&self) {
        if let Some(run) = self.run.send_replace(None) {
            run.tasks.iter().for_each(JoinHandle::abort);
        }
    }

    pub(super) fn lose_the_log(&self, away: bool) {
        if self.away.swap(away, Relaxed) && !away {
            *self.reached.lock() = self.shore.time.passed();
        }
    }

    /// The run that goes on, now and after each change.
    pub(super) fn runs(&self) -> watch::Receiver<Option<Arc<Run>>> {
        self.run.subscribe()
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// A client says something here.
    pub(super) fn say(&self, room: &RoomRef, text: String) {
        self.send(room, Operation::say(text.as_str().into()));
    }

    /// A client does something here. Whether it is told that it was done is not waited for.
    pub(super) fn send(&self, room: &RoomRef, operation: Operation) {
        if let Some(run) = self.run.borrow().as_ref() {
            let outgoing = Outgoing {
                kind: RoomKind::Public,
                room: room.clone(),
                user: UserKey::new(self.number as i64 + 1, self.number as i64 + 1),
                author: Author::Guest,
                nickname: format!("writer-{}", self.number + 1).as_str().into(),
                operation,
                nonce: None,
            };
            drop(run.committer.send(outgoing));
        }
    }

    /// # Panics
    /// If it has not shown what it could have read by now: what was committed before the bound of
    /// the sweep, or of those that are made while there is no bus, or when the bus came back.
    pub(super) fn is_level(&self) {
        let now = self.shore.time.passed();
        let Some(run) = self.run.borrow().clone() else {
            return;
        };
        if self.away.load(Relaxed) {
            return;
        }
        for room in &self.shore.rooms {
            let served = run.hub.served(room.key);
            let Some(delivered) = served.and_then(|served| served.delivered()) else {
                continue;
            };
            let warm = *run.warm.lock().entry(room.key).or_insert(now);
            let reached = *self.reached.lock();
            let since = warm.max(reached + AFTER_FAILURE);
            let shown_of = match self.shore.network.link(self.number) {
                Link::Cut(cut) if now >= since.max(cut) + ALONE => now - ALONE,
                Link::Restored(back) if since <= back && now >= back + 2 * SOON => back,
                _ if now >= warm.max(reached) + BOUND => now - BOUND,
                _ => continue,
            };
            let wanted = self.shore.log.last_by(room.key, shown_of);
            assert!(
                delivered >= wanted,
                "instance {} has shown {delivered} of {} at {now:?}, where {wanted} were committed at {shown_of:?}",
                self.number,
                room.name
            );
        }
    }

    /// # Panics
    /// If it heard of something so long ago and has not read it, though it could have.
    pub(super) fn looks_up_soon(&self) {
        let now = self.shore.time.passed();
        let Some(run) = self.run.borrow().clone() else {
            return;
        };
        let reached = *self.reached.lock() + AFTER_FAILURE;
        for room in run.hub.warm_rooms() {
            let mut missing = run.missing.lock();
            let known = missing.get(&room.room.key).copied();
            match known.filter(|(seq, _)| room.delivered() < Some(*seq)) {
                Some((seq, since)) => assert!(
                    self.away.load(Relaxed) || now < since.max(reached) + SOON,
                    "instance {} knows of {seq} in {} since {since:?}, and has not read it at {now:?}",
                    self.number,
                    room.room.name
                ),
                None => {
                    missing.remove(&room.room.key);
                    let heard = room.missing_up_to().map(|seq| (seq, now));
                    missing.extend(heard.map(|heard| (room.room.key, heard)));
                }
            }
        }
    }

    /// How often it has asked the log what is new.
    pub(super) fn looks(&self) -> u64 {
        let run = self.run.borrow().clone().expect("it runs");
        run.hub.meters.sweeps.get()
    }

    /// # Panics
    /// If it still waits for what it heard of.
    pub(super) fn waits_for_nothing(&self) {
        let run = self.run.borrow().clone().expect("it runs");
        for room in run.hub.warm_rooms() {
            assert_eq!(room.missing_up_to(), None, "at instance {}", self.number);
        }
    }
}
