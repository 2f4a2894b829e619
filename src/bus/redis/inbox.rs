//! What comes from Redis: messages for the relay, probes that show that we hear, and junk.
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use parking_lot::RwLock;
use tokio::time::Instant;

use super::junk::JunkLog;
use crate::bus::events::Ears;
use crate::bus::wire::{self, HEADCOUNT, Heard, Junk};
use crate::bus::{BusEvent, Key, Queue};
use crate::meter::Meters;
use crate::random;

/// How long the last probe that came back speaks for the subscription.
const TRUSTED: Duration = Duration::from_millis(2_500);

/// Filled from the connection's own task, so nothing here waits.
#[derive(Debug)]
pub(super) struct Inbox {
    ears: Ears,
    key: Arc<RwLock<Key>>,
    /// How the channels begin on which this process hears itself: no other has them.
    probe: String,
    ear: Mutex<Ear>,
    junk: JunkLog,
    unproven: JunkLog,
    meters: Arc<Meters>,
}

/// What is known of the present connection, if there is one.
#[derive(Debug, Default)]
struct Ear {
    /// One of each server.
    probes: Vec<Probe>,
    headcount: Option<u64>,
}

#[derive(Debug)]
struct Probe {
    channel: String,
    subscribed: Instant,
    heard: Option<Instant>,
}

impl Ear {
    fn of(channels: &[String], subscribed: Instant) -> Self {
        let probe = |channel: &String| Probe {
            channel: channel.clone(),
            subscribed,
            heard: None,
        };
        Self {
            probes: channels.iter().map(probe).collect(),
            headcount: None,
        }
    }

    fn hear(&mut self, channel: &str, now: Instant) {
        let heard = self.probes.iter_mut().find(|p| p.channel == channel);
        if let Some(probe) = heard {
            probe.heard = Some(now);
        }
    }

    /// Whether each server was heard of, however long ago.
    fn was_good(&self) -> bool {
        !self.probes.is_empty() && self.probes.iter().all(|probe| probe.heard.is_some())
    }

    fn hears(&self, now: Instant) -> bool {
        let heard = |probe: &Probe| probe.heard.is_some_and(|heard| now < heard + TRUSTED);
        !self.probes.is_empty() && self.probes.iter().all(heard)
    }

    fn deaf(&self, now: Instant) -> bool {
        let late = |probe: &Probe| now >= probe.heard.unwrap_or(probe.subscribed) + TRUSTED;
        self.probes.iter().any(late)
    }
}

impl Inbox {
    pub(super) fn new(ears: Ears, key: Arc<RwLock<Key>>, meters: Arc<Meters>) -> Self {
        let tag = random::number().expect("the operating system has random numbers");
        Self {
            ears,
            key,
            probe: format!("discordctl:probe:{tag:016x}"),
            ear: Mutex::default(),
            junk: JunkLog::default(),
            unproven: JunkLog::default(),
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
        if channel.starts_with(&self.probe) {
            self.lock().hear(channel, Instant::now());
        } else if channel == HEADCOUNT {
            self.counted(payload);
        } else {
            let key = self.key.read().clone();
            match wire::parse(channel, payload, &key) {
                Ok(Heard::Proved(of, said)) => self.ears.hear(BusEvent::Entry(of, said)),
                Ok(Heard::Told(told)) => self.ears.hear(BusEvent::Told(told)),
                Ok(Heard::Rights) => self.ears.rights(),
                Ok(Heard::Claimed) => self.doubt(channel),
                Err(junk) => self.discard(channel, &junk),
            }
        }
    }

    /// The subscriptions were made, at the start or later. Whatever was published on their
    /// channels before that is missing.
    pub(super) fn subscribed(&self) {
        self.ears.restored();
    }

    /// A new connection has all its subscriptions, and has yet to prove them on these channels.
    pub(super) fn opened(&self, probes: &[String]) {
        *self.lock() = Ear::of(probes, Instant::now());
        self.subscribed();
    }

    /// The connection is gone. Returns whether it ever was good.
    pub(super) fn closed(&self) -> bool {
        std::mem::take(&mut *self.lock()).was_good()
    }

    /// Whether a probe of each server came back lately.
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
        self.ears.queue()
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

    /// Nothing of it is believed; what the store knows is.
    fn doubt(&self, channel: &str) {
        self.meters.bus_unproven.add(1);
        if let Some(count) = self.unproven.due(Instant::now()) {
            tracing::warn!(
                count,
                ?channel,
                "messages on the bus without a valid mac, from an older version or a stranger; \
                 read from the database instead"
            );
        }
        self.ears.hint();
    }

    fn lock(&self) -> MutexGuard<'_, Ear> {
        self.ear.lock().unwrap_or_else(|e| e.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::Said;

    use chrono::DateTime;

    use crate::bus::{Events, events};
    use crate::model::{Entry, MessageId, Number, RoomName, Seq};

    const CLAIMED: &[u8] = br#"{"id":1,"seq":1,"room":"general","user":"alice",
        "content":"hi","number":7,"created_at":"2024-01-15T10:30:00.000Z","instance":"instance-1"}"#;

    fn key() -> Key {
        Key::new(&[7; 32])
    }

    fn proved() -> Vec<u8> {
        let message = Entry {
            id: MessageId::new(1),
            seq: Seq::FIRST,
            room: RoomName::stored("general"),
            user: "alice".into(),
            number: Number::new(7),
            what: "hi".into(),
            created_at: DateTime::UNIX_EPOCH,
        };
        let said = Said {
            what: message,
            lineage: None,
        };
        wire::encode(&said, "instance-1", "room:general", &key())
    }

    fn inbox(capacity: usize) -> (Inbox, Events, Arc<Meters>) {
        let meters = Arc::new(Meters::default());
        let (ears, events) = events::channel(capacity);
        let key = Arc::new(RwLock::new(key()));
        (Inbox::new(ears, key, meters.clone()), events, meters)
    }

    /// All that there is to hear now: messages, and how often to look and why.
    fn all(events: &mut Events) -> [usize; 3] {
        let mut counts = [0; 3];
        while let Some(event) = events.now() {
            counts[match event {
                BusEvent::Entry(..) | BusEvent::Told(_) => 0,
                BusEvent::Restored => 1,
                BusEvent::Hint | BusEvent::Rights => 2,
            }] += 1;
        }
        counts
    }

    #[test]
    fn a_relay_that_is_behind_is_told_once_that_it_missed_something() {
        let (inbox, mut events, _) = inbox(2);
        (0..5).for_each(|_| inbox.arrived(b"room:general", &proved()));
        assert_eq!(all(&mut events), [2, 1, 0]);
        (0..1_000).for_each(|_| inbox.subscribed());
        assert_eq!(
            all(&mut events),
            [0, 1, 0],
            "many rooms at once are one look"
        );
    }

    #[test]
    fn what_nobody_proves_is_a_hint_and_a_flood_of_it_one() {
        let (inbox, mut events, meters) = inbox(2);
        (0..1_000).for_each(|_| inbox.arrived(b"room:general", CLAIMED));
        assert_eq!(all(&mut events), [0, 0, 1]);
        assert_eq!(
            (meters.bus_unproven.get(), meters.bus_junk.get()),
            (1_000, 0)
        );
        *inbox.key.write() = Key::new(&[8; 32]);
        inbox.arrived(b"room:general", &proved());
        assert_eq!(all(&mut events), [0, 0, 1], "signed with another key");
    }

    #[test]
    fn junk_is_counted_and_nothing_else() {
        let (inbox, mut events, meters) = inbox(2);
        inbox.arrived(b"room:general", br#"{"test": true}"#);
        inbox.arrived(b"room:random", &proved());
        inbox.arrived(HEADCOUNT.as_bytes(), b"many");
        inbox.arrived(b"\xff", b"\xff");
        assert_eq!(meters.bus_junk.get(), 3);
        assert_eq!(all(&mut events), [0; 3]);
        assert_eq!(inbox.headcount(), None);
    }

    #[test]
    fn a_subscription_is_good_while_probes_of_all_servers_come_back() {
        let now = Instant::now();
        let ear = Ear::default();
        assert!(!ear.hears(now) && !ear.deaf(now), "there is none");
        let mut ear = Ear::of(&["p:1".to_owned(), "p:2".to_owned()], now);
        assert!(!ear.hears(now) && !ear.deaf(now), "not known yet");
        assert!(ear.deaf(now + TRUSTED), "never heard anything");
        let later = now + TRUSTED / 2;
        ear.hear("p:1", later);
        ear.hear("p:3", later);
        assert!(!ear.hears(later) && !ear.was_good(), "one of two");
        assert!(ear.deaf(now + TRUSTED), "the other");
        ear.hear("p:2", later);
        assert!(ear.hears(later) && ear.was_good() && !ear.deaf(now + TRUSTED));
        assert!(!ear.hears(later + TRUSTED) && ear.deaf(later + TRUSTED));
    }

    #[test]
    fn a_new_connection_starts_without_credit() {
        let (inbox, mut events, _) = inbox(2);
        let probe = inbox.probe().to_owned();
        inbox.opened(std::slice::from_ref(&probe));
        assert_eq!(events.now(), Some(BusEvent::Restored));
        inbox.arrived(probe.as_bytes(), b"");
        inbox.arrived(HEADCOUNT.as_bytes(), b"5");
        assert!(inbox.hears() && inbox.headcount() == Some(5));
        assert!(inbox.closed(), "it was good");
        assert!(!inbox.hears() && inbox.headcount().is_none());
        assert!(!inbox.closed(), "it was good no more");
    }
}
