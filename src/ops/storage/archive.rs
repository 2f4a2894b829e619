//! What the archive takes.
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use tokio::time::timeout;

use crate::config::ArchiveUrl;
use crate::ops::archive::{Destination, Manifest};

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ArchiveSize {
    pub url: ArchiveUrl,
    /// None where it could not be looked at.
    pub files: Option<u64>,
    pub bytes: Option<u64>,
}

/// A bucket's manifest tells at once what would take long to list.
const BUCKET_WITHIN: Duration = Duration::from_secs(10);

pub(super) async fn size(url: &ArchiveUrl) -> ArchiveSize {
    let seen = match url.path() {
        Some(folder) => Some(walk(folder, 0)),
        None => bucket(url).await,
    };
    ArchiveSize {
        url: url.clone(),
        files: seen.map(|(files, _)| files),
        bytes: seen.map(|(_, bytes)| bytes),
    }
}

async fn bucket(url: &ArchiveUrl) -> Option<(u64, u64)> {
    let destination = Destination::open(url).ok()?;
    let manifest = timeout(BUCKET_WITHIN, Manifest::load(&destination)).await;
    let manifest = manifest.ok()?.ok()?;
    let entries = manifest.entries();
    let bytes = entries.iter().map(|entry| entry.size).sum();
    Some((entries.len() as u64, bytes))
}

/// Files and bytes below a folder; what is not there, or not ours to see, counts nothing.
fn walk(folder: &Path, depth: u32) -> (u64, u64) {
    /// Deeper than any archive, and an end to links that go round.
    const DEEPEST: u32 = 16;
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(about) if about.is_file() => (1, about.len()),
        Ok(about) if about.is_dir() && depth < DEEPEST => walk(&entry.path(), depth + 1),
        _ => (0, 0),
    });
    sizes.fold((0, 0), |(files, bytes), (f, b)| (files + f, bytes + b))
}
