//! A restore drill: a backup put into a scratch database, counted, compared, and thrown away.
use std::path::Path;

use super::file::Draft;
use super::make::room;
use super::manifest::Kind;
use super::verify::{Verified, verify};
use super::{BackupError, compare, copy, pour};
use crate::store::StoreError;
use crate::store::copy::{Contents, Scratch};
use crate::store::migrations::{Migrator, State};

/// Restores `backup` into a database of its own, on the server of `url` or beside the backup,
/// and compares what is there with what was backed up.
pub async fn drill(url: &str, backup: &Path) -> Result<(Verified, Contents), BackupError> {
    let verified = verify(backup).await?;
    let contents = match verified.kind {
        Kind::Sqlite => in_file(backup).await?,
        Kind::Postgresql if url.starts_with("sqlite:") => {
            return Err(BackupError::OtherKind {
                is: verified.kind.as_str(),
                wanted: Kind::Sqlite.as_str(),
            });
        }
        Kind::Postgresql => on_server(url, backup).await?,
    };
    compare(verified.manifest.as_ref(), &contents)?;
    Ok((verified, contents))
}

async fn in_file(backup: &Path) -> Result<Contents, BackupError> {
    let about = std::fs::metadata(backup).map_err(BackupError::io("read", backup))?;
    room(backup, about.len())?;
    let scratch = Draft::begin(backup, ".drill")?;
    std::fs::copy(backup, &scratch.path).map_err(BackupError::io("write", &scratch.path))?;
    let contents = copy::contents_of_file(&scratch.path).await?;
    sound(&format!("sqlite://{}", scratch.path.display())).await?;
    Ok(contents)
}

async fn on_server(url: &str, backup: &Path) -> Result<Contents, BackupError> {
    let scratch = Scratch::make(url).await?;
    let tried = async {
        pour(backup, &scratch.server().await?).await?;
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
