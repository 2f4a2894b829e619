//! Reading documents back: whether what is stored is what was written.
use std::io::Write;

use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::destination::Destination;
use super::digest::{Digest, Sum};
use super::error::ArchiveError;
use super::manifest::{Entry, Manifest};
use super::plan::Watch;

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

/// Reads a document through to its end, in constant memory.
pub(super) async fn look(
    path: &str,
    mut bytes: BoxStream<'static, Result<Bytes, ArchiveError>>,
) -> Result<Seen, ArchiveError> {
    let mut digest = Digest::default();
    let mut lines = Lines::default();
    let mut unpack = match path.ends_with(".zst") {
        true => Some(zstd::stream::write::Decoder::new(Lines::default()).map_err(inside)?),
        false => None,
    };
    while let Some(part) = bytes.try_next().await? {
        digest.update(&part);
        let counted = match &mut unpack {
            Some(unpack) => unpack.write_all(&part),
            None => lines.write_all(&part),
        };
        if let Err(error) = counted {
            return Err(ArchiveError::damaged(
                path,
                format!("it can't be unpacked: {error}"),
            ));
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

fn inside(error: std::io::Error) -> ArchiveError {
    ArchiveError::Inside(format!("can't unpack: {error}"))
}

/// Counts lines.
#[derive(Default)]
struct Lines(u64);

impl Write for Lines {
    fn write(&mut self, part: &[u8]) -> std::io::Result<usize> {
        self.0 += memchr::memchr_iter(b'\n', part).count() as u64;
        Ok(part.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
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
    /// the next run enters, or put there by somebody.
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
    let (state, why) = match destination.stream(&entry.path).await? {
        None => (State::Missing, "the manifest names it".to_owned()),
        Some(bytes) => match look(&entry.path, bytes).await {
            Ok(seen) => match difference(&seen, entry) {
                None => (State::Ok, String::new()),
                Some(why) => (State::Damaged, why),
            },
            Err(ArchiveError::Damaged { why, .. }) => (State::Damaged, why),
            Err(error) => return Err(error),
        },
    };
    Ok(Finding {
        path: entry.path.clone(),
        state,
        why,
    })
}
