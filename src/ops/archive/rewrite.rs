//! A document made anew, in the place of the one that it was: without what was erased, or with what was changed
//! since.
use super::writer;
use crate::archive::destination::Destination;
use crate::archive::digest::Sum;
use crate::archive::document::{Sealed, VERSION};
use crate::archive::entry::Line;
use crate::archive::error::ArchiveError;
use crate::archive::ledger::Erasures;
use crate::archive::line::Lines;
use crate::archive::manifest::{Entry, Manifest};
use crate::archive::{path, stored};
use crate::model::RoomName;
use crate::ops::fault;
use crate::store::history::{Row, Spot};

/// What a document is to be.
pub(in crate::ops) struct Rewritten {
    sealed: Sealed,
    /// Lines that are others than they were.
    pub(in crate::ops) lines: u64,
}

/// Reads a document; `None` if there is nothing in it to erase.
///
/// # Errors
/// Fails where it cannot be read, or is not what its entry says.
pub(in crate::ops) async fn without(
    destination: &Destination,
    entry: &Entry,
    erasures: &mut Erasures,
) -> Result<Option<Rewritten>, ArchiveError> {
    let room = RoomName::stored(&entry.room);
    let mut scrub = |mut line: Line| {
        let scrubbed = erasures.scrub(&room, &mut line);
        scrubbed.then(|| line.into_row(Spot::default(), |name| name.into()))
    };
    changed(destination, entry, &mut scrub).await
}

/// Reads a document and rewrites its lines; `None` if no line changes.
///
/// # Errors
/// Fails where it cannot be read, or is not what its entry says.
pub(super) async fn changed(
    destination: &Destination,
    entry: &Entry,
    change: &mut (dyn FnMut(Line) -> Option<Row> + Send),
) -> Result<Option<Rewritten>, ArchiveError> {
    let found = destination.get(&entry.path).await?;
    let (bytes, _) = found.ok_or_else(|| ArchiveError::damaged(&entry.path, "it is missing"))?;
    if let Some(why) = Sum::of(&bytes).difference(entry) {
        return Err(ArchiveError::damaged(&entry.path, why));
    }
    let text = stored::unpacked(&entry.path, bytes)?;
    let (text, lines) = lines_changed(&entry.path, &text, change)?;
    if lines == 0 {
        return Ok(None);
    }
    let new = Entry {
        path: path::next(&entry.path),
        supersedes: Some(entry.path.clone()),
        ..entry.clone()
    };
    let sealed = Sealed::new(new, text)?;
    Ok(Some(Rewritten { sealed, lines }))
}

/// Stores it, has the manifest name it in the place of the old one, and takes that away. Ended anywhere, it is
/// done once more.
///
/// # Errors
/// Fails where the archive cannot be written to.
pub(in crate::ops) async fn replace(
    destination: &Destination,
    manifest: &mut Manifest,
    rewritten: Rewritten,
) -> Result<(), ArchiveError> {
    let entry = writer::store(destination, rewritten.sealed).await?;
    fault::point("rewrite:written");
    let old = entry.supersedes.clone();
    manifest.supersede(entry);
    manifest.save(destination).await?;
    fault::point("rewrite:entered");
    if let Some(old) = old {
        remove(destination, &old).await?;
    }
    fault::point("rewrite:removed");
    Ok(())
}

/// Takes a document away: first what lies beside it, which has its words too.
async fn remove(destination: &Destination, document: &str) -> Result<(), ArchiveError> {
    for beside in path::beside(document) {
        destination.remove(&beside).await?;
    }
    destination.remove(document).await
}

/// Takes away documents that were superseded by a run that ended before it could.
///
/// # Errors
/// Fails where the archive cannot be written to.
pub(in crate::ops) async fn remove_left(
    destination: &Destination,
    manifest: &Manifest,
) -> Result<(), ArchiveError> {
    for path in destination.list("rooms").await? {
        if manifest.was(path::document_of(&path)) {
            destination.remove(&path).await?;
        }
    }
    Ok(())
}

/// The new text, and how many of its lines are others. All others stay as they are.
fn lines_changed(
    path: &str,
    text: &[u8],
    change: &mut dyn FnMut(Line) -> Option<Row>,
) -> Result<(Vec<u8>, u64), ArchiveError> {
    let damaged = |why: String| ArchiveError::damaged(path, why);
    let mut lines = Lines::new();
    let (mut out, mut changed) = (Vec::with_capacity(text.len()), 0);
    for (n, whole) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let bare = whole.trim_ascii_end();
        let (bare, comma) = match bare.strip_suffix(b",") {
            Some(bare) => (bare, true),
            None => (bare, false),
        };
        if n == 0 || !bare.starts_with(b"{") {
            out.extend_from_slice(whole);
            continue;
        }
        let line = serde_json::from_slice(bare);
        let line: Line = line.map_err(|e| damaged(format!("line {}: {e}", n + 1)))?;
        let Some(row) = change(line) else {
            out.extend_from_slice(whole);
            continue;
        };
        let begin = out.len();
        lines
            .write(&row, &mut out)
            .map_err(|e| ArchiveError::Inside(e.to_string()))?;
        changed += u64::from(out[begin..] != *bare);
        out.extend_from_slice(if comma { b",\n" } else { b"\n" });
    }
    if changed > 0 {
        tell_version(&mut out);
    }
    Ok((out, changed))
}

/// A document of version 1 did not say so, and is none any more. No string of JSON holds a bare quote.
fn tell_version(text: &mut Vec<u8>) {
    let head = text.iter().position(|byte| *byte == b'\n');
    let head = &text[..head.unwrap_or(text.len())];
    let has = |what: &[u8]| head.windows(what.len()).position(|part| part == what);
    if let (None, Some(at)) = (has(b",\"version\":"), has(b",\"")) {
        let version = format!(",\"version\":{VERSION}");
        text.splice(at..at, version.into_bytes());
    }
}
