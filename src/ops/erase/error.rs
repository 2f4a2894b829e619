//! Why nothing, or not everything, was erased.
use crate::archive::ArchiveError;
use crate::search::write::WriteError;
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    #[error("cannot take words out of the search index: {0}")]
    Index(#[from] WriteError),
    #[error("there is no person '{0}'")]
    NoPerson(String),
    #[error("there is no room '{0}'")]
    NoRoom(String),
    #[error("cannot name the erasure: {0}")]
    Random(std::io::Error),
}

impl From<StoreError> for EraseError {
    fn from(error: StoreError) -> Self {
        Self::Archive(error.into())
    }
}
