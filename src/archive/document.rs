//! Making documents: consecutive entries of a room and a month, one a line.
use std::collections::BTreeMap;
use std::io::Write;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::buffers::Buffers;
use super::digest::Sum;
use super::error::ArchiveError;
use super::line::Lines;
use super::manifest::Entry;
use super::path;
use super::places::{Cut, Places};
use super::{stored, words};
use crate::model::{Epoch, RoomKind, RoomRef, Seq, format_time};
use crate::store::history::Row;

/// What of a document's form is told in it: 1 had messages alone, and said nothing of it.
pub(crate) const VERSION: u64 = 2;

/// A document ends with the month, or with so many entries, or so many bytes.
const MOST_ROWS: u64 = 100_000;
const MOST_BYTES: usize = 8 << 20;
/// All that a document may need.
pub(crate) const WHOLE: usize = MOST_BYTES + (256 << 10);
/// Of zstd's levels, the one at which the archive is not slower for it.
pub(crate) const LEVEL: i32 = 3;

/// A document. What its entry says of its bytes follows when it is sealed.
#[derive(Debug)]
pub(crate) struct Document {
    entry: Entry,
    text: Vec<u8>,
}

impl Entry {
    /// Says what a document's bytes are.
    pub(crate) fn describe(&mut self, bytes: &[u8]) {
        let sum = Sum::of(bytes);
        (self.size, self.sha256, self.prefixes) = (sum.size, sum.sha256, sum.prefixes);
    }
}

/// Makes documents of rows.
pub(crate) struct Builder {
    room: RoomRef,
    kind: RoomKind,
    made_at: DateTime<Utc>,
    epoch: Epoch,
    /// Documents that were written and not entered, as first and last `seq`: they are made once
    /// more, to see that they are what they should be.
    known: BTreeMap<Seq, Seq>,
    lines: Lines,
    open: Option<Open>,
    done: Vec<Document>,
    buffers: Buffers,
}

struct Open {
    document: Document,
    month: (i32, u32),
    bound: Option<Seq>,
}

impl Builder {
    pub(crate) fn new(
        (room, kind): (RoomRef, RoomKind),
        (made_at, epoch): (DateTime<Utc>, Epoch),
        known: BTreeMap<Seq, Seq>,
        buffers: Buffers,
    ) -> Self {
        Self {
            room,
            kind,
            made_at,
            epoch,
            known,
            lines: Lines::new(),
            open: None,
            done: Vec::new(),
            buffers,
        }
    }

    /// Takes the rows that come next, and gives the documents that are complete.
    pub(crate) fn add(&mut self, rows: &[Row]) -> Result<Vec<Document>, ArchiveError> {
        for row in rows {
            let month = self.lines.month(row.created_at);
            let bound = self.known.get(&row.seq).copied();
            let ends = |open: &Open| bound.is_some() || open.ends(row.seq, month);
            if self.open.as_ref().is_some_and(ends) {
                self.end();
            }
            let Document { entry, text } = match &mut self.open {
                Some(open) => &mut open.document,
                None => {
                    let text = self.buffers.take();
                    let made = (self.made_at, &self.epoch);
                    let document = Document::begin(text, (&self.room, self.kind), made, row.seq)?;
                    let open = Open {
                        document,
                        month,
                        bound,
                    };
                    &mut self.open.insert(open).document
                }
            };
            let between: &[u8] = if entry.count == 0 { b"\n" } else { b",\n" };
            text.extend_from_slice(between);
            self.lines.write(row, text).map_err(inside)?;
            entry.count_in(row);
        }
        Ok(std::mem::take(&mut self.done))
    }

    /// Gives what is left.
    pub(crate) fn finish(mut self) -> Vec<Document> {
        self.end();
        self.done
    }

    fn end(&mut self) {
        if let Some(Open {
            mut document,
            month,
            ..
        }) = self.open.take()
        {
            document.text.extend_from_slice(b"\n]}\n");
            let (first, last) = (document.entry.first_seq, document.entry.last_seq);
            document.entry.path = path::of(&self.room, month, first, last);
            self.done.push(document);
        }
    }
}

impl Open {
    /// Whether the message with that `seq` belongs to the next document.
    fn ends(&self, seq: Seq, month: (i32, u32)) -> bool {
        let Document { entry, text } = &self.document;
        match self.bound {
            Some(last) => seq > last,
            None => month != self.month || entry.count >= MOST_ROWS || text.len() >= MOST_BYTES,
        }
    }
}

impl Document {
    fn begin(
        mut text: Vec<u8>,
        (room, kind): (&RoomRef, RoomKind),
        (made_at, epoch): (DateTime<Utc>, &Epoch),
        first: Seq,
    ) -> Result<Self, ArchiveError> {
        let archived_at = format_time(made_at);
        text.extend_from_slice(b"{\"room\":");
        serde_json::to_writer(&mut text, room.name.as_str()).map_err(inside)?;
        write!(text, ",\"version\":{VERSION}").map_err(inside)?;
        if kind != RoomKind::Public {
            write!(text, ",\"kind\":\"{}\"", kind.as_str()).map_err(inside)?;
        }
        write!(text, ",\"archived_at\":\"{archived_at}\",\"epoch\":").map_err(inside)?;
        serde_json::to_writer(&mut text, epoch).map_err(inside)?;
        text.extend_from_slice(b",\"messages\":[");
        let entry = Entry {
            path: String::new(),
            room: room.name.to_string(),
            room_id: room.key.id,
            size: 0,
            count: 0,
            messages: Some(0),
            first_seq: first,
            last_seq: first,
            sha256: String::new(),
            prefixes: String::new(),
            archived_at,
            epoch: Some(epoch.clone()),
            pinned: Some(0),
            ids: None,
            times: None,
            supersedes: None,
        };
        Ok(Self { entry, text })
    }

    /// Where it will be, unless it is moved.
    pub(crate) fn path(&self, compress: bool) -> String {
        let packed = if compress { ".zst" } else { "" };
        format!("{}{packed}", self.entry.path)
    }

    /// Gives it a name by the past that it is of.
    pub(crate) fn name_by_epoch(&mut self, epoch: &Epoch) {
        self.entry.path = path::of_epoch(&self.entry.path, epoch);
    }

    /// Brings it into the form in which it is stored, and describes that.
    pub(crate) fn seal(
        self,
        compress: bool,
        with_words: bool,
        buffers: &Buffers,
    ) -> Result<Sealed, ArchiveError> {
        let (mut entry, text) = (self.entry, self.text);
        let words = with_words.then(|| words::of(&entry, &text)).transpose()?;
        let sealed = if compress {
            entry.path += ".zst";
            let sealed = Sealed::packed(entry, &text, buffers.take());
            buffers.keep(text.into());
            sealed
        } else {
            Sealed::of(entry, text)
        };
        Ok(Sealed { words, ..sealed? })
    }
}

/// A document as it is to be stored, with what lies beside it.
pub(crate) struct Sealed {
    pub(crate) entry: Entry,
    pub(crate) bytes: Bytes,
    pub(crate) places: Option<Places>,
    /// Its index of words, where one is wanted.
    pub(crate) words: Option<Bytes>,
}

impl Sealed {
    /// The text of a document. Its entry says where it will be, and not yet what its bytes are.
    ///
    /// # Errors
    /// Fails where the text is none of a document.
    pub(crate) fn new(entry: Entry, text: Vec<u8>) -> Result<Self, ArchiveError> {
        let words = Some(words::of(&entry, &text)?);
        let sealed = if entry.path.ends_with(".zst") {
            Self::packed(entry, &text, Vec::new())
        } else {
            Self::of(entry, text)
        };
        Ok(Self { words, ..sealed? })
    }

    /// A document that is stored already. What lies beside it is not known where it was packed in one piece.
    ///
    /// # Errors
    /// Fails where it is none.
    pub(crate) fn again(mut entry: Entry, bytes: Bytes) -> Result<Self, ArchiveError> {
        entry.describe(&bytes);
        let text = stored::unpacked(&entry.path, bytes.clone())?;
        let cut = Cut::of(&entry.path, &text)?;
        let places = if entry.path.ends_with(".zst") {
            let frames = stored::frames(&bytes).filter(|frames| frames.len() == cut.len());
            frames.map(|frames| cut.places(&bytes, &frames, &entry.sha256))
        } else {
            Some(cut.plain(&text, &entry.sha256))
        };
        let words = Some(words::of(&entry, &text)?);
        Ok(Self {
            entry,
            bytes,
            places,
            words,
        })
    }

    fn of(mut entry: Entry, text: Vec<u8>) -> Result<Self, ArchiveError> {
        let cut = Cut::of(&entry.path, &text)?;
        entry.describe(&text);
        let places = cut.plain(&text, &entry.sha256);
        Ok(Self {
            entry,
            bytes: text.into(),
            places: Some(places),
            words: None,
        })
    }

    /// Each part as a frame of its own: all readers of zstd read them one after the other, and ours one
    /// without the others.
    fn packed(mut entry: Entry, text: &[u8], mut packed: Vec<u8>) -> Result<Self, ArchiveError> {
        let cut = Cut::of(&entry.path, text)?;
        let mut pack = zstd::bulk::Compressor::new(LEVEL).map_err(inside)?;
        let mut sizes = Vec::new();
        for part in cut.texts(text) {
            let frame = pack.compress(part).map_err(inside)?;
            packed.extend_from_slice(&frame);
            sizes.push(frame.len());
        }
        entry.describe(&packed);
        let places = cut.places(&packed, &sizes, &entry.sha256);
        Ok(Self {
            entry,
            bytes: packed.into(),
            places: Some(places),
            words: None,
        })
    }
}

fn inside(error: impl std::fmt::Display) -> ArchiveError {
    ArchiveError::Inside(format!("cannot make a document: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{MessageId, Number, RoomId, Uid};

    fn row(seq: i64, at: &str) -> Row {
        Row {
            id: MessageId::new(seq + 100),
            seq: Seq::new(seq),
            number: Number::new(seq),
            user: Some("alice".into()),
            content: "a \"quoted\"\nline".into(),
            created_at: at.parse().expect("a time"),
            details: None,
        }
    }

    fn builder(known: &[(i64, i64)]) -> Builder {
        let room = RoomRef::stored(RoomId::new(3), Uid::new(3), "a/b");
        Builder::new(
            (room, RoomKind::Public),
            (
                "2024-03-01T00:00:00Z".parse().expect("a time"),
                Epoch::named("e1"),
            ),
            known
                .iter()
                .map(|(from, to)| (Seq::new(*from), Seq::new(*to)))
                .collect(),
            Buffers::of(WHOLE),
        )
    }

    /// All documents of `rows`.
    fn documents(mut builder: Builder, rows: &[Row]) -> Vec<Document> {
        let mut done = builder.add(rows).expect("written");
        done.extend(builder.finish());
        done
    }

    fn spans(documents: &[Document]) -> Vec<(i64, i64)> {
        let span = |document: &Document| path::span(&document.entry.path).expect("a span");
        let numbers = |(first, last): (Seq, Seq)| (first.get(), last.get());
        documents.iter().map(span).map(numbers).collect()
    }

    #[test]
    fn a_document_ends_with_its_month() {
        let rows = [
            row(7, "2024-01-31T23:59:59.999Z"),
            row(8, "2024-02-01T00:00:00Z"),
        ];
        let done = documents(builder(&[]), &rows);
        assert_eq!(
            done.iter()
                .map(|d| d.entry.path.as_str())
                .collect::<Vec<_>>(),
            [
                "rooms/3/2024/01/a_b_7-7.json",
                "rooms/3/2024/02/a_b_8-8.json"
            ]
        );
        let text = std::str::from_utf8(&done[0].text).expect("text");
        assert_eq!(
            text,
            "{\"room\":\"a/b\",\"version\":2,\"archived_at\":\"2024-03-01T00:00:00.000Z\",\"epoch\":\"e1\",\"messages\":[\n\
             {\"id\":107,\"user\":\"alice\",\"content\":\"a \\\"quoted\\\"\\nline\",\
             \"created_at\":\"2024-01-31T23:59:59.999Z\",\"seq\":7}\n]}\n"
        );
        assert_eq!(spans(&done), [(7, 7), (8, 8)]);
    }

    #[test]
    fn documents_that_were_written_before_are_made_with_the_same_ends() {
        let rows: Vec<_> = (1..=6)
            .map(|seq| row(seq, "2024-01-01T00:00:00Z"))
            .collect();
        let spans = spans(&documents(builder(&[(1, 2), (4, 5)]), &rows));
        // Two are stored at a time: the later may be there without the one before it.
        assert_eq!(spans, [(1, 2), (3, 3), (4, 5), (6, 6)]);
    }
}
