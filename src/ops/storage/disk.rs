//! The disks that the database and the archive are on, as far as this machine has them.
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::Level;

/// Less free space than this cannot wait long, or at all: a disk that is full refuses messages.
const WARNING: u64 = 1 << 30;
const CRITICAL: u64 = 128 << 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// A folder on it.
    pub path: PathBuf,
    pub bytes: u64,
    /// What is free for this user.
    pub free_bytes: u64,
    pub level: Level,
}

/// The disks of `places`, each once. What cannot be looked at is left out.
pub(super) fn disks(places: &[PathBuf]) -> Vec<Disk> {
    let mut seen = BTreeSet::new();
    let mut disks = Vec::new();
    for place in places {
        let place = existing(place);
        let Ok(stat) = rustix::fs::stat(place) else {
            continue;
        };
        if seen.insert(stat.st_dev) {
            disks.extend(disk(place));
        }
    }
    disks
}

fn disk(place: &Path) -> Option<Disk> {
    let stat = rustix::fs::statvfs(place).ok()?;
    let free_bytes = stat.f_bavail * stat.f_frsize;
    let level = match free_bytes {
        free if free < CRITICAL => Level::Critical,
        free if free < WARNING => Level::Warning,
        _ => Level::Ok,
    };
    Some(Disk {
        path: place.to_owned(),
        bytes: stat.f_blocks * stat.f_frsize,
        free_bytes,
        level,
    })
}

/// What is free for this user where `place` is or will be.
pub(crate) fn free(place: &Path) -> Option<u64> {
    disk(existing(place)).map(|disk| disk.free_bytes)
}

/// The folder itself, or the nearest above it that is there.
fn existing(place: &Path) -> &Path {
    let there = place
        .ancestors()
        .find(|folder| !folder.as_os_str().is_empty() && folder.exists());
    there.unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_told_once_also_for_folders_that_are_not_there_yet() {
        let folder = tempfile::tempdir().expect("a folder");
        let deep = folder.path().join("not/there");
        let disks = disks(&[folder.path().into(), deep.clone()]);
        assert_eq!(disks.len(), 1);
        assert!(disks[0].free_bytes > 0 && disks[0].bytes >= disks[0].free_bytes);
        assert_eq!(existing(&deep), folder.path());
        assert_eq!(existing(Path::new("not-there")), Path::new("."));
    }
}
