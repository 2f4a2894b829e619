//! The index of words beside a document: which of its messages have a word. It is a pack, as the database's are;
//! of a message it says where it is by its `seq`.
use bytes::Bytes;

use super::entry::Line;
use super::error::ArchiveError;
use super::manifest::Entry;
use super::places::bare;
use crate::index::pack::{Builder, Doc, Mark, encode};

/// What an author is called that is not there any more.
const DELETED: &str = "deleted-user";

/// The index of the words of a document, of which that is the text.
///
/// # Errors
/// Fails where a line is no entry.
pub(crate) fn of(entry: &Entry, text: &[u8]) -> Result<Bytes, ArchiveError> {
    let mut builder = Builder::new();
    let lines = text.split(|byte| *byte == b'\n').map(bare);
    for line in lines.filter(|line| line.starts_with(b"{\"id\"")) {
        let line: Line = serde_json::from_slice(line)
            .map_err(|e| ArchiveError::damaged(&entry.path, format!("a line is no entry: {e}")))?;
        add(&mut builder, entry, &line);
    }
    let pack = encode(&builder.finish()).map_err(|e| ArchiveError::Inside(e.to_string()))?;
    Ok(pack.into())
}

fn add(builder: &mut Builder, entry: &Entry, line: &Line) {
    let (Some(seq), true) = (line.seq, line.is_message() && line.gone.is_none()) else {
        return;
    };
    let doc = Doc {
        id: line.id.get(),
        seq: seq.get(),
        room: entry.room_id.get(),
        at_ms: line.created_at.timestamp_millis(),
    };
    let author = line.user.as_deref().unwrap_or(DELETED).to_ascii_lowercase();
    let mut marks = vec![Mark::AuthorName(&author)];
    marks.extend(line.thread.map(|_| Mark::Thread));
    marks.extend(line.pinned_at.map(|_| Mark::Pinned));
    builder.add(doc, &line.content, &marks);
}
