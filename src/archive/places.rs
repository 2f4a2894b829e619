//! The index of places beside a document: which of its bytes hold which entries, so that a page is read without
//! the rest.
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::digest::Sum;
use super::entry::Line;
use super::error::ArchiveError;
use super::manifest::Entry;
use crate::model::{Number, Seq};

/// A part has about so much text: a page is in one or two, and reading one costs little.
const PART: usize = 64 << 10;
const SCHEMA: &str = "discordctl.archive-places/1";
/// The digits that are kept of a part's hash: to find damage, as the document's whole hash is for trust.
const SUM: usize = 16;

/// Where the entries of a document are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Places {
    schema: String,
    /// Of the document that this is about.
    sha256: String,
    parts: Vec<Part>,
    /// The beginning of the hash of the parts, as they are written here.
    sum: String,
}

/// Consecutive lines. Packed, each part is unpacked without the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Part {
    /// The first of its bytes, as stored.
    pub(crate) at: u64,
    pub(crate) size: u64,
    pub(crate) first_seq: Seq,
    /// How many messages there are in the room up to its first entry.
    pub(crate) first_number: Number,
    /// The beginning of the hash of its bytes, as stored.
    sum: String,
    /// The threads with replies in it, by their first messages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) threads: Vec<Seq>,
    /// Whether something in it is pinned.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) pinned: bool,
}

/// A text in parts, with where each begins.
pub(crate) struct Cut {
    parts: Vec<Part>,
}

impl Cut {
    /// Cuts the text of a document at ends of lines. What a part holds is read from its lines.
    ///
    /// # Errors
    /// Fails where a line is no entry.
    pub(crate) fn of(path: &str, text: &[u8]) -> Result<Self, ArchiveError> {
        let mut parts = Vec::new();
        let (mut from, mut part) = (0, Gathered::default());
        let mut at = 0;
        while at < text.len() {
            let end = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |end| at + end + 1);
            let line = bare(&text[at..end]);
            if at > 0 && line.starts_with(b"{") {
                if end - from > PART && part.first.is_some() {
                    parts.push(part.part(from, at));
                    (from, part) = (at, Gathered::default());
                }
                part.take(path, line)?;
            }
            at = end;
        }
        if part.first.is_some() {
            parts.push(part.part(from, text.len()));
        } else if let Some(last) = parts.last_mut() {
            last.size = text.len() as u64 - last.at;
        }
        Ok(Self { parts })
    }

    pub(crate) fn len(&self) -> usize {
        self.parts.len()
    }

    /// The texts of the parts.
    pub(crate) fn texts<'t>(&self, text: &'t [u8]) -> impl Iterator<Item = &'t [u8]> {
        let range = |part: &Part| {
            let at = usize::try_from(part.at).unwrap_or(text.len());
            let end = usize::try_from(part.at + part.size).unwrap_or(text.len());
            &text[at.min(text.len())..end.min(text.len())]
        };
        self.parts.iter().map(range).collect::<Vec<_>>().into_iter()
    }

    /// Where the parts are in the bytes `stored`, of which `sizes` are those of each part.
    pub(crate) fn places(self, stored: &[u8], sizes: &[usize], sha256: &str) -> Places {
        let mut at = 0;
        let mut parts = self.parts;
        for (part, size) in parts.iter_mut().zip(sizes) {
            (part.at, part.size) = (at as u64, *size as u64);
            part.sum = short_sum(&stored[at..at + size]);
            at += size;
        }
        Places {
            schema: SCHEMA.to_owned(),
            sha256: sha256.to_owned(),
            sum: sum_of(&parts),
            parts,
        }
    }

    /// Where they are in the text itself.
    pub(crate) fn plain(self, text: &[u8], sha256: &str) -> Places {
        let sizes: Vec<usize> = self.texts(text).map(<[u8]>::len).collect();
        self.places(text, &sizes, sha256)
    }
}

/// What is known of a part while its lines are read.
#[derive(Default)]
struct Gathered {
    first: Option<(Seq, Number)>,
    threads: Vec<Seq>,
    pinned: bool,
}

impl Gathered {
    fn take(&mut self, path: &str, line: &[u8]) -> Result<(), ArchiveError> {
        let has = |key: &[u8]| memchr::memmem::find(line, key).is_some();
        // A document has many lines, and few of them say more than the first keys.
        if self.first.is_some() && !has(b"\"thread\":") && !has(b"\"pinned_at\":") {
            return Ok(());
        }
        let line: Line = serde_json::from_slice(line)
            .map_err(|e| ArchiveError::damaged(path, format!("a line is no entry: {e}")))?;
        let missing = || ArchiveError::damaged(path, "an entry has no seq");
        let seq = line.seq.ok_or_else(missing)?;
        let number = line.number.unwrap_or(Number::new(seq.get()));
        self.first.get_or_insert((seq, number));
        self.pinned |= line.pinned_at.is_some();
        if let Some(root) = line.thread
            && !self.threads.contains(&root)
        {
            self.threads.push(root);
        }
        Ok(())
    }

    fn part(self, from: usize, to: usize) -> Part {
        let (first_seq, first_number) = self.first.unwrap_or_default();
        Part {
            at: from as u64,
            size: (to - from) as u64,
            first_seq,
            first_number,
            sum: String::new(),
            threads: self.threads,
            pinned: self.pinned,
        }
    }
}

impl Places {
    pub(crate) fn to_bytes(&self) -> Result<Bytes, ArchiveError> {
        let text = serde_json::to_vec(self).map_err(|e| ArchiveError::Inside(e.to_string()))?;
        Ok(text.into())
    }

    /// Reads the index of the document of that entry; `None` if it is not of it as it is now.
    pub(crate) fn read(bytes: &[u8], entry: &Entry) -> Option<Self> {
        let places: Self = serde_json::from_slice(bytes).ok()?;
        let whole = |places: &Self| {
            let mut next = 0;
            let follows = |part: &Part| {
                let follows = part.at == next;
                next = part.at.saturating_add(part.size);
                follows
            };
            places.parts.iter().all(follows) && next == entry.size
        };
        let ours = places.schema == SCHEMA
            && places.sha256 == entry.sha256
            && places.sum == sum_of(&places.parts);
        (ours && whole(&places)).then_some(places)
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The part that has the place, or would.
    pub(crate) fn part_of(&self, seq: Seq) -> usize {
        let beyond = self.parts.partition_point(|part| part.first_seq <= seq);
        beyond.saturating_sub(1)
    }

    /// The part with the first message of that number or beyond.
    pub(crate) fn part_of_number(&self, number: Number) -> usize {
        let reaches = |part: &Part| part.first_number.get() < number.get();
        self.parts.partition_point(reaches).saturating_sub(1)
    }
}

impl Part {
    /// Why these are not its bytes as they were stored.
    pub(crate) fn difference(&self, bytes: &[u8]) -> Option<String> {
        let (from, to) = (self.at, self.at.saturating_add(self.size));
        (short_sum(bytes) != self.sum)
            .then(|| format!("it was changed between byte {from} and byte {to}"))
    }
}

fn sum_of(parts: &[Part]) -> String {
    short_sum(&serde_json::to_vec(parts).unwrap_or_default())
}

fn short_sum(bytes: &[u8]) -> String {
    let mut sum = Sum::of(bytes).sha256;
    sum.truncate(SUM);
    sum
}

/// A line without its comma and end.
pub(crate) fn bare(line: &[u8]) -> &[u8] {
    let line = line.trim_ascii_end();
    line.strip_suffix(b",").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(entries: u64) -> String {
        let mut text = String::from("{\"room\":\"a\",\"version\":2,\"messages\":[");
        for seq in 1..=entries {
            let comma = if seq == 1 { "" } else { "," };
            let thread = if seq % 700 == 0 { ",\"thread\":3" } else { "" };
            text += &format!(
                "{comma}\n{{\"id\":{seq},\"user\":\"ann\",\"content\":\"{}\",\"created_at\":\"2024-01-01T00:00:00Z\",\
                 \"seq\":{seq}{thread}}}",
                "word ".repeat(20)
            );
        }
        text + "\n]}\n"
    }

    #[test]
    fn every_place_is_in_its_part() {
        let text = text(3_000);
        let cut = Cut::of("a.json", text.as_bytes()).expect("a document");
        let whole: Vec<u8> = cut.texts(text.as_bytes()).flatten().copied().collect();
        assert_eq!(whole, text.as_bytes());
        let places = cut.plain(text.as_bytes(), "00");
        assert!(places.parts().len() > 3);
        for seq in [1, 2, 699, 700, 2_999, 3_000] {
            let part = &places.parts()[places.part_of(Seq::new(seq))];
            let (at, end) = (part.at as usize, (part.at + part.size) as usize);
            assert!(text[at..end].contains(&format!("\"seq\":{seq}")));
            assert_eq!(part.threads.is_empty(), !text[at..end].contains("thread"));
            assert_eq!(part.difference(&text.as_bytes()[at..end]), None);
            assert!(part.difference(&text.as_bytes()[at..end - 1]).is_some());
        }
    }

    #[test]
    fn an_index_of_something_else_is_none() {
        let text = text(10);
        let cut = Cut::of("a.json", text.as_bytes()).expect("a document");
        let sha256 = Sum::of(text.as_bytes()).sha256;
        let places = cut.plain(text.as_bytes(), &sha256);
        let bytes = places.to_bytes().expect("JSON");
        let entry = |size: usize, sha256: &str| Entry {
            size: size as u64,
            sha256: sha256.to_owned(),
            ..Entry::sample()
        };
        let read = |entry: &Entry| Places::read(&bytes, entry);
        assert_eq!(read(&entry(text.len(), &sha256)), Some(places));
        assert_eq!(read(&entry(text.len() + 1, &sha256)), None);
        assert_eq!(read(&entry(text.len(), "00")), None);
        assert_eq!(Places::read(b"{}", &entry(text.len(), &sha256)), None);
        let changed = String::from_utf8(bytes.to_vec()).expect("JSON");
        let changed = changed.replace("\"first_seq\":1,", "\"first_seq\":2,");
        assert_eq!(
            Places::read(changed.as_bytes(), &entry(text.len(), &sha256)),
            None
        );
    }
}
