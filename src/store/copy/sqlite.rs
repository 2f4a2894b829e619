//! The embedded database as a whole: copied while it is in use, and put in a place that is held.
use std::path::{Path, PathBuf};

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use crate::store::StoreError;
use crate::store::embedded::{Embedded, Hold, Reading};

/// Copies the database as it is at one moment, while others use it, into the empty file `to`.
/// Writers do not wait for this (<https://www.sqlite.org/lang_vacuum.html#vacuuminto>), and
/// nothing of it is changed, not even its log. `scratch` is a folder for one that is on a disk on
/// which nothing can be written, and whose log is not taken in yet.
pub async fn copy_to(from: &Embedded, to: &Path, scratch: &Path) -> Result<(), StoreError> {
    if from.reading()? == Reading::Copied {
        let copy = from.copy_into(scratch)?;
        return vacuum(copy.read().await?, to).await;
    }
    vacuum(from.read().await?, to).await?;
    // On a disk that only this machine cannot write to, another may.
    match from.reading()? {
        Reading::Copied => Err(StoreError::Locked(format!(
            "{} was written to while it was copied: it is in use",
            from.main().display()
        ))),
        _ => Ok(()),
    }
}

async fn vacuum(mut connection: SqliteConnection, to: &Path) -> Result<(), StoreError> {
    sqlx::query("VACUUM INTO ?1")
        .bind(to.to_string_lossy())
        .execute(&mut connection)
        .await?;
    Ok(connection.close().await?)
}

/// The place of a database, held so that no other process can have it open.
#[derive(Debug)]
pub struct Place {
    database: Embedded,
    hold: Hold,
}

impl Place {
    /// Takes it, whether there is a database or not. Fails if a process has one open that is there
    /// or was there.
    pub async fn take(database: &Embedded) -> Result<Self, StoreError> {
        Ok(Self {
            hold: Hold::alone(database).await?,
            database: database.clone(),
        })
    }

    /// Gives what is there another name, whole: `suffix` is added to it.
    pub fn clear(&self, suffix: &str) -> std::io::Result<Vec<(PathBuf, PathBuf)>> {
        self.database.set_aside(suffix)
    }

    pub fn release(self) {
        drop(self.hold);
    }
}
