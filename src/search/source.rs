//! Where messages lie that are looked for beside the database.
use async_trait::async_trait;

use super::{Asked, Part};
use crate::model::MessageId;

/// A place to look, such as an archive. The database is the first of them, and of a message that several have,
/// its row is shown.
#[async_trait]
pub trait Source: Send + Sync + 'static {
    /// At least `asked.limit` messages that `asked.judge` lets through, the newest first; fewer where there are
    /// no more, or where `reached` says how far it went until `asked.until`. What cannot be looked at makes
    /// the part incomplete, and no error: the others answer.
    /// Nothing with a smaller id than `floor` can be shown: as many newer ones were found elsewhere.
    async fn part(&self, asked: &Asked<'_>, floor: Option<MessageId>) -> Part;
}
