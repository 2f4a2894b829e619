//! What an actor may do where: read from the store once, kept with its session, and let go of when it
//! changes.
mod expiry;
mod gate;
mod shared;
mod stood;
mod watch;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::RwLock;

use crate::model::{AccessMode, RoomId, RoomKey};
use crate::policy::Admission;
use shared::Shared;

pub use gate::{Gate, Place};
pub(super) use stood::Stood;

/// Rooms of which rights are kept; beyond, they are read again.
const MOST_ROOMS: usize = 4_096;

/// What is known of rights here beside the sessions.
#[derive(Debug, Default)]
pub(super) struct Rights {
    /// Counts changes. What was looked up before one and comes after it is not kept.
    generation: AtomicU64,
    rooms: RwLock<HashMap<RoomKey, Arc<Shared>>>,
    /// An account exists.
    founded: AtomicBool,
}

impl Rights {
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Everything that reads looks again.
    fn changed(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    fn is_founded(&self) -> bool {
        self.founded.load(Ordering::Relaxed)
    }

    pub(super) fn found(&self) {
        self.founded.store(true, Ordering::Relaxed);
    }

    fn shared(&self, room: RoomKey) -> Option<Arc<Shared>> {
        self.rooms.read().get(&room).cloned()
    }

    fn keep_shared(&self, room: RoomKey, shared: Arc<Shared>) {
        let mut rooms = self.rooms.write();
        if rooms.len() >= MOST_ROOMS {
            rooms.clear();
        }
        rooms.insert(room, shared);
    }

    /// What is kept of that room, or of all, holds no more.
    fn forget(&self, room: Option<RoomId>) {
        let mut rooms = self.rooms.write();
        match room {
            Some(room) => rooms.retain(|known, _| known.id != room),
            None => rooms.clear(),
        }
    }
}

/// How many changes of rights were known of: what was allowed before another is asked for again.
#[derive(Debug, Clone, Copy)]
pub struct RightsAsOf(pub(super) u64);

impl super::Chat {
    /// To be taken before it is asked whether something may be read.
    pub fn rights_now(&self) -> RightsAsOf {
        RightsAsOf(self.rights.generation())
    }

    /// Whether people without an account are let in, as of now.
    pub(super) fn admission(&self) -> Admission {
        match self.access().mode {
            AccessMode::Open if self.rights.is_founded() => Admission::Open,
            AccessMode::Open => Admission::Founding,
            AccessMode::Members | AccessMode::Invite => Admission::Accounts,
        }
    }
}
