//! Where an instance's files are, and the folder that only its user may enter.
use std::io;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::private;

/// The paths of one instance's files, below its `data_dir`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// Holds what belongs to running instances; 0700.
    pub run: PathBuf,
    pub identity: PathBuf,
    /// Held for life. Never removed: a process that waits for it holds the same file.
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

    /// For an operator who looks after another user's instances: root may use the folder of
    /// that user, and every other user has one of its own.
    pub fn enter(&self) -> io::Result<()> {
        if rustix::process::geteuid().is_root() && self.run.is_dir() {
            Ok(())
        } else {
            self.make_folder()
        }
    }

    /// Makes the folder, which no other user may enter.
    pub fn make_folder(&self) -> io::Result<()> {
        private::own_folder(&self.run)
    }
}
