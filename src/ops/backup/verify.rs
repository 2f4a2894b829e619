//! Whether a backup is what was written, and has in it what it should.
use std::path::Path;

use super::manifest::{Kind, Manifest};
use super::{BackupError, OURS, compare, copy, file, tools};

/// A backup that is sound.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    pub kind: Kind,
    pub bytes: u64,
    pub sha256: String,
    /// None where there was none to compare with.
    pub manifest: Option<Manifest>,
}

/// Reads all of it: the size and hash that the manifest says, and a listing or look at every
/// page of what is in it.
pub async fn verify(backup: &Path) -> Result<Verified, BackupError> {
    if !backup.is_file() {
        return Err(BackupError::Missing(backup.to_owned()));
    }
    let manifest = Manifest::read(backup)?;
    let (bytes, sha256) = file::hash(backup)?;
    if let Some(manifest) = &manifest
        && (manifest.bytes, &manifest.sha256) != (bytes, &sha256)
    {
        return Err(BackupError::Corrupt {
            path: backup.to_owned(),
            why: format!(
                "it has {bytes} bytes with SHA-256 {sha256}, and was written with {} and {}",
                manifest.bytes, manifest.sha256
            ),
        });
    }
    let kind = kind_of_file(backup)?;
    match kind {
        Kind::Postgresql => list_has_ours(backup).await?,
        Kind::Sqlite => {
            let contents = copy::contents_of_file(backup).await;
            let contents = contents.map_err(|error| BackupError::Corrupt {
                path: backup.to_owned(),
                why: error.to_string(),
            })?;
            compare(manifest.as_ref(), &contents)?;
        }
    }
    Ok(Verified {
        kind,
        bytes,
        sha256,
        manifest,
    })
}

/// By what it begins with.
fn kind_of_file(backup: &Path) -> Result<Kind, BackupError> {
    let mut start = Vec::new();
    let read = std::fs::File::open(backup).and_then(|file| {
        std::io::Read::read_to_end(&mut std::io::Read::take(file, 16), &mut start)
    });
    read.map_err(BackupError::io("read", backup))?;
    match &*start {
        start if start.starts_with(b"PGDMP") => Ok(Kind::Postgresql),
        b"SQLite format 3\0" => Ok(Kind::Sqlite),
        _ => Err(BackupError::Corrupt {
            path: backup.to_owned(),
            why: "it is neither a PostgreSQL dump in custom format nor a SQLite database".into(),
        }),
    }
}

/// Whether a dump has data of our tables, as `pg_restore` reads it.
pub(super) async fn list_has_ours(dump: &Path) -> Result<(), BackupError> {
    let pg_restore = tools::find("pg_restore", 0).await?;
    let mut command = pg_restore.plain();
    command.arg("--list").arg(dump);
    let list = pg_restore.run(command).await?;
    let has = |table: &str| {
        let mut lines = list.lines().filter(|line| line.contains(" TABLE DATA "));
        lines.any(|line| line.split_whitespace().any(|word| word == table))
    };
    match OURS.iter().find(|table| !has(table)) {
        None => Ok(()),
        Some(table) => Err(BackupError::Corrupt {
            path: dump.to_owned(),
            why: format!("it has no data of the table {table}"),
        }),
    }
}
