//! What instances keep on this machine that holds what people said, or leads to it: no other user
//! is to read it.
use std::fs;
use std::path::{Path, PathBuf};

use super::Files;
use crate::config::{ArchiveUrl, Config};

/// What begins so in `data_dir` is what a database had lost, and in `backup.url` a backup.
const LOST: &str = "lost-";
const BACKUP: &str = "discordctl-";
/// What of an archive is at its top.
const ARCHIVE: [&str; 2] = ["rooms", "manifest.json"];

/// Everything of that kind that an instance with these settings keeps, but its embedded database:
/// folders, of which nothing inside is named, and files. Folders that may hold other things, such
/// as `data_dir`, are not among them.
pub fn kept(config: &Config) -> Vec<PathBuf> {
    let files = Files::of(config);
    let log = files.log.parent().map(Path::to_owned);
    let logs = log.iter().flat_map(|folder| begin_with(folder, ""));
    let mut found: Vec<PathBuf> = logs.collect();
    found.extend(log);
    found.push(files.run);
    found.extend(begin_with(&config.data_dir, LOST));
    let archive = config.archive.url.path();
    found.extend(
        archive
            .into_iter()
            .flat_map(|at| ARCHIVE.map(|name| at.join(name))),
    );
    let backup = ArchiveUrl::path(&config.backup.url);
    found.extend(backup.into_iter().flat_map(|at| begin_with(at, BACKUP)));
    found
}

/// The files of a folder with that prefix; none where the folder cannot be read.
fn begin_with(folder: &Path, begin: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(begin));
    let files = named.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    files.map(|entry| entry.path()).collect()
}
