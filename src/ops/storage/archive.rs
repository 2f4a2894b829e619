//! What the archive takes.
use std::path::{Path, PathBuf};

use crate::config::ArchiveUrl;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveSize {
    pub url: ArchiveUrl,
    /// Where it is a folder.
    pub folder: Option<PathBuf>,
    /// None where it could not be looked at.
    pub files: Option<u64>,
    pub bytes: Option<u64>,
}

pub(super) fn size(url: &ArchiveUrl) -> ArchiveSize {
    let folder = url.expose().strip_prefix("file:");
    let folder = folder.map(|path| PathBuf::from(path.strip_prefix("//").unwrap_or(path)));
    let walked = folder.as_deref().map(|folder| walk(folder, 0));
    ArchiveSize {
        url: url.clone(),
        folder,
        files: walked.map(|(files, _)| files),
        bytes: walked.map(|(_, bytes)| bytes),
    }
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
