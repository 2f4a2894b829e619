//! The lines of a part of a document, as rows.
use super::Of;
use super::documents::Erased;
use crate::archive::entry::Line;
use crate::archive::error::ArchiveError;
use crate::archive::manifest::Entry;
use crate::archive::places::{Part, bare};
use crate::model::{Number, RoomName, Seq};
use crate::store::history::{Row, Spot};

/// Whether it is known of a document that it has nothing of that.
pub(super) fn has_none(entry: &Entry, of: Of) -> bool {
    of == Of::Pinned && entry.pinned == Some(0)
}

/// Whether a part may have something of that.
pub(super) fn may_hold(part: &Part, of: Of) -> bool {
    match of {
        Of::Entries | Of::Messages => true,
        Of::Replies(root) => part.threads.contains(&root),
        Of::Pinned => part.pinned,
    }
}

/// Which lines of a text are wanted.
pub(super) struct Lines<P> {
    pub(super) of: Of,
    pub(super) places: P,
    /// So many of the first.
    pub(super) most: usize,
}

impl<P: Fn(Seq) -> bool> Lines<P> {
    /// What is wanted of the text of a part, ascending, without what was erased.
    pub(super) fn rows(
        &self,
        entry: &Entry,
        text: &[u8],
        erased: &Erased,
    ) -> Result<Vec<Row>, ArchiveError> {
        let mut erasures = (!erased.erasures.is_empty()).then(|| erased.erasures.clone());
        let room = RoomName::stored(&entry.room);
        let mut rows = Vec::new();
        for line in entries(text).filter(|line| seq_of(line).is_none_or(&self.places)) {
            let mut line = read(&entry.path, line)?;
            if !line.seq.is_some_and(&self.places) || !is_wanted(&line, self.of) {
                continue;
            }
            if let Some(erasures) = &mut erasures {
                erasures.scrub(&room, &mut line);
            }
            rows.push(line.into_row(Spot::default(), |name| name.into()));
            if rows.len() == self.most {
                break;
            }
        }
        Ok(rows)
    }
}

/// The place that a line of ours tells, without reading all of it: in a text the quotes would be escaped.
fn seq_of(line: &[u8]) -> Option<Seq> {
    const KEY: &[u8] = b",\"seq\":";
    let at = memchr::memmem::find(line, KEY)? + KEY.len();
    let digits = line[at..].iter().take_while(|byte| byte.is_ascii_digit());
    std::str::from_utf8(&line[at..at + digits.count()])
        .ok()?
        .parse()
        .ok()
}

/// The first message of that number or beyond.
pub(super) fn numbered(
    path: &str,
    text: &[u8],
    number: Number,
) -> Result<Option<Seq>, ArchiveError> {
    for line in entries(text) {
        let line = read(path, line)?;
        let Some(seq) = line.seq.filter(|_| line.is_message()) else {
            continue;
        };
        if line.number.unwrap_or(Number::new(seq.get())).get() >= number.get() {
            return Ok(Some(seq));
        }
    }
    Ok(None)
}

fn is_wanted(line: &Line, of: Of) -> bool {
    match of {
        Of::Entries => true,
        Of::Messages => line.is_message(),
        Of::Replies(root) => line.is_message() && line.thread == Some(root),
        Of::Pinned => line.pinned_at.is_some(),
    }
}

/// The lines that hold entries.
fn entries(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = text.split(|byte| *byte == b'\n').map(bare);
    lines.filter(|line| line.starts_with(b"{\"id\""))
}

fn read(path: &str, line: &[u8]) -> Result<Line, ArchiveError> {
    let line: Line = serde_json::from_slice(line)
        .map_err(|e| ArchiveError::damaged(path, format!("a line is no entry: {e}")))?;
    match line.seq {
        Some(_) => Ok(line),
        None => Err(ArchiveError::damaged(path, "an entry has no seq")),
    }
}
