//! The embedded database's file: copied while it is in use, and replaced while it is not.
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

use crate::store::StoreError;

const PATIENCE: Duration = Duration::from_secs(5);

/// The file that a `sqlite:` URL names.
pub fn file_of(url: &str) -> Result<PathBuf, StoreError> {
    let options: SqliteConnectOptions = url
        .parse()
        .map_err(|e| StoreError::Unsupported(format!("db_url '{url}': {e}")))?;
    Ok(options.get_filename().to_owned())
}

/// Copies the database `from` as it is at one moment, while others use it, into the empty file
/// `to`. Writers do not wait for this (<https://www.sqlite.org/lang_vacuum.html#vacuuminto>).
pub async fn copy_to(from: &Path, to: &Path) -> Result<(), StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(from)
        .busy_timeout(PATIENCE);
    let mut connection = options.connect().await?;
    sqlx::query("VACUUM INTO ?1")
        .bind(to.to_string_lossy())
        .execute(&mut connection)
        .await?;
    Ok(connection.close().await?)
}

/// The place of a database file, held so that nobody else can have it open.
pub struct Place {
    file: PathBuf,
    held: Option<SqliteConnection>,
}

impl Place {
    /// Takes the place of `file`, whether there is one or not. Fails if anybody has it open.
    pub async fn take(file: &Path) -> Result<Self, StoreError> {
        let held = match file.exists() {
            true => Some(hold(file).await?),
            false => None,
        };
        Ok(Self {
            file: file.to_owned(),
            held,
        })
    }

    /// Puts `new`, a file of the same file system, there.
    pub async fn fill(self, new: &Path) -> std::io::Result<()> {
        std::fs::rename(new, &self.file)?;
        if let Some(old) = self.held {
            // Its file has no name any more.
            let _ = old.close().await;
        }
        Ok(())
    }
}

/// Takes what is in the log beside the file into it and removes that, which only whoever is
/// alone can do; then locks it for good. Otherwise the old log would be read as the new file's.
async fn hold(file: &Path) -> Result<SqliteConnection, StoreError> {
    let options = SqliteConnectOptions::new().filename(file);
    let mut connection = options.connect().await?;
    for alone in [
        "PRAGMA locking_mode = EXCLUSIVE",
        "PRAGMA journal_mode = DELETE",
        "BEGIN EXCLUSIVE",
    ] {
        sqlx::raw_sql(alone).execute(&mut connection).await?;
    }
    Ok(connection)
}
