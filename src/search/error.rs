//! Why a search has no answer.
use crate::store::StoreError;

#[derive(Debug, Clone, thiserror::Error)]
pub enum SearchError {
    /// `search.enabled` is false.
    #[error("search is turned off on this server")]
    Disabled,
    /// Some search already, and some wait.
    #[error("too many search at the moment")]
    Busy,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a source could not be looked at: told in the log alone, since the other sources answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SourceError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0}")]
    Unreachable(String),
    #[error("{0}")]
    Damaged(String),
}
