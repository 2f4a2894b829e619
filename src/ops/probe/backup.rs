//! The place of backups that run themselves, as seen from here.
use super::super::deadline::Deadline;
use crate::config::ArchiveUrl;
use crate::ops::backup::{self, Stored};

/// The newest of those that were verified; none where there is none.
///
/// # Errors
/// Why its folder or bucket cannot be looked at, in words and without secrets.
pub(in crate::ops) async fn look(
    url: &ArchiveUrl,
    deadline: Deadline,
) -> Result<Option<Stored>, String> {
    let looked = deadline.bound(backup::stored(url)).await;
    let stored = match looked {
        Ok(stored) => stored.map_err(|error| error.to_string())?,
        Err(late) => return Err(late.to_string()),
    };
    let verified = stored.into_iter().rev();
    let mut verified = verified.filter(|one| one.verified_at.is_some());
    Ok(verified.next())
}
