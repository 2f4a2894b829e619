//! What can go wrong with a migration.
use std::time::Duration;

use crate::store::StoreError;

#[derive(Debug, Clone, thiserror::Error)]
pub enum MigrateError {
    /// Another process migrates.
    #[error("waited {waited:?} for {holder}")]
    Locked { holder: String, waited: Duration },
    /// A table it needs stayed in use. Nothing was changed by this step.
    #[error("step {step} could not get its lock within {within:?}, {tries} times")]
    Busy {
        step: String,
        within: Duration,
        tries: u32,
    },
    #[error("step {step} stopped half way")]
    Dirty { step: String },
    #[error("step {step} was changed after it was applied")]
    Changed { step: String },
    #[error("step {version} is not known to this program")]
    NoWayBack { version: i32 },
    #[error("step {step} failed: {reason}")]
    Failed { step: String, reason: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for MigrateError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}
