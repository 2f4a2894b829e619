//! Why there is no backup, or no restored database.
use std::io;
use std::path::{Path, PathBuf};

use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    #[error("there is no {}", .0.display())]
    Missing(PathBuf),
    #[error("another process writes {}", .0.display())]
    Busy(PathBuf),
    /// Where it would write first, something else is.
    #[error("{} is in the way, and no file that a backup left there", .0.display())]
    InTheWay(PathBuf),
    #[error("it needs about {needed} bytes, and {free} are free at {}", path.display())]
    NoSpace {
        path: PathBuf,
        needed: u64,
        free: u64,
    },
    #[error("there is no {tool} {needed} or newer here{}", newest(.found))]
    NoTool {
        tool: &'static str,
        needed: u32,
        found: Vec<String>,
    },
    #[error("{tool} ended with {status}: {said}")]
    Tool {
        tool: String,
        status: String,
        said: String,
    },
    /// It is not what it should be.
    #[error("{}: {why}", path.display())]
    Corrupt { path: PathBuf, why: String },
    /// A database's files, and no backup.
    #[error(
        "{} is a database's main file: {} beside it holds what that does not",
        path.display(),
        log.display()
    )]
    NotAlone { path: PathBuf, log: PathBuf },
    /// What is in its schema and no step of ours makes.
    #[error("its schema has what discordctl does not make: {}", .0.join(", "))]
    Foreign(Vec<String>),
    #[error(
        "the role '{0}' may run programs on the server's machine, and so may what is in the dump"
    )]
    Almighty(String),
    #[error("the database has {0} messages")]
    NotEmpty(i64),
    #[error("it is in use: {0}")]
    InUse(String),
    #[error("what is there now is not what was backed up:\n{}", .0.join("\n"))]
    Differs(Vec<String>),
    #[error("the backup is of {is}, and db_url names {wanted}")]
    OtherKind {
        is: &'static str,
        wanted: &'static str,
    },
    /// The folder or bucket of backups cannot be used.
    #[error("{0}")]
    Destination(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
}

impl BackupError {
    /// For `map_err`: what was done to which file.
    pub(super) fn io(what: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let what = format!("cannot {what} {}", path.display());
        move |source| Self::Io { what, source }
    }

    pub(super) fn corrupt(path: &Path, why: impl Into<String>) -> Self {
        Self::Corrupt {
            path: path.to_owned(),
            why: why.into(),
        }
    }
}

fn newest(found: &[String]) -> String {
    match found {
        [] => String::new(),
        found => format!(" (found {})", found.join(", ")),
    }
}
