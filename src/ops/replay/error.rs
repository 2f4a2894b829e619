//! Why something is not put back.
use crate::archive::ArchiveError;
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A file that cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        path: String,
        source: std::io::Error,
    },
    /// Nothing of that name is here or in the archive.
    #[error("there is no file '{0}', here or in the archive")]
    NotFound(String),
    /// It is whole, and not what a document of messages is here.
    #[error("{path}: {why}")]
    Foreign { path: String, why: String },
    /// It was stopped; nothing was written yet.
    #[error("it was stopped")]
    Stopped,
    /// What is broken in a document, and where.
    #[error("{path}: {why}")]
    Bad { path: String, why: String },
    /// A document that does not fit what is in the database, or another document.
    #[error("{path}: {why}")]
    Unfit { path: String, why: String },
    /// No document is of the room that was asked for.
    #[error("no document here is of the room '{0}'")]
    OtherRooms(String),
}

impl From<StoreError> for ReplayError {
    fn from(error: StoreError) -> Self {
        Self::Archive(error.into())
    }
}

impl ReplayError {
    pub(super) fn bad(path: &str, why: impl Into<String>) -> Self {
        Self::Bad {
            path: path.to_owned(),
            why: why.into(),
        }
    }

    pub(super) fn foreign(path: &str, why: impl Into<String>) -> Self {
        Self::Foreign {
            path: path.to_owned(),
            why: why.into(),
        }
    }

    pub(super) fn unfit(path: &str, why: impl Into<String>) -> Self {
        Self::Unfit {
            path: path.to_owned(),
            why: why.into(),
        }
    }
}
