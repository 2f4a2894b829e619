//! A chunk: some consecutive entries of a room, encoded at most once for each wire format and
//! then shared by all who read them.
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::amend::{self, Amendments};
use super::archived::Unreadable;
use crate::model::{Details, Entry, Epoch, Event, Notice, RoomName, Seq, What};

/// What a reader is given: an entry of the log, or something beside it.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    Entry(Entry),
    /// What happened beside the log: shown, not stored, without a `seq`.
    Notice(Notice),
    /// These were committed but are stored here no more. `from` is unknown where a reader
    /// resumed at something that is no position.
    Gap {
        room: RoomName,
        from: Option<Seq>,
        to: Seq,
    },
    /// The past is another one than it was, in another epoch: of what the reader holds, only what is up
    /// to `last_seq` is still so, or nothing where its position was of another epoch. What comes
    /// next is the one after that.
    Reset {
        room: RoomName,
        epoch: Epoch,
        last_seq: Seq,
    },
    /// What comes next cannot be read now: it is tried again.
    Unreadable {
        room: RoomName,
        why: Unreadable,
    },
    /// Nothing comes any more.
    End {
        room: RoomName,
        why: End,
    },
}

named! {
    /// Why the reading of a room is over. The names are part of the interface.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum End {
        /// It is not there any more.
        NoSuchRoom => "no_such_room",
        /// The reader may not read it any more.
        Forbidden => "forbidden",
        /// The token has expired by which it was opened.
        ExpiredToken => "expired_token",
    }
}

impl Item {
    /// The same, of a room that its reader calls otherwise. Nothing else is told of comings and goings
    /// there.
    fn shown_as(&self, name: &RoomName) -> Self {
        let mut item = self.clone();
        match &mut item {
            Self::Entry(entry) => entry.room = name.clone(),
            Self::Gap { room, .. }
            | Self::Reset { room, .. }
            | Self::Unreadable { room, .. }
            | Self::End { room, .. } => {
                *room = name.clone();
            }
            Self::Notice(Notice::Typing { room, .. }) => *room = name.clone(),
            Self::Notice(_) => {}
        }
        item
    }

    /// The last `seq` that a reader has behind it after this entry, if it moves that.
    fn reaches(&self) -> Option<Seq> {
        match self {
            Self::Entry(entry) => Some(entry.seq),
            Self::Gap { to, .. } => Some(*to),
            Self::Notice(_) | Self::Reset { .. } | Self::Unreadable { .. } | Self::End { .. } => {
                None
            }
        }
    }

    /// Roughly what the entry takes in a wire format.
    fn size(&self) -> usize {
        match self {
            Self::Entry(of) => 128 + of.user.len() + of.text().len() + details_size(of),
            Self::Notice(notice) => 64 + notice_size(notice),
            Self::Gap { .. } => 64,
            Self::Reset { .. } | Self::Unreadable { .. } | Self::End { .. } => 128,
        }
    }

    /// What the entry may come to occupy: itself, and each form in which readers ask for it. A
    /// line for each line of a text, with room and name before it, is many times the text.
    fn weight(&self) -> usize {
        let as_json = self.json_size();
        match self {
            Self::Entry(of) => {
                let text = of.text();
                let lines = 1 + memchr::memchr_iter(b'\n', text.as_bytes()).count();
                let prefix = of.room.as_str().len() + of.user.len() + LINE_MARKS;
                let as_lines = text.len() + lines * prefix;
                self.size() + as_lines + JSON_FORMS * as_json
            }
            _ => self.size() + as_json + JSON_FORMS * as_json,
        }
    }

    /// How long it is as a JSON object, nearly.
    fn json_size(&self) -> usize {
        match self {
            Self::Entry(of) => json_size(of),
            _ => self.size() + JSON_MARKS,
        }
    }
}

/// How long it is in words, at most.
fn notice_size(notice: &Notice) -> usize {
    const AROUND: usize = 64;
    let names = match notice {
        Notice::Joined { nickname, .. }
        | Notice::Left { nickname, .. }
        | Notice::Typing { nickname, .. } => nickname.len(),
        Notice::Renamed {
            nickname, before, ..
        } => nickname.len() + before.len(),
        Notice::Removed { nickname, by, .. } => nickname.len() + by.len(),
        Notice::Crowd { .. } => 0,
    };
    AROUND + notice.room().as_str().len() + names
}

/// All formats but one are JSON: events, the same in chunks, frames.
const JSON_FORMS: usize = Format::SHARED.len() - 1;
/// What stands around a line's room, name and text.
const LINE_MARKS: usize = 6;
/// The names, numbers and quotes of an entry's object, and the event or frame around it.
const JSON_MARKS: usize = 176;
/// What a chunk takes beside its entries.
const CHUNK: usize = 512;

/// How long an entry is as a JSON object, nearly: quotes and newlines take two places.
pub(super) fn json_size(entry: &Entry) -> usize {
    let text = entry.text().as_bytes();
    let escaped = memchr::memchr3_iter(b'"', b'\\', b'\n', text).count();
    let names = entry.room.as_str().len() + entry.user.len();
    JSON_MARKS + names + text.len() + escaped + details_size(entry)
}

/// What few entries have beside a text.
fn details_size(entry: &Entry) -> usize {
    const DETAILS: usize = 160;
    let names = |names: &[Arc<str>]| names.iter().map(|name| name.len() + 3).sum::<usize>();
    let reactions = |of: &crate::model::Reactions| {
        let sizes = of
            .iter()
            .map(|(emoji, of)| 64 + emoji.len() + names(&of.users));
        sizes.sum::<usize>()
    };
    match &entry.what {
        What::Message(message) => message.details.as_deref().map_or(0, |of: &Details| {
            let name = of.display_name.as_ref().map_or(0, |name| name.len());
            DETAILS + name + names(&of.mentions) + reactions(&of.reactions)
        }),
        What::Event(event) => match &**event {
            Event::Reacted { reactions: of, .. } => DETAILS + reactions(of),
            _ => DETAILS,
        },
    }
}

/// The wire formats in which entries are asked for. A chunk keeps one encoding of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Lines of text.
    Lines,
    /// Server-Sent Events.
    Events,
    /// Server-Sent Events, each in a chunk of HTTP's.
    ChunkedEvents,
    /// The text of WebSocket frames.
    Frames,
    /// Lines as few clients ask for them, encoded for each of these alone.
    LinesShowing(Showing),
    /// Server-Sent Events without those of the log's events, and the same in chunks.
    Messages,
    ChunkedMessages,
}

/// What a terminal is shown beside what is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Showing {
    /// The time before each line.
    pub time: bool,
    /// The place before each message.
    pub seq: bool,
    /// What is done to messages.
    pub events: bool,
}

impl Format {
    /// Those that a chunk in memory keeps for all.
    const SHARED: [Self; 4] = [Self::Lines, Self::Events, Self::ChunkedEvents, Self::Frames];
    const COUNT: usize = 7;

    /// Whether readers share what is encoded so.
    pub fn is_shared(self) -> bool {
        Self::SHARED.contains(&self)
    }

    fn place(self) -> usize {
        match self {
            Self::Lines => 0,
            Self::Events => 1,
            Self::ChunkedEvents => 2,
            Self::Frames => 3,
            Self::LinesShowing(_) => 4,
            Self::Messages => 5,
            Self::ChunkedMessages => 6,
        }
    }
}

/// Writes an entry in a format. There is one such function for all formats, so that no two
/// formats can have one place.
pub type Encode = fn(Format, &Item, &mut Vec<u8>);

/// Entries in one wire format: the bytes, and where each entry ends in them.
#[derive(Debug)]
pub struct Encoded {
    bytes: Bytes,
    ends: Box<[usize]>,
}

impl Encoded {
    fn new(entries: &[Item], format: Format, encode: Encode) -> Self {
        let mut bytes = Vec::with_capacity(entries.iter().map(Item::size).sum());
        let ends = entries
            .iter()
            .map(|entry| {
                encode(format, entry, &mut bytes);
                bytes.len()
            })
            .collect();
        Self {
            bytes: bytes.into(),
            ends,
        }
    }

    /// Where entry `i` begins.
    fn start(&self, i: usize) -> usize {
        i.checked_sub(1).map_or(0, |before| self.ends[before])
    }

    /// The bytes of entries `from..to`.
    pub fn span(&self, from: usize, to: usize) -> &[u8] {
        &self.bytes[self.start(from)..self.start(to)]
    }

    /// The bytes of one entry, for who keeps them.
    pub fn shared(&self, entry: usize) -> Bytes {
        self.bytes.slice(self.start(entry)..self.ends[entry])
    }

    /// Counted from the beginning of `from`: how many whole entries lie within the first
    /// `written` bytes, and what is left of the one that was begun.
    pub fn split(&self, from: usize, written: usize) -> (usize, &[u8]) {
        let at = self.start(from) + written;
        let whole = self.ends[from..].partition_point(|end| *end <= at);
        let begun = from + whole;
        let rest = match self.ends.get(begun) {
            Some(end) if self.start(begun) < at => &self.bytes[at..*end],
            _ => &[],
        };
        (whole, rest)
    }
}

/// Consecutive items of one room.
#[derive(Debug)]
pub struct Chunk {
    items: Vec<Item>,
    encoded: [OnceLock<Box<Encoded>>; Format::COUNT],
    /// What it may come to occupy.
    weight: usize,
    /// When the oldest message in it was accepted here; `None` for what was read back.
    pub(super) accepted: Option<Instant>,
}

impl Chunk {
    pub(super) fn new(items: Vec<Item>, accepted: Option<Instant>) -> Arc<Self> {
        let weight = CHUNK + items.iter().map(Item::weight).sum::<usize>();
        Arc::new(Self {
            items,
            weight,
            encoded: Default::default(),
            accepted,
        })
    }

    /// A chunk for consecutive entries, in which holes are named. `next` is the `seq` that the reader
    /// expects first. What is done to a message further on is done to it here.
    pub(super) fn of_entries(
        mut entries: Vec<Entry>,
        next: Seq,
        accepted: Option<Instant>,
    ) -> Arc<Self> {
        amend::each_other(&mut entries);
        let mut expected = next;
        let mut items = Vec::with_capacity(entries.len());
        for entry in entries {
            if entry.seq > expected {
                items.push(Item::Gap {
                    room: entry.room.clone(),
                    from: Some(expected),
                    to: entry.seq.previous(),
                });
            }
            expected = entry.seq.next();
            items.push(Item::Entry(entry));
        }
        Self::new(items, accepted)
    }

    /// What its events do to other entries.
    pub(super) fn amendments(&self) -> Amendments<'_> {
        Amendments::of(self.items.iter().filter_map(|item| match item {
            Item::Entry(entry) => Some(entry),
            _ => None,
        }))
    }

    /// This after later events; `None` where they change nothing of it.
    pub(super) fn amended(&self, by: &Amendments<'_>) -> Option<Arc<Self>> {
        let mut amended: Option<Vec<Item>> = None;
        for (at, item) in self.items.iter().enumerate() {
            let Item::Entry(entry) = item else { continue };
            if let Some(after) = by.applied_to(entry) {
                amended.get_or_insert_with(|| self.items.clone())[at] = Item::Entry(after);
            }
        }
        amended.map(|items| Self::new(items, self.accepted))
    }

    /// The same entries, in a room that their reader calls otherwise: encoded for that reader alone.
    pub(super) fn shown_as(&self, name: &RoomName) -> Arc<Self> {
        let items = self.items.iter().map(|item| item.shown_as(name));
        Self::new(items.collect(), self.accepted)
    }

    /// The same for one reader alone, that wants it in a form which others do not share.
    pub fn own(&self) -> Arc<Self> {
        Self::new(self.items.clone(), self.accepted)
    }

    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The chunk in `format`, encoded now if no reader asked before.
    pub fn encoded(&self, format: Format, encode: Encode) -> &Encoded {
        let encoded = || Box::new(Encoded::new(&self.items, format, encode));
        self.encoded[format.place()].get_or_init(encoded)
    }

    /// The highest `seq` reached by the first `count` entries.
    pub(super) fn reached(&self, count: usize) -> Option<Seq> {
        self.items[..count].iter().rev().find_map(Item::reaches)
    }

    /// The first entry that is at or beyond `seq`.
    pub(super) fn find(&self, seq: Seq) -> usize {
        let before = |item: &&Item| item.reaches().is_none_or(|reached| reached < seq);
        self.items.iter().take_while(before).count()
    }

    /// How many entries a reader has had who waits for `next`; those of a notice never.
    #[inline]
    pub(super) fn given_before(&self, next: Seq) -> usize {
        let first = self.items.first().and_then(Item::reaches);
        if first.is_some_and(|reached| reached < next) {
            self.find(next)
        } else {
            0
        }
    }

    pub(super) fn is_notice(&self) -> bool {
        matches!(self.items[..], [Item::Notice(_)])
    }

    pub(super) fn weight(&self) -> usize {
        self.weight
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Nickname;

    fn plain(_: Format, entry: &Item, out: &mut Vec<u8>) {
        if let Item::Notice(Notice::Joined { nickname, .. }) = entry {
            out.extend_from_slice(nickname.as_bytes());
        }
    }

    #[test]
    fn each_format_has_a_place_of_its_own() {
        let chunk = Chunk::new(vec![Item::Notice(sum())], None);
        let name = |format, _: &Item, out: &mut Vec<u8>| out.extend(format!("{format:?}").bytes());
        for format in Format::SHARED {
            let encoded = chunk.encoded(format, name);
            assert_eq!(encoded.span(0, 1), format!("{format:?}").as_bytes());
        }
    }

    fn sum() -> Notice {
        Notice::Crowd {
            room: RoomName::stored("r"),
            joined: 1,
            left: 0,
            renamed: 0,
        }
    }

    #[test]
    fn a_partial_write_is_whole_entries_and_the_rest_of_one() {
        let notice = |text: &str| {
            let room = RoomName::stored("r");
            Item::Notice(Notice::joined(&room, &Nickname::stored(text)))
        };
        let chunk = Chunk::new(vec![notice("ab"), notice("cde"), notice("f")], None);
        let encoded = chunk.encoded(Format::Lines, plain);
        assert_eq!(encoded.span(0, 3), b"abcdef");
        assert_eq!(encoded.span(1, 2), b"cde");
        assert_eq!(encoded.shared(1), "cde");
        assert_eq!(encoded.split(0, 2), (1, &b""[..]));
        assert_eq!(encoded.split(0, 3), (1, &b"de"[..]));
        assert_eq!(encoded.split(1, 4), (2, &b""[..]));
        assert_eq!(encoded.split(1, 1), (0, &b"de"[..]));
        assert_eq!(encoded.split(0, 0), (0, &b""[..]));
    }
}
