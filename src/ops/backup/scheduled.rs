//! A backup by schedule: made and proved, and then those that are not kept any more are taken away.
use std::path::Path;

use super::keep::{Dated, surplus};
use super::place::Place;
use super::{BackupError, Stored, Verified};
use crate::clock::Clock;
use crate::config::{ArchiveUrl, Config};

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    pub made: Stored,
    /// How many were taken away, and how many are there.
    pub removed: usize,
    pub kept: usize,
}

/// Makes one where `backup.url` says. Only one run of a deployment may be under way. Where it fails,
/// all backups that were there still are.
///
/// # Errors
/// Where none could be made or it is not what was written; or where older ones could not be taken
/// away, and then it is there all the same.
pub async fn scheduled(config: &Config, clock: &dyn Clock) -> Result<Ran, BackupError> {
    let place = Place::open(&config.backup.url)?;
    // A bucket that is away is found before anything is made.
    place.list().await?;
    let made = place.make(config, clock).await?;
    let all = place.list().await?;
    let dated = all.iter().map(|one| Dated {
        name: &one.name,
        made_at: one.made_at,
        verified: one.verified_at.is_some(),
    });
    let dated: Vec<Dated<'_>> = dated.collect();
    let gone = surplus(&dated, &config.backup.keep);
    for name in &gone {
        place.remove(name).await?;
    }
    Ok(Ran {
        made,
        removed: gone.len(),
        kept: all.len() - gone.len(),
    })
}

/// The backups that are there, the oldest first.
///
/// # Errors
/// Where the folder or bucket cannot be looked at.
pub async fn stored(url: &ArchiveUrl) -> Result<Vec<Stored>, BackupError> {
    Place::open(url)?.list().await
}

/// Brings one of them to a file, with its manifest, and reads it through.
///
/// # Errors
/// Where there is none of that name, or it is not what was written.
pub async fn fetch(url: &ArchiveUrl, name: &str, to: &Path) -> Result<Verified, BackupError> {
    Place::open(url)?.fetch(name, to).await
}
