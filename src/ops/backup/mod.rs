//! Backups of the whole database: made whole, proved, and put back.
mod drill;
mod error;
mod file;
mod keep;
mod make;
mod manifest;
mod place;
mod restore;
mod rows;
mod scheduled;
mod toc;
pub(super) mod tools;
mod verify;

use std::path::Path;

use crate::store::copy::{self, Server};

pub use crate::store::copy::Contents;

pub use drill::drill;
pub use error::BackupError;
pub use make::{Made, Plan, make, plan};
pub use manifest::{Kind, Manifest};
pub use place::Stored;
pub use restore::{Existing, How, Powers, Restored, check, restore};
pub use scheduled::{Ran, fetch, scheduled, stored};
pub use verify::{Verified, verify};

/// Tables without which a copy is none of a chat.
const OURS: [&str; 4] = ["messages", "room_members", "rooms", "users"];

/// What becomes of a backup whose schema has what no step of ours makes: triggers and functions
/// act later, whenever a message comes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Foreign {
    #[default]
    Refused,
    Allowed,
}

impl Foreign {
    fn judge(self, found: Vec<String>) -> Result<Vec<String>, BackupError> {
        match self {
            Self::Refused if !found.is_empty() => Err(BackupError::Foreign(found)),
            _ => Ok(found),
        }
    }
}

fn kind_of(url: &str) -> Kind {
    if url.starts_with("sqlite:") {
        Kind::Sqlite
    } else {
        Kind::Postgresql
    }
}

/// Fails if the database that `url` names is not of that kind.
fn must_be_of(url: &str, kind: Kind) -> Result<(), BackupError> {
    let wanted = kind_of(url);
    if kind == wanted {
        return Ok(());
    }
    Err(BackupError::OtherKind {
        is: kind.as_str(),
        wanted: wanted.as_str(),
    })
}

fn ours(path: &Path, contents: &Contents) -> Result<(), BackupError> {
    let missing = OURS
        .iter()
        .find(|table| !contents.tables.contains_key(**table));
    match missing {
        None => Ok(()),
        Some(table) => Err(BackupError::corrupt(
            path,
            format!("it has no table {table}: it is none of a chat"),
        )),
    }
}

/// Puts what `list` names of a dump into a PostgreSQL database, whole or not at all.
async fn pour(dump: &Path, list: &Path, server: &Server) -> Result<(), BackupError> {
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
        .arg("--use-list")
        .arg(list)
        .arg("--dbname")
        .arg(&server.database)
        .arg(dump);
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
