//! How much space is left on the disks that this machine writes to.
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::config::{Config, Level, Threshold};

/// What should be left, in MiB: below the first the operator should look, below the second soon
/// nothing can be stored, and a disk that is full refuses messages.
pub const FREE_MIB: Threshold<f64> = Threshold {
    warning: 1024.0,
    critical: 128.0,
};

const MIB: f64 = (1 << 20) as f64;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Disk {
    /// A folder on it.
    pub path: PathBuf,
    pub bytes: u64,
    /// What is free for this user.
    pub free_bytes: u64,
    pub state: Level,
}

impl Disk {
    /// The disk that `place` is on, or will be; `None` if it cannot be looked at.
    pub fn of(place: &Path) -> Option<Self> {
        let place = existing(place);
        let stat = rustix::fs::statvfs(place).ok()?;
        let free_bytes = stat.f_bavail * stat.f_frsize;
        Some(Self {
            path: place.to_owned(),
            bytes: stat.f_blocks * stat.f_frsize,
            free_bytes,
            state: FREE_MIB.below(free_bytes as f64 / MIB),
        })
    }
}

/// The folders that an instance writes to, of its own and of an embedded database.
pub fn folders(config: &Config) -> Vec<PathBuf> {
    let database = config.db_url.file();
    let mut folders = vec![config.data_dir.clone()];
    folders.extend(
        database
            .as_deref()
            .and_then(Path::parent)
            .map(Path::to_owned),
    );
    folders.dedup();
    folders
}

/// The folder with the least space, and its disk.
pub fn least_free(folders: &[PathBuf]) -> Option<(&Path, Disk)> {
    let disk = |folder: &PathBuf| Disk::of(folder);
    folders
        .iter()
        .filter_map(|folder| Some((folder.as_path(), disk(folder)?)))
        .min_by_key(|(_, disk)| disk.free_bytes)
}

/// The disks of `places`, each once. What cannot be looked at is left out.
pub fn disks(places: &[PathBuf]) -> Vec<Disk> {
    let mut seen = BTreeSet::new();
    let first = |place: &&PathBuf| match rustix::fs::stat(existing(place)) {
        Ok(stat) => seen.insert(stat.st_dev),
        Err(_) => false,
    };
    let places = places.iter().filter(first);
    places.filter_map(|place| Disk::of(place)).collect()
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

    #[test]
    fn a_folder_that_is_not_there_yet_has_its_parents_space() {
        let folder = tempfile::tempdir().expect("a folder");
        let folders = [folder.path().join("a/b")];
        let (of, disk) = least_free(&folders).expect("some space");
        assert!(of == folders[0] && disk.free_bytes > 0);
        assert!(least_free(&["relative".into()]).is_some());
    }
}
