//! Writing documents: consecutive messages of a room and a month, one a line.
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Datelike, Timelike, Utc};
use parking_lot::Mutex;

use super::digest::Sum;
use super::error::ArchiveError;
use super::manifest::Entry;
use crate::model::{RoomRef, Seq, format_time};
use crate::store::history::Row;

/// A document ends with the month, or with so many messages, or so many bytes.
const MOST_ROWS: u64 = 100_000;
const MOST_BYTES: usize = 8 << 20;
/// All that a document may need: what is not used is not in memory, and nothing is moved.
const WHOLE: usize = MOST_BYTES + (256 << 10);
/// Buffers that are kept to be used again: one is filled while the other is stored.
const SPARE: usize = 2;
/// Of zstd's levels, the one at which the archive is not slower for it.
const LEVEL: i32 = 3;

/// A document that is complete, ready to be stored.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) entry: Entry,
    pub(super) bytes: Bytes,
}

impl Entry {
    /// Takes another document with the same messages in the place of the one that was made.
    pub(super) fn adopt(&mut self, bytes: &[u8]) {
        let sum = Sum::of(bytes);
        (self.size, self.sha256, self.prefixes) = (sum.size, sum.sha256, sum.prefixes);
    }
}

/// Turns rows into documents.
pub(super) struct Builder {
    room: RoomRef,
    made_at: DateTime<Utc>,
    compress: bool,
    /// Documents that were written and not entered, as first and last `seq`: they are made once
    /// more, to see that they are what they should be.
    known: BTreeMap<Seq, Seq>,
    open: Option<Open>,
    done: Vec<Document>,
    spare: Spare,
}

/// Buffers of documents that are stored. Freed and taken anew from whichever thread, they would
/// stay in memory many times over.
#[derive(Debug, Clone, Default)]
pub(super) struct Spare(Arc<Mutex<Vec<Vec<u8>>>>);

impl Spare {
    fn take(&self) -> Vec<u8> {
        let buffer = self.0.lock().pop();
        buffer.unwrap_or_else(|| Vec::with_capacity(WHOLE))
    }

    /// Keeps the buffer behind `bytes`, unless somebody still reads it.
    pub(super) fn keep(&self, bytes: Bytes) {
        let mut spare = self.0.lock();
        if bytes.is_unique() && spare.len() < SPARE {
            let mut buffer = Vec::from(bytes);
            buffer.clear();
            spare.push(buffer);
        }
    }
}

struct Open {
    text: Vec<u8>,
    count: u64,
    first: Seq,
    last: Seq,
    month: (i32, u32),
    bound: Option<Seq>,
}

impl Builder {
    pub(super) fn new(
        room: RoomRef,
        made_at: DateTime<Utc>,
        compress: bool,
        known: BTreeMap<Seq, Seq>,
        spare: Spare,
    ) -> Self {
        Self {
            room,
            made_at,
            compress,
            known,
            open: None,
            done: Vec::new(),
            spare,
        }
    }

    /// Takes the rows that come next, and gives the documents that are complete.
    pub(super) fn add(&mut self, rows: &[Row]) -> Result<Vec<Document>, ArchiveError> {
        for row in rows {
            let month = (row.created_at.year(), row.created_at.month());
            if self
                .open
                .as_ref()
                .is_some_and(|open| open.ends(row.seq, month))
            {
                self.seal()?;
            }
            let open = match &mut self.open {
                Some(open) => open,
                None => {
                    let text = self.spare.take();
                    let (room, bound) = (&self.room, self.known.get(&row.seq).copied());
                    let open = Open::new(text, room, self.made_at, row.seq, month, bound)?;
                    self.open.insert(open)
                }
            };
            open.push(row)?;
        }
        Ok(std::mem::take(&mut self.done))
    }

    /// Gives what is left.
    pub(super) fn finish(mut self) -> Result<Vec<Document>, ArchiveError> {
        self.seal()?;
        Ok(self.done)
    }

    fn seal(&mut self) -> Result<(), ArchiveError> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let (year, month) = open.month;
        let mut path = format!(
            "{}/{year:04}/{month:02}/{}_{}-{}.json",
            folder(&self.room),
            file_name(self.room.name.as_str()),
            open.first,
            open.last,
        );
        let (count, first_seq, last_seq) = (open.count, open.first, open.last);
        let mut bytes = open.text;
        bytes.extend_from_slice(b"\n]}\n");
        if self.compress {
            let mut packed = self.spare.take();
            packed.reserve(zstd::zstd_safe::compress_bound(bytes.len()));
            let mut pack = zstd::bulk::Compressor::new(LEVEL).map_err(inside)?;
            pack.compress_to_buffer(&bytes, &mut packed)
                .map_err(inside)?;
            self.spare.keep(bytes.into());
            bytes = packed;
            path += ".zst";
        }
        let sum = Sum::of(&bytes);
        let entry = Entry {
            path,
            room: self.room.name.to_string(),
            room_id: self.room.id,
            size: sum.size,
            count,
            first_seq,
            last_seq,
            sha256: sum.sha256,
            prefixes: sum.prefixes,
            archived_at: format_time(self.made_at),
        };
        self.done.push(Document {
            entry,
            bytes: bytes.into(),
        });
        Ok(())
    }
}

impl Open {
    fn new(
        mut text: Vec<u8>,
        room: &RoomRef,
        made_at: DateTime<Utc>,
        first: Seq,
        month: (i32, u32),
        bound: Option<Seq>,
    ) -> Result<Self, ArchiveError> {
        text.extend_from_slice(b"{\"room\":");
        serde_json::to_writer(&mut text, room.name.as_str()).map_err(inside)?;
        write!(
            text,
            ",\"archived_at\":\"{}\",\"messages\":[",
            format_time(made_at)
        )
        .map_err(inside)?;
        Ok(Self {
            text,
            count: 0,
            first,
            last: first,
            month,
            bound,
        })
    }

    /// Whether the message with that `seq` belongs to the next document.
    fn ends(&self, seq: Seq, month: (i32, u32)) -> bool {
        match self.bound {
            Some(last) => seq > last,
            None => month != self.month || self.count >= MOST_ROWS || self.text.len() >= MOST_BYTES,
        }
    }

    fn push(&mut self, row: &Row) -> Result<(), ArchiveError> {
        let between: &[u8] = if self.count == 0 { b"\n" } else { b",\n" };
        self.text.extend_from_slice(between);
        write_row(row, &mut self.text).map_err(inside)?;
        self.count += 1;
        self.last = row.seq;
        Ok(())
    }
}

fn inside(error: impl std::fmt::Display) -> ArchiveError {
    ArchiveError::Inside(format!("can't make a document: {error}"))
}

fn write_row(row: &Row, out: &mut Vec<u8>) -> std::io::Result<()> {
    write!(out, "{{\"id\":{},\"user\":", row.id)?;
    serde_json::to_writer(&mut *out, &row.user.as_deref())?;
    out.extend_from_slice(b",\"content\":");
    serde_json::to_writer(&mut *out, &row.content)?;
    out.extend_from_slice(b",\"created_at\":\"");
    write_time(row.created_at, out);
    write!(out, "\",\"seq\":{}}}", row.seq)
}

/// The same as [`format_time`], at a tenth of its cost: there is one in every line.
fn write_time(time: DateTime<Utc>, out: &mut Vec<u8>) {
    let Some(year) = u32::try_from(time.year())
        .ok()
        .filter(|year| *year < 10_000)
    else {
        out.extend_from_slice(format_time(time).as_bytes());
        return;
    };
    let mut digits = |number: u32, width: u32, then: u8| {
        let digit = |place| b'0' + (number / 10u32.pow(place) % 10) as u8;
        out.extend((0..width).rev().map(digit));
        out.push(then);
    };
    digits(year, 4, b'-');
    digits(time.month(), 2, b'-');
    digits(time.day(), 2, b'T');
    digits(time.hour(), 2, b':');
    digits(time.minute(), 2, b':');
    digits(time.second(), 2, b'.');
    digits(time.nanosecond() / 1_000_000 % 1_000, 3, b'Z');
}

/// The folder of a room's documents.
pub(super) fn folder(room: &RoomRef) -> String {
    format!("rooms/{}", room.id)
}

/// A room's name in a path. One that was made by hand may hold anything; the folder tells rooms
/// apart.
fn file_name(room: &str) -> String {
    let plain = |c: char| match c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') {
        true => c,
        false => '_',
    };
    room.chars().map(plain).collect()
}

/// The first and last `seq` that a document's path names.
pub(super) fn span_of(path: &str) -> Option<(Seq, Seq)> {
    let name = path.rsplit('/').next()?;
    let name = name.strip_suffix(".zst").unwrap_or(name);
    let (_, span) = name.strip_suffix(".json")?.rsplit_once('_')?;
    let (first, last) = span.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RoomName;

    fn row(seq: Seq, at: &str) -> Row {
        Row {
            id: seq + 100,
            seq,
            user: Some("alice".into()),
            content: "a \"quoted\"\nline".into(),
            created_at: at.parse().expect("a time"),
        }
    }

    fn builder(known: BTreeMap<Seq, Seq>) -> Builder {
        let room = RoomRef {
            id: 3,
            name: RoomName::stored("a/b"),
        };
        Builder::new(
            room,
            "2024-03-01T00:00:00Z".parse().expect("a time"),
            false,
            known,
            Spare::default(),
        )
    }

    fn paths(documents: &[Document]) -> Vec<&str> {
        documents.iter().map(|d| d.entry.path.as_str()).collect()
    }

    #[test]
    fn a_document_ends_with_its_month() {
        let mut builder = builder(BTreeMap::new());
        let rows = [
            row(7, "2024-01-31T23:59:59.999Z"),
            row(8, "2024-02-01T00:00:00Z"),
        ];
        let mut done = builder.add(&rows).expect("written");
        done.extend(builder.finish().expect("written"));
        assert_eq!(
            paths(&done),
            [
                "rooms/3/2024/01/a_b_7-7.json",
                "rooms/3/2024/02/a_b_8-8.json"
            ]
        );
        let text = std::str::from_utf8(&done[0].bytes).expect("text");
        assert_eq!(
            text,
            "{\"room\":\"a/b\",\"archived_at\":\"2024-03-01T00:00:00.000Z\",\"messages\":[\n\
             {\"id\":107,\"user\":\"alice\",\"content\":\"a \\\"quoted\\\"\\nline\",\
             \"created_at\":\"2024-01-31T23:59:59.999Z\",\"seq\":7}\n]}\n"
        );
        assert_eq!(span_of(&done[1].entry.path), Some((8, 8)));
    }

    #[test]
    fn a_document_that_was_written_before_is_made_with_the_same_end() {
        let mut builder = builder(BTreeMap::from([(1, 2)]));
        let rows: Vec<_> = (1..=5)
            .map(|seq| row(seq, "2024-01-01T00:00:00Z"))
            .collect();
        let mut done = builder.add(&rows).expect("written");
        done.extend(builder.finish().expect("written"));
        let spans: Vec<_> = done.iter().filter_map(|d| span_of(&d.entry.path)).collect();
        assert_eq!(spans, [(1, 2), (3, 5)]);
    }

    #[test]
    fn times_are_written_as_everywhere() {
        for text in [
            "2024-01-14T09:15:00.123Z",
            "0001-12-31T23:59:59.000Z",
            "9999-01-01T00:00:00.999Z",
        ] {
            let time: DateTime<Utc> = text.parse().expect("a time");
            let mut out = Vec::new();
            write_time(time, &mut out);
            assert_eq!(String::from_utf8(out).expect("text"), format_time(time));
        }
    }
}
