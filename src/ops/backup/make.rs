//! Making a backup of a database that is in use.
use std::path::Path;

use super::file::{self, Draft, Folder};
use super::manifest::{Kind, Manifest};
use super::verify::look_into;
use super::{BackupError, copy, kind_of, ours, tools};
use crate::clock::Clock;
use crate::ops::fault;
use crate::process::disk::Disk;
use crate::store::copy::{Contents, Embedded, Snapshot};

/// A dump is compressed; text takes about a quarter of its room.
const DUMP_OF: u64 = 4;

/// What a backup would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub database: Kind,
    /// About as many.
    pub needed: u64,
    /// None where they are known only once they are copied.
    pub contents: Option<Contents>,
}

/// Looks whether a backup could be made; makes nothing.
pub async fn plan(url: &str, to: &Path) -> Result<Plan, BackupError> {
    vacant(to)?;
    let database = kind_of(url);
    let (needed, contents) = match database {
        Kind::Postgresql => {
            let server = copy::server(url).await?;
            tools::find("pg_dump", server.version).await?;
            let snapshot = Snapshot::take(url).await?;
            let found = (snapshot.bytes / DUMP_OF, Some(snapshot.contents.clone()));
            snapshot.end().await?;
            found
        }
        Kind::Sqlite => (source(url)?.size(), None),
    };
    room(to, needed)?;
    Ok(Plan {
        database,
        needed,
        contents,
    })
}

/// A backup that was made.
#[derive(Debug)]
pub struct Made {
    pub manifest: Manifest,
    /// What is in the database's schema and is not ours: to restore it must be allowed.
    pub foreign: Vec<String>,
}

/// Makes one. `to` appears when it is whole, on the disk, and was looked into.
pub async fn make(url: &str, to: &Path, clock: &dyn Clock) -> Result<Made, BackupError> {
    vacant(to)?;
    let draft = Draft::begin(to, ".partial")?;
    let contents = match kind_of(url) {
        Kind::Postgresql => dump(url, to, &draft).await?,
        Kind::Sqlite => {
            let from = source(url)?;
            room(to, from.size())?;
            let folder = Folder::for_copy(to, 0)?;
            copy::copy_to(&from, &draft.path, &folder.0).await?;
            copy::inside(&draft.path).await?.contents
        }
    };
    fault::point("backup:written");
    ours(&draft.path, &contents)?;
    draft.sync()?;
    let hashed = file::hash(&draft.path).await?;
    let manifest = Manifest::new(clock.utc(), kind_of(url), hashed, contents);
    let foreign = look_into(&draft.path, manifest.database, Some(&manifest)).await?;
    describe(to, &manifest)?;
    fault::point("backup:described");
    draft.publish(to)?;
    fault::point("backup:published");
    Ok(Made { manifest, foreign })
}

async fn dump(url: &str, to: &Path, draft: &Draft) -> Result<Contents, BackupError> {
    let server = copy::server(url).await?;
    let pg_dump = tools::find("pg_dump", server.version).await?;
    let snapshot = Snapshot::take(url).await?;
    room(to, snapshot.bytes / DUMP_OF)?;
    let mut command = pg_dump.command(&server);
    command.args([
        "--format=custom",
        "--no-password",
        "--snapshot",
        &snapshot.id,
    ]);
    // Into the very file that was begun, whatever has its name by then.
    pg_dump.run_into(command, draft.handle()?).await?;
    let contents = snapshot.contents.clone();
    snapshot.end().await?;
    Ok(contents)
}

/// Writes the manifest first: a backup that is there has one. One without a backup is what a
/// process left that was killed in between.
fn describe(to: &Path, manifest: &Manifest) -> Result<(), BackupError> {
    let json = serde_json::to_vec_pretty(manifest)
        .map_err(|error| BackupError::io("write", &Manifest::path(to))(error.into()))?;
    Manifest::write(to, &json)
}

/// Neither the file nor that beside it is there.
fn vacant(to: &Path) -> Result<(), BackupError> {
    if to.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let beside = Manifest::path(to);
    match (beside.symlink_metadata(), Manifest::read(to)) {
        (Err(_), _) => Ok(()),
        // What a process left that was killed between the two.
        (Ok(found), Ok(Some(_))) if found.is_file() => Ok(()),
        _ => Err(BackupError::Exists(beside)),
    }
}

fn source(url: &str) -> Result<Embedded, BackupError> {
    let from = Embedded::of(url)?;
    if from.is_there() || !from.logs().is_empty() {
        Ok(from)
    } else {
        Err(BackupError::Missing(from.main().to_owned()))
    }
}

/// Fails if so many bytes do not fit where `path` is.
pub(super) fn room(path: &Path, needed: u64) -> Result<(), BackupError> {
    match Disk::of(path) {
        Some(disk) if disk.free_bytes < needed => Err(BackupError::NoSpace {
            path: path.to_owned(),
            needed,
            free: disk.free_bytes,
        }),
        _ => Ok(()),
    }
}
