//! One connection: what came in part, and what reads it.
use std::io::{self, ErrorKind, Read, Write};

use memchr::memmem;

use super::entries::{self, Kind, Place, Shown, Stands};
use super::ledger::Ledger;
use super::pipe::Pipe;
use super::reconnect::Reconnect;
use super::sender::Sender;
use super::stamp::Stamp;
use super::tally::Tally;
use crate::client::Transport;
use crate::client::raw::Opened;
use crate::client::wire::{Broken, PING, Wire, pong};

/// What came in part is no longer than this, or it is no message.
const MOST_KEPT: usize = 64 << 10;

/// A connection of the load.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) pipe: Pipe,
    pub(super) role: Role,
    /// If it goes on elsewhere when its connection ends.
    pub(super) reconnect: Option<Reconnect>,
    wire: Wire,
    kept: Vec<u8>,
    /// Whether entries are told apart, and their places looked at.
    follows: bool,
}

/// What is at our end.
#[derive(Debug)]
pub(super) enum Role {
    Reader {
        room: u32,
        ledger: Ledger,
        /// Where places are looked at: it reconnects, or there are events.
        place: Option<Place>,
    },
    Sender {
        sender: Sender,
        readers: u64,
    },
}

/// How a read went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Got {
    /// As much as there was room for.
    Full,
    /// All that was there.
    Some,
    Nothing,
}

impl From<Broken> for io::Error {
    fn from(_: Broken) -> Self {
        ErrorKind::InvalidData.into()
    }
}

impl Link {
    pub(super) fn new(
        opened: Opened,
        transport: Transport,
        role: Role,
        reconnect: Option<Reconnect>,
    ) -> Self {
        let follows = match &role {
            Role::Reader { place, .. } => place.is_some(),
            Role::Sender { sender, .. } => sender.changes_messages(),
        };
        Self {
            pipe: Pipe::new(opened.stream, opened.tls),
            follows,
            role,
            reconnect,
            wire: Wire::of(transport),
            kept: opened.rest,
        }
    }

    /// Takes in what was read already while connecting.
    pub(super) fn begin(&mut self, tally: &mut Tally) -> io::Result<()> {
        let mut rest = std::mem::take(&mut self.kept);
        self.digest(&mut rest, 0, tally)
    }

    /// Reads once into `buffer`, which all connections of a lane share.
    pub(super) fn read(&mut self, buffer: &mut [u8], tally: &mut Tally) -> io::Result<Got> {
        let begun = self.kept.len();
        buffer[..begun].copy_from_slice(&self.kept);
        let count = match self.pipe.read(&mut buffer[begun..]) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Got::Nothing),
            Err(error) => return Err(error),
        };
        let end = begun + count;
        self.digest(&mut buffer[..end], begun, tally)?;
        Ok(if end == buffer.len() {
            Got::Full
        } else {
            Got::Some
        })
    }

    /// Takes in `bytes`, of which those from `fresh` on were read just now.
    fn digest(&mut self, bytes: &mut [u8], fresh: usize, tally: &mut Tally) -> io::Result<()> {
        let now = tally.clock();
        let end = self.wire.strip(bytes, fresh)?;
        let bytes = &bytes[..end];
        let mut at = 0;
        while let Some(length) = self.wire.unit(&bytes[at..])? {
            let unit = &bytes[at..at + length];
            at += length;
            let shown = if self.follows {
                entries::shown(&self.wire, unit)
            } else {
                None
            };
            let content = self.wire.content(unit, tally.orders.size);
            let stamp = content.and_then(|content| tally.orders.run.read(content));
            match (shown, stamp) {
                (Some(shown), stamp) if shown.kind == Kind::Event => {
                    self.role.see_event(shown, unit, stamp, now, tally);
                }
                (shown, Some(stamp)) => self.role.see(stamp, shown, now, tally),
                (Some(shown), None) => self.see_another(shown, unit, now, tally),
                (None, None) => self.hear(unit, tally)?,
            }
        }
        self.kept.clear();
        self.kept.extend_from_slice(&bytes[at..]);
        if self.kept.len() > MOST_KEPT {
            Err(ErrorKind::InvalidData.into())
        } else {
            Ok(())
        }
    }

    /// Something that is not of this run.
    #[cold]
    fn hear(&mut self, unit: &[u8], tally: &mut Tally) -> io::Result<()> {
        match (&self.wire, &mut self.role) {
            (Wire::Frames, _) if unit.first() == Some(&PING) => {
                // A socket that does not take twenty bytes is not idle, and needs no answer.
                would_block(self.pipe.write(&pong(unit)))?;
            }
            (Wire::Lines, Role::Sender { sender, .. }) => {
                let Some(why) = unit.strip_prefix(b"[system] ") else {
                    return Ok(());
                };
                if let Some(why) = why.strip_prefix(b"not sent: ") {
                    sender.refused();
                    tally.refused(kind(why).unwrap_or("refused"));
                } else if let Some(kind) = kind(why)
                    && sender.refused_event()
                {
                    tally.refused(kind);
                }
            }
            _ if self.reconnect.is_some() && is_gap(unit) => tally.error("gap"),
            _ => {}
        }
        Ok(())
    }

    /// A message without a stamp: another's, or one of this run that was deleted meanwhile.
    #[cold]
    fn see_another(&mut self, shown: Shown, unit: &[u8], now: u64, tally: &mut Tally) {
        if let Role::Reader {
            place: Some(place), ..
        } = &mut self.role
        {
            let is_ours = place.has_begun() && entries::is_gone(&self.wire, unit);
            note(place.enter(shown.seq, false), tally);
            if is_ours {
                tally.delivered_undated(now);
            }
        }
    }

    /// Whether it can go on elsewhere.
    pub(super) fn reconnects(&self) -> bool {
        self.reconnect.is_some() && self.role.last().is_some()
    }

    /// Sends what is due, as far as the socket takes it.
    pub(super) fn send(&mut self, tally: &mut Tally) -> io::Result<()> {
        let Role::Sender { sender, .. } = &mut self.role else {
            return Ok(());
        };
        loop {
            let (now, orders) = (tally.watch.micros(), tally.orders);
            sender.fill(&orders, now, |due, kind| tally.sent(due, kind));
            if sender.out.is_empty() {
                return Ok(());
            }
            match would_block(self.pipe.write(&sender.out))? {
                0 => return Ok(()),
                count => drop(sender.out.drain(..count)),
            }
        }
    }
}

impl Role {
    #[inline]
    fn see(&mut self, stamp: Stamp, shown: Option<Shown>, now: u64, tally: &mut Tally) {
        let due = u64::from(stamp.micros);
        match self {
            Self::Reader {
                room,
                ledger,
                place,
            } => {
                if let (Some(place), Some(shown)) = (place, shown) {
                    note(place.enter(shown.seq, true), tally);
                }
                let rooms = tally.orders.rooms as u32;
                let came = if stamp.sender % rooms == *room {
                    ledger.enter((stamp.sender / rooms) as usize, stamp.counter)
                } else {
                    None
                };
                tally.delivered(came, due, now);
            }
            Self::Sender { sender, readers } => {
                if let Some(came) = sender.see(stamp, shown.map(|shown| shown.seq)) {
                    tally.acknowledged(came, due, now, *readers);
                }
            }
        }
    }

    /// Something was done to a message; an edit's text has the stamp of when it was due.
    fn see_event(
        &mut self,
        shown: Shown,
        unit: &[u8],
        stamp: Option<Stamp>,
        now: u64,
        tally: &mut Tally,
    ) {
        match self {
            Self::Reader { place, .. } => {
                let Some(place) = place else { return };
                let (came, stands) = place.enter_event(shown.seq);
                note(stands, tally);
                if let Some(came) = came {
                    tally.delivered_event(came, stamp.map(|stamp| stamp.micros.into()), now);
                }
            }
            Self::Sender { sender, readers } => {
                let target = entries::target(unit);
                if let Some(due) = target.and_then(|target| sender.see_event(target)) {
                    tally.acknowledged_event(due, now, *readers);
                }
            }
        }
    }

    /// The place of the last entry, where places are looked at.
    pub(super) fn last(&self) -> Option<u64> {
        match self {
            Self::Reader { place, .. } => place.as_ref()?.last,
            Self::Sender { .. } => None,
        }
    }
}

fn note(stands: Stands, tally: &mut Tally) {
    if stands == Stands::Elsewhere {
        tally.error("not_consecutive");
    }
}

/// How an event and a frame tell that messages are missing.
const GAPS: [&[u8]; 2] = [b"event: gap\n", br#""type":"gap""#];

fn is_gap(unit: &[u8]) -> bool {
    GAPS.iter().any(|gap| memmem::find(unit, gap).is_some())
}

fn would_block(written: io::Result<usize>) -> io::Result<usize> {
    match written {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}

/// What kind of refusal it is, by the server's words.
fn kind(why: &[u8]) -> Option<&'static str> {
    const KINDS: [(&str, &str); 10] = [
        ("too many messages", "rate_limited"),
        ("too many requests", "rate_limited"),
        ("cannot ", "refused"),
        ("there is no such message", "refused"),
        ("busy", "busy"),
        ("the database is busy", "database_busy"),
        ("database unavailable", "database_unavailable"),
        ("the database has no space", "storage_full"),
        ("the database went away", "outcome_unknown"),
        ("the server is restarting", "stopping"),
    ];
    KINDS
        .iter()
        .find(|(words, _)| why.starts_with(words.as_bytes()))
        .map(|(_, kind)| *kind)
}
