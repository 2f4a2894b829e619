//! Putting a backup where a database is to be.
use std::path::{Path, PathBuf};

use super::file::{self, Draft, Folder};
use super::make::room;
use super::manifest::Kind;
use super::toc::Toc;
use super::verify::{Verified, look_into, verify};
use super::{BackupError, Foreign, compare, copy, must_be_of, pour};
use crate::clock::Clock;
use crate::model::format_time;
use crate::ops::{fault, lease};
use crate::private;
use crate::store::StoreError;
use crate::store::copy::{Contents, Embedded, Occupancy, Place, Server};
use crate::store::migrations::{Migrator, State};
use crate::store::upkeep;

/// What becomes of an embedded database that is there already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Existing {
    /// It is refused if it has messages.
    #[default]
    Kept,
    /// It gets another name, whole.
    SetAside,
}

/// Whether a PostgreSQL dump, which is a program, may be run by a role that may do anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Powers {
    #[default]
    Plain,
    Superuser,
}

/// How a backup is to be restored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct How {
    pub existing: Existing,
    pub foreign: Foreign,
    pub powers: Powers,
}

/// A database that was put back.
#[derive(Debug)]
pub struct Restored {
    pub backup: Verified,
    pub contents: Contents,
    /// How it stands to this program's schema.
    pub schema: State,
    /// What was in its place, and where that is now.
    pub aside: Vec<(PathBuf, PathBuf)>,
}

/// Whether `backup` may be put in the place of the database that `url` names; the backup is
/// read, and nothing is changed.
pub async fn check(url: &str, backup: &Path, how: How) -> Result<Verified, BackupError> {
    let verified = verify(backup, how.foreign).await?;
    must_be_of(url, verified.kind)?;
    if verified.kind == Kind::Postgresql {
        may_run(&copy::server(url).await?, how.powers)?;
    } else if how.existing == Existing::SetAside {
        // A process that has it open says so when its place is taken; it may be damaged.
        return Ok(verified);
    }
    free_to_take(copy::occupancy(url).await?)?;
    Ok(verified)
}

/// What a dump says is done. By a role that may run programs, that is anything at all.
pub(super) fn may_run(server: &Server, powers: Powers) -> Result<(), BackupError> {
    match powers {
        Powers::Plain if server.almighty => Err(BackupError::Almighty(server.role.clone())),
        _ => Ok(()),
    }
}

fn free_to_take(occupancy: Occupancy) -> Result<(), BackupError> {
    if occupancy.messages > 0 {
        return Err(BackupError::NotEmpty(occupancy.messages));
    }
    let living = occupancy.living.iter();
    let living = living.map(|i| format!("instance {} (pid {})", i.name, i.pid));
    let working = occupancy.working.iter().map(|held| held.holder.as_str());
    let working = working.filter(|holder| !lease::is_dead(holder));
    let users: Vec<String> = living.chain(working.map(str::to_owned)).collect();
    if users.is_empty() {
        Ok(())
    } else {
        Err(BackupError::InUse(users.join(", ")))
    }
}

/// Puts it there, whole or not at all, and looks whether all is there. `checked` is what
/// [`check`] found in the backup: what is restored is that, byte by byte.
pub async fn restore(
    url: &str,
    backup: &Path,
    checked: Verified,
    how: How,
    clock: &dyn Clock,
) -> Result<Restored, BackupError> {
    let mut aside = Vec::new();
    match checked.kind {
        Kind::Postgresql => dump(url, backup, &checked, how).await?,
        Kind::Sqlite => {
            let suffix = format!(".before-{}", format_time(clock.utc()).replace(':', ""));
            aside = put(&Embedded::of(url)?, backup, &checked, how, &suffix).await?;
        }
    }
    fault::point("restore:done");
    let contents = Contents::of(url).await?;
    compare(checked.manifest.as_ref(), &contents)?;
    let status = Migrator::new(url).status().await;
    let schema = status.map_or(State::Changed, |status| status.verdict());
    if schema == State::Applied {
        begin_epoch(url, backup).await?;
    }
    Ok(Restored {
        backup: checked,
        contents,
        schema,
        aside,
    })
}

/// Clients hold positions of what was there before, or of what came after the backup. A database of
/// an older schema begins its first epoch when it is migrated.
async fn begin_epoch(url: &str, backup: &Path) -> Result<(), BackupError> {
    let upkeep = upkeep::open(url, "discordctl restore").await?;
    let name = backup.file_name().unwrap_or_default().to_string_lossy();
    let reason = format!("restored from the backup {name}");
    let begun = upkeep.change_epoch(&reason).await;
    upkeep.close().await;
    begun?;
    Ok(())
}

/// Copies a backup; fails if it is not any more what was verified.
async fn copied(backup: &Path, to: &Draft, checked: &Verified) -> Result<(), BackupError> {
    if file::copy(backup, to).await? == checked.sum() {
        Ok(())
    } else {
        let why = "it was changed after it was verified";
        Err(BackupError::corrupt(backup, why))
    }
}

/// A copy of a dump that no other user can change, proved, and then run.
pub(super) async fn dump(
    url: &str,
    backup: &Path,
    checked: &Verified,
    how: How,
) -> Result<(), BackupError> {
    let folder = Folder::for_copy(backup, checked.bytes)?;
    let draft = Draft::begin(&folder.0.join("dump"), "")?;
    copied(backup, &draft, checked).await?;
    let toc = Toc::of(&draft.path).await?;
    how.foreign.judge(toc.foreign.clone())?;
    let list = toc.write(&folder, how.foreign == Foreign::Allowed)?;
    let server = copy::server(url).await?;
    may_run(&server, how.powers)?;
    pour(&draft.path, &list, &server).await
}

/// A copy beside the database's file, proved, and then put in its place in one step. What is
/// there already gets another name, with all that belongs to it: nothing is ever deleted.
pub(super) async fn put(
    database: &Embedded,
    backup: &Path,
    checked: &Verified,
    how: How,
    suffix: &str,
) -> Result<Vec<(PathBuf, PathBuf)>, BackupError> {
    let target = database.main();
    // A folder that is there may belong to another user, and root restores for that user.
    if let Some(folder) = target.parent().filter(|folder| !folder.is_dir()) {
        private::folder(folder).map_err(BackupError::io("make", folder))?;
    }
    room(target, checked.bytes)?;
    let draft = Draft::begin(target, ".restoring")?;
    copied(backup, &draft, checked).await?;
    fault::point("restore:copied");
    let found = look_into(&draft.path, Kind::Sqlite, checked.manifest.as_ref()).await?;
    how.foreign.judge(found)?;
    let given = database.give(&draft.path);
    given.map_err(BackupError::io("give away", &draft.path))?;
    let place = Place::take(database).await.map_err(|error| match error {
        StoreError::Locked(why) => BackupError::InUse(why),
        other => other.into(),
    })?;
    fault::point("restore:alone");
    if how.existing == Existing::Kept {
        free_to_take(copy::occupancy(&database.url()).await?)?;
    }
    let aside = place
        .clear(suffix)
        .map_err(BackupError::io("set aside", target))?;
    fault::point("restore:cleared");
    draft.publish(target)?;
    place.release();
    Ok(aside)
}
