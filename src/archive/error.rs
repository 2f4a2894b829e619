//! Why there is no archive, or no trust in it.
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another process archives, trims or replays.
    #[error("{0}")]
    InUse(String),
    /// The right to do so alone was lost on the way.
    #[error("{0}")]
    LeaseLost(String),
    /// The URL names nothing that this program can write to.
    #[error("{0}")]
    Url(String),
    /// The folder or bucket cannot be used.
    #[error("{what}: {source}")]
    Destination {
        what: String,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Something else has the name of a document that was to be written.
    #[error("{0} is there already, and holds something else")]
    Exists(String),
    /// What was read is not what was written, or not what it should be.
    #[error("{path}: {why}")]
    Damaged { path: String, why: String },
    #[error("there is no room '{0}'")]
    NoSuchRoom(String),
    /// A document that was named a moment ago was rewritten, or is missing.
    #[error("{0}: it is missing")]
    Vanished(String),
    /// Too much is read of it at once.
    #[error("the archive is read by too many at once")]
    Busy,
    /// Compression failed, or the program itself.
    #[error("{0}")]
    Inside(String),
}

impl ArchiveError {
    /// The error with what caused it, where that is not said already.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            if !text.contains(&cause_text) {
                text = format!("{text}: {cause_text}");
            }
            source = cause.source();
        }
        text
    }

    pub(crate) fn destination(
        what: impl Into<String>,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Destination {
            what: what.into(),
            source: Box::new(source),
        }
    }

    pub(crate) fn damaged(path: &str, why: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            why: why.into(),
        }
    }
}
