//! What comes from Redis: messages for the relay, probes that show that we hear, and junk.
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::time::Instant;

use super::junk::JunkLog;
use crate::bus::wire::{self, HEADCOUNT, Junk};
use crate::bus::{BusEvent, Queue};
use crate::meter::Meters;

/// How long the last probe that came back speaks for the subscription.
const TRUSTED: Duration = Duration::from_millis(2_500);

/// Filled from the connection's own task, so nothing here waits.
#[derive(Debug)]
pub(super) struct Inbox {
    events: mpsc::Sender<BusEvent>,
    /// Something may be missing of which the relay was not yet told.
    missed: AtomicBool,
    /// The channel on which this process hears itself: no other has its name.
    probe: String,
    ear: Mutex<Ear>,
    junk: JunkLog,
    meters: Arc<Meters>,
}

/// What is known of the present connection, if there is one.
#[derive(Debug, Default)]
struct Ear {
    subscribed: Option<Instant>,
    heard: Option<Instant>,
    headcount: Option<u64>,
}

impl Ear {
    fn hears(&self, now: Instant) -> bool {
        self.heard.is_some_and(|heard| now < heard + TRUSTED)
    }

    fn deaf(&self, now: Instant) -> bool {
        let last = self.heard.or(self.subscribed);
        last.is_some_and(|last| now >= last + TRUSTED)
    }
}

impl Inbox {
    pub(super) fn new(events: mpsc::Sender<BusEvent>, meters: Arc<Meters>) -> Self {
        let tag = getrandom::u64().expect("the operating system has random numbers");
        Self {
            events,
            missed: AtomicBool::new(false),
            probe: format!("discordctl:probe:{tag:016x}"),
            ear: Mutex::default(),
            junk: JunkLog::default(),
            meters,
        }
    }

    pub(super) fn probe(&self) -> &str {
        &self.probe
    }

    /// Something was published on a channel that we subscribed to.
    pub(super) fn arrived(&self, channel: &[u8], payload: &[u8]) {
        let Ok(channel) = std::str::from_utf8(channel) else {
            return;
        };
        if channel == self.probe {
            self.lock().heard = Some(Instant::now());
        } else if channel == HEADCOUNT {
            self.counted(payload);
        } else {
            match wire::parse(channel, payload) {
                Ok(message) => self.tell(BusEvent::Message(message)),
                Err(junk) => self.discard(channel, &junk),
            }
        }
        self.settle();
    }

    /// The subscriptions were made, at the start or later. Whatever was published on their
    /// channels before that is missing.
    pub(super) fn subscribed(&self) {
        self.missed.store(true, Ordering::Release);
        self.settle();
    }

    /// A new connection has all its subscriptions, and has yet to prove them.
    pub(super) fn opened(&self) {
        *self.lock() = Ear {
            subscribed: Some(Instant::now()),
            ..Ear::default()
        };
        self.subscribed();
    }

    /// The connection is gone. Returns whether it ever was good.
    pub(super) fn closed(&self) -> bool {
        std::mem::take(&mut *self.lock()).heard.is_some()
    }

    /// Whether a probe came back lately.
    pub(super) fn hears(&self) -> bool {
        self.lock().hears(Instant::now())
    }

    /// Whether a probe should have come back by now and did not.
    pub(super) fn deaf(&self) -> bool {
        self.lock().deaf(Instant::now())
    }

    /// The number of people online that was last seen on its channel, on this connection.
    pub(super) fn headcount(&self) -> Option<u64> {
        self.lock().headcount
    }

    pub(super) fn set_headcount(&self, online: u64) {
        self.lock().headcount = Some(online);
    }

    pub(super) fn queue(&self) -> Queue {
        Queue {
            depth: self.events.max_capacity() - self.events.capacity(),
            limit: self.events.max_capacity(),
        }
    }

    fn counted(&self, payload: &[u8]) {
        let online = std::str::from_utf8(payload).ok().map(str::parse);
        match online {
            Some(Ok(online)) => self.set_headcount(online),
            _ => self.discard(HEADCOUNT, &Junk::Headcount),
        }
    }

    fn discard(&self, channel: &str, junk: &Junk) {
        self.meters.bus_junk.add(1);
        self.junk.note(channel, junk);
    }

    /// Hands an event to the relay. There is no waiting for a full channel: what is dropped is
    /// read from the store, once the relay is told to look.
    fn tell(&self, event: BusEvent) {
        if let Err(TrySendError::Full(_)) = self.events.try_send(event) {
            self.missed.store(true, Ordering::Release);
        }
    }

    /// Tells the relay that it missed something, as soon as there is room to. The probes see to
    /// it that this is tried every second.
    fn settle(&self) {
        if self.missed.swap(false, Ordering::AcqRel) {
            self.tell(BusEvent::Restored);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ear> {
        self.ear.lock().unwrap_or_else(|e| e.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = br#"{"id":1,"seq":1,"room":"general","user":"alice",
        "content":"hi","created_at":"2024-01-15T10:30:00.000Z","instance":"instance-1"}"#;

    fn inbox(capacity: usize) -> (Inbox, mpsc::Receiver<BusEvent>, Arc<Meters>) {
        let meters = Arc::new(Meters::default());
        let (events, receiver) = mpsc::channel(capacity);
        (Inbox::new(events, meters.clone()), receiver, meters)
    }

    #[test]
    fn a_relay_that_is_behind_is_told_that_it_missed_something() {
        let (inbox, mut events, _) = inbox(2);
        (0..5).for_each(|_| inbox.arrived(b"room:general", MESSAGE));
        assert!(matches!(events.try_recv(), Ok(BusEvent::Message(_))));
        assert!(matches!(events.try_recv(), Ok(BusEvent::Message(_))));
        assert!(events.try_recv().is_err());
        let probe = inbox.probe().to_owned();
        inbox.arrived(probe.as_bytes(), b"");
        assert_eq!(events.try_recv(), Ok(BusEvent::Restored));
        inbox.arrived(probe.as_bytes(), b"");
        assert!(events.try_recv().is_err(), "told once");
    }

    #[test]
    fn junk_is_counted_and_nothing_else() {
        let (inbox, mut events, meters) = inbox(2);
        inbox.arrived(b"room:general", br#"{"test": true}"#);
        inbox.arrived(b"room:random", MESSAGE);
        inbox.arrived(HEADCOUNT.as_bytes(), b"many");
        inbox.arrived(b"\xff", b"\xff");
        assert_eq!(meters.bus_junk.get(), 3);
        assert!(events.try_recv().is_err());
        assert_eq!(inbox.headcount(), None);
    }

    #[test]
    fn a_subscription_is_good_while_probes_come_back() {
        let now = Instant::now();
        let mut ear = Ear::default();
        assert!(!ear.hears(now) && !ear.deaf(now), "there is none");
        ear.subscribed = Some(now);
        assert!(!ear.hears(now) && !ear.deaf(now), "not known yet");
        assert!(ear.deaf(now + TRUSTED), "never heard anything");
        ear.heard = Some(now);
        assert!(ear.hears(now) && !ear.deaf(now));
        assert!(!ear.hears(now + TRUSTED) && ear.deaf(now + TRUSTED));
    }

    #[test]
    fn a_new_connection_starts_without_credit() {
        let (inbox, mut events, _) = inbox(2);
        inbox.opened();
        assert_eq!(events.try_recv(), Ok(BusEvent::Restored));
        inbox.arrived(inbox.probe().as_bytes(), b"");
        inbox.arrived(HEADCOUNT.as_bytes(), b"5");
        assert!(inbox.hears() && inbox.headcount() == Some(5));
        assert!(inbox.closed(), "it was good");
        assert!(!inbox.hears() && inbox.headcount().is_none());
        assert!(!inbox.closed(), "it was good no more");
    }
}
