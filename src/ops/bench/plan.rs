//! What is asked of a run.
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::stamp::STAMP;
use crate::client::Transport;
use crate::ops::probe::instance::Site;

/// When senders send.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub enum Load {
    /// Messages a second, whatever the server does: latency counts from when each was due.
    #[serde(rename = "rate")]
    OpenLoop(f64),
    /// So many on their way at any time: the next goes when one is acknowledged.
    #[serde(rename = "window")]
    ClosedLoop(u32),
}

/// What to measure against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Running instances; connections are spread over them.
    Sites(Vec<Site>),
    /// A bare fan-out in this process: the same bytes to the same readers, and nothing else.
    Fanout,
}

impl Subject {
    /// What it is called.
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::Sites(sites) => sites.iter().map(ToString::to_string).collect(),
            Self::Fanout => vec!["a bare fan-out".to_owned()],
        }
    }
}

/// One run, as far as its report tells it.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    #[serde(serialize_with = "names")]
    pub subject: Subject,
    /// Readers, spread over the rooms.
    pub connections: usize,
    pub rooms: usize,
    /// Senders, on connections of their own, spread over the rooms.
    pub senders: usize,
    #[serde(flatten)]
    pub load: Load,
    /// Of a hundred things that a sender does, so many are done to its own messages.
    pub events: u8,
    /// Bytes in a message.
    pub size: usize,
    /// Not measured, but checked.
    #[serde(skip)]
    pub warmup: Duration,
    #[serde(skip)]
    pub duration: Duration,
    /// How readers are connected, in turn.
    #[serde(rename = "transport", serialize_with = "in_a_word")]
    pub transports: Vec<Transport>,
    /// Readers over events and frames cut their connection about so often, and go on elsewhere.
    #[serde(skip)]
    pub reconnect: Option<Duration>,
    /// Readers more, which take a little now and then. What they get is not counted.
    #[serde(skip)]
    pub slow: usize,
    /// Connections that never say anything, or not all of it.
    #[serde(skip)]
    pub silent: usize,
    /// Threads that read.
    #[serde(skip)]
    pub threads: usize,
    /// Without any progress for so long after the end, the run is over.
    #[serde(skip)]
    pub patience: Duration,
}

fn names<S: Serializer>(subject: &Subject, to: S) -> Result<S::Ok, S::Error> {
    subject.names().serialize(to)
}

fn in_a_word<S: Serializer>(transports: &[Transport], to: S) -> Result<S::Ok, S::Error> {
    word(transports).serialize(to)
}

/// How readers are connected, in a word.
pub fn word(transports: &[Transport]) -> &'static str {
    match transports {
        [Transport::Tcp] => "tcp",
        [Transport::Sse] => "sse",
        [Transport::Ws] => "ws",
        _ => "mixed",
    }
}

/// The most that a stamp can count, with room to spare.
const LONGEST: Duration = Duration::from_secs(3_600);

/// Each event is about a message that had none.
const MOST_EVENTS: u8 = 50;

/// Where one connection belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seat {
    pub(super) room: usize,
    pub(super) site: usize,
    pub(super) transport: Transport,
}

impl Plan {
    /// Why it cannot be run, if it cannot.
    pub fn fault(&self) -> Option<String> {
        let load = match self.load {
            Load::OpenLoop(rate) => rate > 0.0 && rate.is_finite(),
            Load::ClosedLoop(window) => window > 0,
        };
        let faults = [
            (
                self.connections + self.senders + self.slow + self.silent > 0,
                "there is nothing to connect".to_owned(),
            ),
            (
                self.rooms > 0 && self.threads > 0,
                "rooms and threads are at least one".to_owned(),
            ),
            (
                load,
                "the rate or window must be more than nothing".to_owned(),
            ),
            (
                self.events <= MOST_EVENTS,
                format!(
                    "at most {MOST_EVENTS} in a hundred are events: each needs a message of its own"
                ),
            ),
            (
                self.subject != Subject::Fanout || self.events == 0,
                "the bare fan-out has no messages to edit".to_owned(),
            ),
            (
                self.size >= STAMP,
                format!("a message has at least {STAMP} bytes"),
            ),
            (
                self.warmup + self.duration <= LONGEST,
                format!(
                    "warm-up and duration are at most {} s together",
                    LONGEST.as_secs()
                ),
            ),
            (
                !self.transports.is_empty(),
                "there is no transport".to_owned(),
            ),
            (
                self.reconnect.is_none() || self.transports != [Transport::Tcp],
                "a line has no place to go on from: reconnecting needs sse, ws or mixed".to_owned(),
            ),
            (
                self.reconnect.is_none_or(|every| !every.is_zero()),
                "the time between reconnections must be more than nothing".to_owned(),
            ),
            (
                self.subject != Subject::Fanout || self.slow + self.silent == 0,
                "the bare fan-out has no clients to be slow or silent with".to_owned(),
            ),
            (
                self.subject != Subject::Fanout
                    || (self.transports == [Transport::Tcp] && self.rooms == 1),
                "the bare fan-out has one room and speaks TCP only".to_owned(),
            ),
            (
                self.subject != Subject::Fanout || self.connections * self.senders > 0,
                "the bare fan-out needs readers and senders".to_owned(),
            ),
        ];
        faults
            .into_iter()
            .find_map(|(fine, fault)| (!fine).then_some(fault))
    }

    pub(super) fn sites(&self) -> usize {
        match &self.subject {
            Subject::Sites(sites) => sites.len().max(1),
            Subject::Fanout => 1,
        }
    }

    /// Reader `i`: rooms first, then instances, then transports.
    pub(super) fn reader(&self, i: usize) -> Seat {
        let (sites, transports) = (self.sites(), &self.transports);
        Seat {
            room: i % self.rooms,
            site: i / self.rooms % sites,
            transport: transports[i / self.rooms / sites % transports.len()],
        }
    }

    /// Sender `i`. Senders use TCP: a line needs no answer before the next.
    pub(super) fn sender(&self, i: usize) -> Seat {
        Seat {
            room: i % self.rooms,
            site: i / self.rooms % self.sites(),
            transport: Transport::Tcp,
        }
    }

    /// Whether a reader that sits there goes on elsewhere when its connection ends.
    pub(super) fn reconnects(&self, seat: Seat) -> bool {
        self.reconnect.is_some() && seat.transport != Transport::Tcp
    }

    /// Connections of all kinds.
    pub(super) fn all(&self) -> usize {
        self.connections + self.senders + self.slow + self.silent
    }

    pub(super) fn readers_in(&self, room: usize) -> usize {
        spread(self.connections, self.rooms, room)
    }

    pub(super) fn senders_in(&self, room: usize) -> usize {
        spread(self.senders, self.rooms, room)
    }

    /// When sending ends, in microseconds since the start.
    pub(super) fn end(&self) -> u64 {
        micros(self.warmup + self.duration)
    }
}

/// How many of `all` fall to place `i` of `places`.
fn spread(all: usize, places: usize, i: usize) -> usize {
    all / places + usize::from(i < all % places)
}

pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// The name of a room of the load; always as long, so that lines are.
pub(super) fn room_name(room: usize) -> String {
    format!("bench-{room:04}")
}
