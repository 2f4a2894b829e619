//! What is said of a backup in the file beside it.
use std::io::Read;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{BackupError, file};
use crate::regular;
use crate::store::copy::Contents;

const SCHEMA: &str = "discordctl.backup-manifest/1";
/// Larger ones are none of ours.
const MOST: u64 = 64 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Postgresql,
    Sqlite,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Postgresql => "PostgreSQL",
            Self::Sqlite => "SQLite",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub schema: String,
    pub made_at: DateTime<Utc>,
    /// When one that runs by itself was read back and found as it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<DateTime<Utc>>,
    pub database: Kind,
    /// The version of the program that made it.
    pub program: String,
    pub bytes: u64,
    pub sha256: String,
    pub contents: Contents,
}

impl Manifest {
    pub(super) fn new(
        made_at: DateTime<Utc>,
        database: Kind,
        (bytes, sha256): (u64, String),
        contents: Contents,
    ) -> Self {
        Self {
            schema: SCHEMA.into(),
            made_at,
            verified_at: None,
            database,
            program: env!("CARGO_PKG_VERSION").into(),
            bytes,
            sha256,
            contents,
        }
    }

    /// `chat.dump` has its own in `chat.dump.json`.
    pub fn path(backup: &Path) -> PathBuf {
        file::beside(backup, ".json")
    }

    /// Writes what is said of `backup`, in the place of what was said before.
    pub(super) fn write(backup: &Path, json: &[u8]) -> Result<(), BackupError> {
        let path = Self::path(backup);
        let mut draft = file::Draft::begin(&path, ".partial")?;
        draft.write(json)?;
        draft.replace(&path)
    }

    /// Of `backup`, if it has one.
    pub fn read(backup: &Path) -> Result<Option<Self>, BackupError> {
        let path = Self::path(backup);
        let corrupt = |why: String| BackupError::corrupt(&path, why);
        let file = match regular::open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(BackupError::io("read", &path)(error)),
            Ok(file) => file,
        };
        let mut bytes = Vec::new();
        let read = file.take(MOST + 1).read_to_end(&mut bytes);
        read.map_err(BackupError::io("read", &path))?;
        if bytes.len() as u64 > MOST {
            return Err(corrupt("it is too large".into()));
        }
        let manifest: Self = serde_json::from_slice(&bytes).map_err(|e| corrupt(e.to_string()))?;
        if manifest.schema == SCHEMA {
            Ok(Some(manifest))
        } else {
            Err(corrupt(format!("its schema is not {SCHEMA}")))
        }
    }
}
