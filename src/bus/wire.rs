//! Messages as they travel between instances: written from what was committed, read with doubt.
use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::error::Category;

use super::channel::RoomChannel;
use super::events::Said;
use super::incoming::Incoming;
use super::key::{DIGITS, Key};
use crate::model::{Entry, Epoch, Lineage, Number, RoomName, Told, What};

/// How many people are online, as a decimal number and not as JSON.
pub(super) const HEADCOUNT: &str = "room:headcount";
/// What happens in all rooms beside their messages. A room of that name has the channel as well;
/// what has no `seq` is none of its messages.
pub(super) const NOTICES: &str = "room:notices";

/// More than any message of ours: 4,000 characters of which each is escaped as a surrogate pair.
const MAX_BYTES: usize = 64 * 1024;

/// Before and after the tag, which ends every object of ours.
const MAC: &[u8] = b",\"mac\":\"";
const END: &[u8] = b"\"}";

/// The object that readers get, plus who published it.
#[derive(Serialize)]
struct Outgoing<'a, T> {
    #[serde(flatten)]
    of: &'a T,
    /// The name of an event of the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'static str>,
    instance: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<&'a Epoch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeline: Option<i64>,
}

impl<'a, T> Outgoing<'a, T> {
    fn of(said: &'a Said<T>, instance: &'a str) -> Self {
        let lineage = said.lineage.as_ref();
        Self {
            of: &said.what,
            event: None,
            instance,
            epoch: lineage.map(|lineage| &lineage.epoch),
            timeline: lineage.and_then(|lineage| lineage.timeline),
        }
    }
}

pub(super) fn encode(said: &Said<Entry>, instance: &str, channel: &str, key: &Key) -> Vec<u8> {
    let text = said.what.text().len();
    let outgoing = Outgoing {
        event: match &said.what.what {
            What::Message(_) => None,
            What::Event(event) => Some(event.name()),
        },
        ..Outgoing::of(said, instance)
    };
    sealed(&outgoing, text, channel, key)
}

pub(super) fn encode_told(told: &Said<Told>, instance: &str, key: &Key) -> Vec<u8> {
    sealed(&Outgoing::of(told, instance), 0, NOTICES, key)
}

/// That rights changed; what changed is in the database.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Beside {
    Rights {},
}

pub(super) fn encode_rights(instance: &str, key: &Key) -> Vec<u8> {
    let said = Said {
        what: Beside::Rights {},
        lineage: None,
    };
    sealed(&Outgoing::of(&said, instance), 0, NOTICES, key)
}

/// An object, in which there are so many bytes of text, with the key `mac` as its last: what it proves is every byte before it and the
/// channel, whatever keys other versions have. docs/cluster.md says how to check it.
fn sealed(of: &impl Serialize, text: usize, channel: &str, key: &Key) -> Vec<u8> {
    let mut object = Vec::with_capacity(320 + text);
    serde_json::to_writer(&mut object, of).expect("strings and numbers are always JSON");
    object.pop(); // the brace that closes it
    let signed = object.len();
    object.extend_from_slice(MAC);
    let mut tag = Vec::with_capacity(DIGITS);
    key.sign(channel, &object[..signed], &mut tag);
    object.extend_from_slice(&tag);
    object.extend_from_slice(END);
    object
}

/// Whether an instance of this database published exactly this on that channel.
fn is_sealed(payload: &[u8], channel: &str, key: &Key) -> bool {
    let signed = payload.len().checked_sub(MAC.len() + DIGITS + END.len());
    let Some((object, tail)) = signed.map(|signed| payload.split_at(signed)) else {
        return false;
    };
    let tag = tail.strip_prefix(MAC).and_then(|t| t.strip_suffix(END));
    tag.is_some_and(|tag| key.proves(channel, object, tag))
}

/// The same of a notice.
#[derive(Deserialize)]
struct Of<'a> {
    #[serde(default, borrow)]
    epoch: Option<Cow<'a, str>>,
    #[serde(default)]
    timeline: Option<i64>,
}

fn lineage(epoch: Option<&str>, timeline: Option<i64>) -> Option<Lineage> {
    let epoch = Epoch::named(epoch?);
    Some(Lineage { epoch, timeline })
}

/// Why something on a channel is no message of ours. The texts never quote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Junk {
    #[error("{0} bytes are more than any message has")]
    TooLong(usize),
    #[error("not the JSON of a message ({0:?})")]
    Json(Category),
    #[error("not of the room whose channel this is")]
    Room,
    #[error("id and seq start at 1")]
    Place,
    #[error("a nickname that nobody can have")]
    User,
    #[error("a content that nobody can send")]
    Content,
    #[error("an event of no known kind")]
    Event,
    #[error("a notice without a valid mac")]
    Notice,
    #[error("not a number of people")]
    Headcount,
}

/// What a message on the bus is worth.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Heard {
    /// An instance of this database says so of the room with that channel.
    Proved(RoomChannel, Said<Entry>),
    /// An instance of this database says that this happened in a room.
    Told(Said<Told>),
    /// An instance of this database says that rights changed.
    Rights,
    /// Any client of the bus may have said so.
    Claimed,
}

/// Reads what arrived on `channel`. Refuses what this program cannot have committed; should it
/// be true all the same (an operator wrote it into the database), the store will tell.
pub(super) fn parse(channel: &str, payload: &[u8], key: &Key) -> Result<Heard, Junk> {
    let sealed = is_sealed(payload, channel, key);
    if channel == NOTICES
        && payload.len() <= MAX_BYTES
        && let Ok(what) = serde_json::from_slice(payload)
    {
        let of = serde_json::from_slice::<Of<'_>>(payload).ok();
        let lineage = of.and_then(|of| lineage(of.epoch.as_deref(), of.timeline));
        return if sealed {
            Ok(Heard::Told(Said { what, lineage }))
        } else {
            Err(Junk::Notice)
        };
    }
    if channel == NOTICES
        && payload.len() <= MAX_BYTES
        && let Ok(Beside::Rights {}) = serde_json::from_slice(payload)
    {
        return if sealed {
            Ok(Heard::Rights)
        } else {
            Err(Junk::Notice)
        };
    }
    let (of, entry) = entry(channel, payload)?;
    if sealed && entry.what.number > Number::default() {
        Ok(Heard::Proved(of, entry))
    } else {
        Ok(Heard::Claimed)
    }
}

fn entry(channel: &str, payload: &[u8]) -> Result<(RoomChannel, Said<Entry>), Junk> {
    if payload.len() > MAX_BYTES {
        return Err(Junk::TooLong(payload.len()));
    }
    // A derived reader would take an array of the values as well; the contract is an object.
    if !payload.trim_ascii_start().starts_with(b"{") {
        return Err(Junk::Json(Category::Syntax));
    }
    let incoming: Incoming<'_> =
        serde_json::from_slice(payload).map_err(|e| Junk::Json(e.classify()))?;
    let (of, room) = room(channel, &incoming.room)?;
    let lineage = lineage(incoming.epoch.as_deref(), incoming.timeline);
    let what = incoming.entry(room)?;
    Ok((of, Said { what, lineage }))
}

/// The room that a message says it is of, on that channel. Of a hidden room the channel does not tell
/// the name.
fn room(channel: &str, claimed: &str) -> Result<(RoomChannel, RoomName), Junk> {
    let of = RoomChannel::named(channel).ok_or(Junk::Room)?;
    let room = RoomName::asked(claimed).0.ok_or(Junk::Room)?;
    match &of {
        // To the letter: all instances call a room as the database does.
        RoomChannel::Public(named) if named.as_str() != claimed => Err(Junk::Room),
        _ => Ok((of, room)),
    }
}

#[cfg(test)]
mod tests;
