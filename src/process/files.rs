//! Where an instance's files are, and the folder that only its user may enter.
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::config::Config;

/// The paths of one instance's files, below its `data_dir`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// Holds what belongs to running instances; 0700.
    pub run: PathBuf,
    pub identity: PathBuf,
    /// Held for life. Never removed: whoever waits for it holds the same file.
    pub lock: PathBuf,
    pub socket: PathBuf,
    pub log: PathBuf,
}

impl Files {
    pub fn of(config: &Config) -> Self {
        Self::named(&config.data_dir, &config.instance_id)
    }

    pub fn named(data_dir: &Path, instance: &str) -> Self {
        let run = data_dir.join("run");
        let file = |extension: &str| run.join(format!("{instance}.{extension}"));
        Self {
            identity: file("json"),
            lock: file("lock"),
            socket: file("sock"),
            log: data_dir.join("log").join(format!("{instance}.log")),
            run,
        }
    }

    /// Makes the folder, and sees to it that nobody else may enter.
    pub fn make_folder(&self) -> io::Result<()> {
        private_folder(&self.run)
    }
}

/// A folder of mode 0700 that is ours, made if it is not there.
pub(super) fn private_folder(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)?;
    let found = fs::metadata(path)?;
    let us = rustix::process::geteuid().as_raw();
    if found.uid() != us {
        let uid = found.uid();
        let why = format!("it belongs to user {uid}, and this is user {us}");
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    }
    if found.mode() & 0o777 != 0o700 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Writes a file of mode 0600 whole or not at all.
pub(crate) fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let new = path.with_extension(format!("{}.new", std::process::id()));
    let write = || {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().inspect_err(|_| {
        let _ = fs::remove_file(&new);
    })
}
