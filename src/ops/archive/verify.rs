//! Reading documents back: whether what is stored is what was written.
use std::io::{self, ErrorKind, Read};

use serde::Serialize;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::Watch;
use crate::archive::destination::Destination;
use crate::archive::digest::Sum;
use crate::archive::error::ArchiveError;
use crate::archive::manifest::{Entry, Manifest};
use crate::archive::path;

/// Read at once.
const PART: usize = 64 << 10;

/// What a stored file really is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    sum: Sum,
    count: u64,
}

/// Why a stored file is not what its entry says.
pub(super) fn difference(seen: &Seen, entry: &Entry) -> Option<String> {
    if let Some(why) = seen.sum.difference(entry) {
        return Some(why);
    }
    if seen.count != entry.count {
        return Some(format!(
            "it holds {} messages, not {}",
            seen.count, entry.count
        ));
    }
    None
}

/// Reads a document through to its end, in constant memory; `None` if it is not there.
pub(super) async fn look(
    destination: &Destination,
    path: &str,
) -> Result<Option<Seen>, ArchiveError> {
    let Some(stored) = destination.read(path).await? else {
        return Ok(None);
    };
    let read = spawn_blocking(move || stored.text(lines)).await;
    match read.map_err(|e| ArchiveError::Inside(e.to_string()))? {
        // All but the first and the last line hold a message each.
        Ok((lines, sum)) => Ok(Some(Seen {
            sum,
            count: lines.saturating_sub(2),
        })),
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            Err(ArchiveError::damaged(path, error.to_string()))
        }
        Err(error) => {
            let what = format!("cannot read {path}");
            Err(ArchiveError::destination(what, error))
        }
    }
}

/// How many lines a text has.
fn lines(text: &mut dyn Read) -> io::Result<u64> {
    let (mut lines, mut buffer) = (0, vec![0; PART]);
    loop {
        match text.read(&mut buffer) {
            Ok(0) => return Ok(lines),
            Ok(count) => lines += memchr::memchr_iter(b'\n', &buffer[..count]).count() as u64,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// How a document stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Ok,
    /// The manifest names it, and it is not there.
    Missing,
    /// It is not what was written.
    Damaged,
    /// It is what was written, and a later document holds its places in another past.
    Superseded,
    /// It is there, and the manifest does not name it: written by a run that was ended, which
    /// the next run enters, or put there by hand.
    Unlisted,
}

/// A document that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub path: String,
    pub state: State,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// Reads the whole archive and compares it with its manifest.
pub async fn verify(
    destination: &Destination,
    watch: &dyn Watch,
    stop: &CancellationToken,
) -> Result<Vec<Finding>, ArchiveError> {
    let manifest = Manifest::load(destination).await?;
    watch.expect(manifest.entries().iter().map(|entry| entry.count).sum());
    let superseded = manifest.superseded();
    let mut findings = Vec::new();
    for entry in manifest.entries() {
        if stop.is_cancelled() {
            break;
        }
        let mut finding = check(destination, entry).await?;
        if let (State::Ok, Some(by)) = (finding.state, superseded.get(entry.path.as_str())) {
            finding.state = State::Superseded;
            finding.why = format!("it is of another past, whose places {by} holds now");
        }
        findings.push(finding);
        watch.advance(entry.count);
    }
    for path in destination.list("rooms").await? {
        let document = path::document_of(&path);
        if manifest.knows(document) {
            continue;
        }
        let why = match manifest.instead_of(document) {
            Some(entry) => format!(
                "what was erased is still in it, and not in {}: run 'discordctl erase --again'",
                entry.path
            ),
            None => "the manifest does not name it".into(),
        };
        findings.push(Finding {
            path,
            state: State::Unlisted,
            why,
        });
    }
    Ok(findings)
}

async fn check(destination: &Destination, entry: &Entry) -> Result<Finding, ArchiveError> {
    let (state, why) = match look(destination, &entry.path).await {
        Ok(None) => (State::Missing, "the manifest names it".to_owned()),
        Ok(Some(seen)) => match difference(&seen, entry) {
            None => (State::Ok, String::new()),
            Some(why) => (State::Damaged, why),
        },
        Err(ArchiveError::Damaged { why, .. }) => (State::Damaged, why),
        Err(error) => return Err(error),
    };
    Ok(Finding {
        path: entry.path.clone(),
        state,
        why,
    })
}
