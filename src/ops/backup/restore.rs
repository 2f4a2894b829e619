//! Putting a backup where a database is to be.
use std::path::Path;

use super::file::{self, Draft};
use super::make::room;
use super::manifest::Kind;
use super::verify::{Verified, verify};
use super::{BackupError, compare, copy, kind_of, pour};
use crate::ops::fault;
use crate::store::StoreError;
use crate::store::copy::{Contents, Occupancy, Place};
use crate::store::migrations::{Migrator, State};

/// A database that was put back.
#[derive(Debug)]
pub struct Restored {
    pub backup: Verified,
    pub contents: Contents,
    /// How it stands to this program's schema.
    pub schema: State,
}

/// Whether `backup` may be put in the place of the database that `url` names; the backup is
/// read, and nothing is changed.
pub async fn check(url: &str, backup: &Path) -> Result<Verified, BackupError> {
    let verified = verify(backup).await?;
    let wanted = kind_of(url);
    if verified.kind != wanted {
        return Err(BackupError::OtherKind {
            is: verified.kind.as_str(),
            wanted: wanted.as_str(),
        });
    }
    free_to_take(copy::occupancy(url).await?)?;
    Ok(verified)
}

fn free_to_take(occupancy: Occupancy) -> Result<(), BackupError> {
    if occupancy.messages > 0 {
        return Err(BackupError::NotEmpty(occupancy.messages));
    }
    let living = occupancy.living.iter();
    let living = living.map(|i| format!("instance {} (pid {})", i.name, i.pid));
    let working = occupancy.working.iter().map(|held| held.holder.clone());
    let users: Vec<String> = living.chain(working).collect();
    match users.is_empty() {
        true => Ok(()),
        false => Err(BackupError::InUse(users.join(", "))),
    }
}

/// Puts it there, whole or not at all, and looks whether all is there.
pub async fn restore(url: &str, backup: &Path) -> Result<Restored, BackupError> {
    let verified = check(url, backup).await?;
    match verified.kind {
        Kind::Postgresql => {
            let server = copy::server(url).await?;
            pour(backup, &server).await?;
        }
        Kind::Sqlite => put(url, backup).await?,
    }
    fault::point("restore:done");
    let contents = Contents::of(url).await?;
    compare(verified.manifest.as_ref(), &contents)?;
    let status = Migrator::new(url).status().await;
    let schema = status.map_or(State::Changed, |status| status.verdict());
    Ok(Restored {
        backup: verified,
        contents,
        schema,
    })
}

/// A copy beside the database's file, proved, and then put in its place in one step.
async fn put(url: &str, backup: &Path) -> Result<(), BackupError> {
    let target = copy::file_of(url)?;
    if let Some(folder) = target.parent() {
        std::fs::create_dir_all(folder).map_err(BackupError::io("make", folder))?;
    }
    let about = std::fs::metadata(backup).map_err(BackupError::io("read", backup))?;
    room(&target, about.len())?;
    let draft = Draft::begin(&target, ".restoring")?;
    std::fs::copy(backup, &draft.path).map_err(BackupError::io("write", &draft.path))?;
    fault::point("restore:copied");
    if file::hash(&draft.path)? != file::hash(backup)? {
        return Err(BackupError::Corrupt {
            path: draft.path.clone(),
            why: "the copy is not what was copied".into(),
        });
    }
    draft.sync()?;
    let place = Place::take(&target).await.map_err(|error| match error {
        StoreError::Unavailable(why) => BackupError::InUse(why),
        other => other.into(),
    })?;
    fault::point("restore:alone");
    let filled = place.fill(&draft.path).await;
    filled.map_err(BackupError::io("replace", &target))?;
    draft.keep();
    file::sync_folder(&target)
}
