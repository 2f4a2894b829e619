//! A restore drill: a backup put into a scratch database, on the way that `restore` goes, counted,
//! compared, and thrown away.
use std::path::Path;

use super::file::Folder;
use super::manifest::Kind;
use super::restore::{How, dump, may_run, put};
use super::verify::{Verified, verify};
use super::{BackupError, compare, copy, must_be_of};
use crate::store::StoreError;
use crate::store::copy::{Contents, Embedded, Scratch};
use crate::store::migrations::{Migrator, State};

/// Restores `backup` into a database of its own, on the server of `url` or beside the backup,
/// and compares what is there with what was backed up.
pub async fn drill(
    url: &str,
    backup: &Path,
    how: How,
) -> Result<(Verified, Contents), BackupError> {
    let verified = verify(backup, how.foreign).await?;
    let contents = match verified.kind {
        Kind::Sqlite => in_file(backup, &verified, how).await?,
        Kind::Postgresql => {
            must_be_of(url, Kind::Postgresql)?;
            on_server(url, backup, &verified, how).await?
        }
    };
    compare(verified.manifest.as_ref(), &contents)?;
    Ok((verified, contents))
}

async fn in_file(backup: &Path, verified: &Verified, how: How) -> Result<Contents, BackupError> {
    let folder = Folder::for_copy(backup, verified.bytes)?;
    let scratch = Embedded::at(&folder.0.join("chat.db"));
    put(&scratch, backup, verified, how, ".before").await?;
    let url = scratch.url();
    let contents = Contents::of(&url).await?;
    sound(&url).await?;
    Ok(contents)
}

async fn on_server(
    url: &str,
    backup: &Path,
    verified: &Verified,
    how: How,
) -> Result<Contents, BackupError> {
    may_run(&copy::server(url).await?, how.powers)?;
    let scratch = Scratch::make(url).await?;
    let tried = async {
        dump(&scratch.url, backup, verified, how).await?;
        sound(&scratch.url).await?;
        Ok(Contents::of(&scratch.url).await?)
    };
    let tried: Result<Contents, BackupError> = tried.await;
    let ended = scratch.end().await;
    let contents = tried?;
    ended?;
    Ok(contents)
}

/// Whether this program could serve it, after migrating it perhaps.
async fn sound(url: &str) -> Result<(), BackupError> {
    let status = Migrator::new(url).status().await;
    let status = status.map_err(|error| StoreError::Schema(error.to_string()))?;
    match status.verdict() {
        State::Applied | State::Pending => Ok(()),
        other => Err(StoreError::Schema(format!("its schema is {}", other.as_str())).into()),
    }
}
