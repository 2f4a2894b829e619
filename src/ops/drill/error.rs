//! Why a drill could not be held.
use std::io;
use std::path::Path;

use crate::ops::instances::roll::RollError;
use crate::process::LookError;
use crate::store::StoreError;
use crate::store::migrations::MigrateError;

#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    #[error("{program} is not on the path")]
    Missing {
        program: &'static str,
        /// What to install.
        install: &'static str,
    },
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
    #[error("{name} {why}{}", quoted(said))]
    Server {
        name: String,
        why: String,
        said: String,
    },
    #[error("{0}")]
    Instance(String),
    /// It would not be what the operator expects.
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    #[error(transparent)]
    Roll(#[from] RollError),
    #[error(transparent)]
    Look(#[from] LookError),
    /// A signal asked for it.
    #[error("it was stopped")]
    Stopped,
}

impl DrillError {
    pub(super) fn io(what: &str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let what = format!("cannot {what} {}", path.display());
        |source| Self::Io { what, source }
    }
}

fn quoted(said: &str) -> String {
    match said.trim_end() {
        "" => String::new(),
        said => format!("; it said:\n{said}"),
    }
}
