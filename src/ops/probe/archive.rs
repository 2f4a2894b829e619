//! The archive, as seen from here: whether its folder or bucket can be looked at, and what it holds.
use std::path::Path;

use super::super::deadline::Deadline;
use crate::archive::{Destination, Manifest};
use crate::config::ArchiveUrl;

/// How much an archive holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ops) struct Holds {
    pub(in crate::ops) files: u64,
    pub(in crate::ops) bytes: u64,
}

/// Looks at what is there: in a folder at all files, in a bucket at the manifest, which tells at
/// once what would take long to list. An archive that was never written to holds nothing.
///
/// # Errors
/// Why it cannot be looked at, in words and without secrets.
pub(in crate::ops) async fn look(url: &ArchiveUrl, deadline: Deadline) -> Result<Holds, String> {
    let looked = async {
        match url.path() {
            Some(folder) => {
                // A folder on another machine may hang, and is left behind then.
                let folder = folder.to_owned();
                let walked = tokio::task::spawn_blocking(move || walk(&folder, 0)).await;
                walked.unwrap_or_else(|error| Err(error.to_string()))
            }
            None => bucket(url).await,
        }
    };
    let looked = deadline.bound(looked).await;
    looked.unwrap_or_else(|late| Err(late.to_string()))
}

async fn bucket(url: &ArchiveUrl) -> Result<Holds, String> {
    let loaded = async { Manifest::load(&Destination::open(url)?).await };
    let manifest = loaded.await.map_err(|error| error.chain())?;
    let entries = manifest.entries();
    Ok(Holds {
        files: entries.len() as u64,
        bytes: entries.iter().map(|entry| entry.size).sum(),
    })
}

/// Files and bytes below a folder.
fn walk(folder: &Path, depth: u32) -> Result<Holds, String> {
    /// Deeper than any archive, and an end to links that go round.
    const DEEPEST: u32 = 16;
    let mut holds = Holds { files: 0, bytes: 0 };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        // It is made with the first document; and what goes meanwhile is not there.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(holds),
        Err(error) => return Err(format!("cannot list {}: {error}", folder.display())),
    };
    for entry in entries.flatten() {
        match entry.metadata() {
            Ok(about) if about.is_file() => {
                holds.files += 1;
                holds.bytes += about.len();
            }
            Ok(about) if about.is_dir() && depth < DEEPEST => {
                let below = walk(&entry.path(), depth + 1)?;
                holds.files += below.files;
                holds.bytes += below.bytes;
            }
            _ => {}
        }
    }
    Ok(holds)
}
