//! Making a backup of a database that is in use.
use std::path::{Path, PathBuf};

use super::file::{self, Draft};
use super::manifest::{Kind, Manifest};
use super::verify::list_has_ours;
use super::{BackupError, copy, kind_of, tools};
use crate::clock::Clock;
use crate::ops::fault;
use crate::process::disk::Disk;
use crate::store::copy::{Contents, Snapshot};

/// A dump is compressed; text takes about a quarter of its room.
const DUMP_OF: u64 = 4;

/// What a backup would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub to: PathBuf,
    pub database: Kind,
    /// About as many.
    pub needed: u64,
    pub contents: Contents,
}

/// Looks whether a backup could be made; makes nothing.
pub async fn plan(url: &str, to: &Path) -> Result<Plan, BackupError> {
    vacant(to)?;
    let plan = match kind_of(url) {
        Kind::Postgresql => {
            let server = copy::server(url).await?;
            tools::find("pg_dump", server.version).await?;
            let snapshot = Snapshot::take(url).await?;
            let (needed, contents) = (snapshot.bytes / DUMP_OF, snapshot.contents.clone());
            snapshot.end().await?;
            Plan {
                to: to.to_owned(),
                database: Kind::Postgresql,
                needed,
                contents,
            }
        }
        Kind::Sqlite => {
            let from = source(url)?;
            let needed = std::fs::metadata(&from).map_or(0, |about| about.len());
            Plan {
                to: to.to_owned(),
                database: Kind::Sqlite,
                needed,
                contents: Contents::default(),
            }
        }
    };
    room(to, plan.needed)?;
    Ok(plan)
}

/// Makes one. `to` appears when it is whole, on the disk, and was looked into.
pub async fn make(url: &str, to: &Path, clock: &dyn Clock) -> Result<Manifest, BackupError> {
    vacant(to)?;
    let draft = Draft::begin(to, ".partial")?;
    let contents = match kind_of(url) {
        Kind::Postgresql => dump(url, &draft.path).await?,
        Kind::Sqlite => {
            let from = source(url)?;
            room(to, std::fs::metadata(&from).map_or(0, |about| about.len()))?;
            copy::copy_to(&from, &draft.path).await?;
            copy::contents_of_file(&draft.path).await?
        }
    };
    fault::point("backup:written");
    ours(&draft.path, &contents)?;
    draft.sync()?;
    let hashed = file::hash(&draft.path)?;
    let manifest = Manifest::new(clock.utc(), kind_of(url), hashed, contents);
    describe(to, &manifest)?;
    fault::point("backup:described");
    draft.publish(to)?;
    fault::point("backup:published");
    Ok(manifest)
}

async fn dump(url: &str, to: &Path) -> Result<Contents, BackupError> {
    let server = copy::server(url).await?;
    let pg_dump = tools::find("pg_dump", server.version).await?;
    let snapshot = Snapshot::take(url).await?;
    room(to, snapshot.bytes / DUMP_OF)?;
    let mut command = pg_dump.command(&server);
    command
        .args([
            "--format=custom",
            "--no-password",
            "--snapshot",
            &snapshot.id,
        ])
        .arg("--file")
        .arg(to);
    pg_dump.run(command).await?;
    let contents = snapshot.contents.clone();
    snapshot.end().await?;
    list_has_ours(to).await?;
    Ok(contents)
}

/// Writes the manifest first: a backup that is there has one. One without a backup is what a
/// process left that was killed in between.
fn describe(to: &Path, manifest: &Manifest) -> Result<(), BackupError> {
    let path = Manifest::path(to);
    let mut draft = Draft::begin(&path, ".partial")?;
    let json = serde_json::to_vec_pretty(manifest)
        .map_err(|error| BackupError::io("write", &path)(error.into()))?;
    draft.write(&json)?;
    draft.replace(&path)
}

fn vacant(to: &Path) -> Result<(), BackupError> {
    match to.symlink_metadata() {
        Ok(_) => Err(BackupError::Exists(to.to_owned())),
        Err(_) => Ok(()),
    }
}

fn source(url: &str) -> Result<PathBuf, BackupError> {
    let from = copy::file_of(url)?;
    match from.exists() {
        true => Ok(from),
        false => Err(BackupError::Missing(from)),
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

fn ours(path: &Path, contents: &Contents) -> Result<(), BackupError> {
    let missing = super::OURS
        .iter()
        .find(|table| !contents.tables.contains_key(**table));
    match missing {
        None => Ok(()),
        Some(table) => Err(BackupError::Corrupt {
            path: path.to_owned(),
            why: format!("the database has no table {table}: it is none of a chat"),
        }),
    }
}
