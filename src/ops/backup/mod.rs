//! Backups of the whole database: made whole, proved, and put back.
mod drill;
mod error;
mod file;
mod make;
mod manifest;
mod restore;
pub(super) mod tools;
mod verify;

use std::path::Path;

use crate::store::copy::{self, Server};

pub use crate::store::copy::Contents;

pub use drill::drill;
pub use error::BackupError;
pub use make::{Plan, make, plan};
pub use manifest::{Kind, Manifest};
pub use restore::{Restored, check, restore};
pub use verify::{Verified, verify};

/// Tables without which a copy is none of a chat.
const OURS: [&str; 4] = ["messages", "room_members", "rooms", "users"];

fn kind_of(url: &str) -> Kind {
    match url.starts_with("sqlite:") {
        true => Kind::Sqlite,
        false => Kind::Postgresql,
    }
}

/// Puts a dump into a PostgreSQL database, whole or not at all.
async fn pour(file: &Path, server: &Server) -> Result<(), BackupError> {
    let pg_restore = tools::find("pg_restore", server.version).await?;
    let mut command = pg_restore.command(server);
    command
        .args([
            "--single-transaction",
            "--exit-on-error",
            "--clean",
            "--if-exists",
        ])
        .args(["--no-owner", "--no-privileges", "--no-password"])
        .arg("--dbname")
        .arg(&server.database)
        .arg(file);
    pg_restore.run(command).await?;
    Ok(())
}

/// Says in what a copy differs from what was backed up.
fn compare(manifest: Option<&Manifest>, contents: &Contents) -> Result<(), BackupError> {
    let differences = manifest.map(|manifest| manifest.contents.differences(contents));
    match differences {
        Some(differences) if !differences.is_empty() => Err(BackupError::Differs(differences)),
        _ => Ok(()),
    }
}
