//! How much space is left where this instance writes.
use std::path::{Path, PathBuf};

use crate::config::{Config, Level, Threshold};

/// What should be left, in MiB: below the first somebody should look, below the second soon
/// nothing can be stored.
pub const FREE_MIB: Threshold<f64> = Threshold {
    warning: 512.0,
    critical: 64.0,
};

const MIB: f64 = (1 << 20) as f64;

/// The folders that an instance writes to, of its own and of an embedded database.
pub fn folders(config: &Config) -> Vec<PathBuf> {
    let database = config.db_url.file().and_then(Path::parent);
    let mut folders = vec![config.data_dir.clone()];
    folders.extend(database.map(Path::to_owned));
    folders.dedup();
    folders
}

/// The folder with the least space, and how many bytes that is.
pub fn least_free(folders: &[PathBuf]) -> Option<(&Path, u64)> {
    let free = |folder: &'_ PathBuf| free(folder);
    folders
        .iter()
        .filter_map(|folder| Some((folder.as_path(), free(folder)?)))
        .min_by_key(|(_, free)| *free)
}

pub fn level(free: u64) -> Level {
    FREE_MIB.below(free as f64 / MIB)
}

/// Of a folder that is yet to be made, its nearest parent's.
fn free(folder: &Path) -> Option<u64> {
    let there = folder.ancestors().find(|path| path.exists());
    let there = there.unwrap_or(Path::new("."));
    let space = rustix::fs::statvfs(there).ok()?;
    Some(space.f_bavail * space.f_frsize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_yet_has_its_parents_space() {
        let folder = tempfile::tempdir().expect("a folder");
        let folders = [folder.path().join("a/b")];
        assert!(least_free(&folders).expect("some space").1 > 0);
        assert!(least_free(&["relative".into()]).is_some());
    }
}
