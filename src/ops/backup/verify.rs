//! Whether a backup is what was written, and has in it what it should.
use std::path::Path;

use super::file::{self, Sum};
use super::manifest::{Kind, Manifest};
use super::toc::Toc;
use super::{BackupError, Foreign, compare, copy, rows};
use crate::regular;
use crate::store::StoreError;
use crate::store::copy::Embedded;

/// A backup that is sound.
#[derive(Debug, Clone, PartialEq)]
pub struct Verified {
    pub kind: Kind,
    pub bytes: u64,
    pub sha256: String,
    /// None where there was none to compare with.
    pub manifest: Option<Manifest>,
    /// What is in its schema and is not ours; it was allowed.
    pub foreign: Vec<String>,
    /// It was copied from a database file that a server has open: what its log held is not in it.
    pub of_live: bool,
}

impl Verified {
    pub(super) fn sum(&self) -> Sum {
        (self.bytes, self.sha256.clone())
    }
}

/// Reads all of it: the size and hash that the manifest says, and every row or page in it.
pub async fn verify(backup: &Path, foreign: Foreign) -> Result<Verified, BackupError> {
    if !backup.exists() {
        return Err(BackupError::Missing(backup.to_owned()));
    }
    let (kind, of_live) = kind_of_file(backup)?;
    alone(backup, kind)?;
    let manifest = Manifest::read(backup)?;
    let sum = file::hash(backup).await?;
    if let Some(manifest) = &manifest
        && (manifest.bytes, &manifest.sha256) != (sum.0, &sum.1)
    {
        let why = format!(
            "it has {} bytes with SHA-256 {}, and was written with {} and {}",
            sum.0, sum.1, manifest.bytes, manifest.sha256
        );
        return Err(BackupError::corrupt(backup, why));
    }
    let of_live = of_live && manifest.is_none();
    let found = look_into(backup, kind, manifest.as_ref()).await?;
    Ok(Verified {
        kind,
        bytes: sum.0,
        sha256: sum.1,
        manifest,
        foreign: foreign.judge(found)?,
        of_live,
    })
}

/// Whether what is in a backup is what its manifest says; what in it is not ours.
pub(super) async fn look_into(
    backup: &Path,
    kind: Kind,
    manifest: Option<&Manifest>,
) -> Result<Vec<String>, BackupError> {
    match kind {
        Kind::Postgresql => {
            let toc = Toc::of(backup).await?;
            let rows = rows::of(backup).await?;
            let said = manifest
                .iter()
                .flat_map(|manifest| &manifest.contents.tables);
            for (table, count) in said {
                let has = rows.get(table);
                if has != Some(count) {
                    let has = has.unwrap_or(&0);
                    let why = format!(
                        "it has {has} rows of the table {table}, and was made with {count}"
                    );
                    return Err(BackupError::corrupt(backup, why));
                }
            }
            Ok(toc.foreign)
        }
        Kind::Sqlite => {
            let inside = copy::inside(backup).await.map_err(|error| match error {
                StoreError::Damaged(why) => BackupError::corrupt(backup, why),
                other => other.into(),
            })?;
            super::ours(backup, &inside.contents)?;
            compare(manifest, &inside.contents)?;
            Ok(inside.foreign)
        }
    }
}

/// A backup is one file. A database's main file with its log beside it is none, and to read the
/// one without the other would lose what was said last.
fn alone(backup: &Path, kind: Kind) -> Result<(), BackupError> {
    match Embedded::at(backup).logs().into_iter().next() {
        Some(log) if kind == Kind::Sqlite => Err(BackupError::NotAlone {
            path: backup.to_owned(),
            log,
        }),
        _ => Ok(()),
    }
}

/// By what it begins with; and whether that says that it was made by a server at work, as no
/// backup of ours does: bytes 18 and 19 (<https://www.sqlite.org/fileformat2.html>).
fn kind_of_file(backup: &Path) -> Result<(Kind, bool), BackupError> {
    let mut start = Vec::new();
    let read = regular::open(backup).and_then(|file| {
        std::io::Read::read_to_end(&mut std::io::Read::take(file, 20), &mut start)
    });
    read.map_err(BackupError::io("read", backup))?;
    if start.starts_with(b"PGDMP") {
        return Ok((Kind::Postgresql, false));
    }
    if start.starts_with(b"SQLite format 3\0") {
        return Ok((Kind::Sqlite, start.ends_with(&[2, 2])));
    }
    let why = "it is neither a PostgreSQL dump in custom format nor a SQLite database";
    Err(BackupError::corrupt(backup, why))
}
