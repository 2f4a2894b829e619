//! Limits that may change while they are asked: each is read without a lock, at every message.
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use super::{Limits, Rate};

/// The limits that follow the configuration.
#[derive(Debug)]
pub(in crate::chat) struct Live {
    message_chars: AtomicUsize,
    sessions: AtomicUsize,
    rooms: AtomicU64,
    rooms_per_user_per_day: AtomicU64,
    messages: LiveRate,
    requests: LiveRate,
    begun: LiveRate,
}

/// Both numbers of a rate in one, so that no request sees half of a change.
#[derive(Debug)]
struct LiveRate(AtomicU64);

impl LiveRate {
    fn of(rate: Rate) -> Self {
        Self(AtomicU64::new(rate.to_bits()))
    }

    fn get(&self) -> Rate {
        Rate::from_bits(self.0.load(Relaxed))
    }

    fn set(&self, rate: Rate) {
        self.0.store(rate.to_bits(), Relaxed);
    }
}

impl Live {
    pub(super) fn of(limits: &Limits) -> Self {
        Self {
            message_chars: AtomicUsize::new(limits.message_chars),
            sessions: AtomicUsize::new(limits.sessions),
            rooms: AtomicU64::new(limits.rooms),
            rooms_per_user_per_day: AtomicU64::new(limits.rooms_per_user_per_day),
            messages: LiveRate::of(limits.messages()),
            requests: LiveRate::of(limits.requests()),
            begun: LiveRate::of(limits.begun()),
        }
    }

    pub(super) fn set(&self, limits: &Limits) {
        self.message_chars.store(limits.message_chars, Relaxed);
        self.sessions.store(limits.sessions, Relaxed);
        self.rooms.store(limits.rooms, Relaxed);
        let per_day = limits.rooms_per_user_per_day;
        self.rooms_per_user_per_day.store(per_day, Relaxed);
        self.messages.set(limits.messages());
        self.requests.set(limits.requests());
        self.begun.set(limits.begun());
    }

    pub(in crate::chat) fn message_chars(&self) -> usize {
        self.message_chars.load(Relaxed)
    }

    pub(in crate::chat) fn sessions(&self) -> usize {
        self.sessions.load(Relaxed)
    }

    pub(in crate::chat) fn rooms(&self) -> u64 {
        self.rooms.load(Relaxed)
    }

    pub(in crate::chat) fn rooms_per_user_per_day(&self) -> u64 {
        self.rooms_per_user_per_day.load(Relaxed)
    }

    pub(super) fn messages(&self) -> Rate {
        self.messages.get()
    }

    pub(super) fn requests(&self) -> Rate {
        self.requests.get()
    }

    /// At which sessions may begin.
    pub(super) fn begun(&self) -> Rate {
        self.begun.get()
    }
}
