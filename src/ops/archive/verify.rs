//! Reading documents back: whether what is stored is what was written.
use std::io::{self, Read, Write};

use serde::Serialize;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::destination::Destination;
use super::digest::{Digest, Sum};
use super::error::ArchiveError;
use super::manifest::{Entry, Manifest};
use super::plan::Watch;

/// The largest window that is unpacked, 8 MiB: packed with `--long` or beyond level 19 a document
/// of a few bytes could ask for any amount of memory.
pub const WINDOW_LOG: u32 = 23;
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
    let path = path.to_owned();
    let seen = spawn_blocking(move || through(&path, stored)).await;
    seen.map_err(|e| ArchiveError::Inside(e.to_string()))?
        .map(Some)
}

fn through(path: &str, mut stored: impl Read) -> Result<Seen, ArchiveError> {
    let mut digest = Digest::default();
    let mut lines = Lines::default();
    let mut unpack = None;
    if path.ends_with(".zst") {
        let mut packed = zstd::stream::write::Decoder::new(Lines::default()).map_err(inside)?;
        packed.window_log_max(WINDOW_LOG).map_err(inside)?;
        unpack = Some(packed);
    }
    let mut buffer = vec![0; PART];
    loop {
        let part = match stored.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => &buffer[..count],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                return Err(ArchiveError::destination(
                    format!("cannot read {path}"),
                    error,
                ));
            }
        };
        digest.update(part);
        let counted = match &mut unpack {
            Some(unpack) => unpack.write_all(part),
            None => lines.write_all(part),
        };
        if let Err(error) = counted {
            let why = format!("it cannot be unpacked: {error}");
            return Err(ArchiveError::damaged(path, why));
        }
    }
    if let Some(mut unpack) = unpack {
        unpack.flush().map_err(inside)?;
        lines = unpack.into_inner();
    }
    Ok(Seen {
        sum: digest.finish(),
        // All but the first and the last line hold a message each.
        count: lines.0.saturating_sub(2),
    })
}

fn inside(error: io::Error) -> ArchiveError {
    ArchiveError::Inside(format!("cannot unpack: {error}"))
}

/// Counts lines.
#[derive(Default)]
struct Lines(u64);

impl Write for Lines {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        self.0 += memchr::memchr_iter(b'\n', part).count() as u64;
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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
    let mut findings = Vec::new();
    for entry in manifest.entries() {
        if stop.is_cancelled() {
            break;
        }
        findings.push(check(destination, entry).await?);
        watch.advance(entry.count);
    }
    for path in destination.list("rooms").await? {
        if !manifest.knows(&path) {
            findings.push(Finding {
                path,
                state: State::Unlisted,
                why: "the manifest does not name it".into(),
            });
        }
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
