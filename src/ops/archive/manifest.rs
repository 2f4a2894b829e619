//! The manifest: what the archive holds, with the hash of each document.
use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::destination::{Destination, Version};
use super::error::ArchiveError;
use crate::model::{RoomId, Seq};

/// Its place in the archive.
pub(super) const PATH: &str = "manifest.json";
pub(super) const SCHEMA: &str = "discordctl.archive-manifest/1";

/// One document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Beside the manifest.
    pub path: String,
    pub room: String,
    pub room_id: RoomId,
    /// In bytes, as stored.
    pub size: u64,
    /// Messages in it.
    pub count: u64,
    pub first_seq: Seq,
    pub last_seq: Seq,
    /// Of the bytes as stored, in hexadecimal digits.
    pub sha256: String,
    /// The beginnings of the hashes of its first 256 KiB, 512 KiB, …, one after the other.
    #[serde(default)]
    pub prefixes: String,
    pub archived_at: String,
}

#[derive(Serialize, Deserialize)]
struct Text {
    schema: String,
    files: Vec<Entry>,
}

/// All entries, in the order in which they were made.
#[derive(Debug, Default)]
pub struct Manifest {
    entries: Vec<Entry>,
    paths: HashSet<String>,
    version: Option<Version>,
    unsaved: usize,
}

impl Manifest {
    /// The archive's manifest; an empty one where there is no archive yet.
    pub async fn load(destination: &Destination) -> Result<Self, ArchiveError> {
        let Some((bytes, version)) = destination.get(PATH).await? else {
            return Ok(Self::default());
        };
        let entries = Self::parse(&bytes)?;
        Ok(Self {
            paths: entries.iter().map(|entry| entry.path.clone()).collect(),
            entries,
            version: Some(version),
            unsaved: 0,
        })
    }

    /// The entries of a manifest's text.
    pub fn parse(bytes: &[u8]) -> Result<Vec<Entry>, ArchiveError> {
        let text: Text = serde_json::from_slice(bytes)
            .map_err(|e| ArchiveError::damaged(PATH, format!("it cannot be read: {e}")))?;
        if text.schema != SCHEMA {
            let why = format!("it is '{}', not '{SCHEMA}'", text.schema.escape_debug());
            return Err(ArchiveError::damaged(PATH, why));
        }
        Ok(text.files)
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether that path is entered.
    pub(super) fn knows(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    pub(super) fn add(&mut self, entry: Entry) {
        if self.paths.insert(entry.path.clone()) {
            self.entries.push(entry);
            self.unsaved += 1;
        }
    }

    /// Whether enough is new to write it all: a large archive must not be written out again for
    /// each document.
    pub(super) fn worth_saving(&self) -> bool {
        self.unsaved * 50 >= self.entries.len().max(50)
    }

    /// Replaces what is stored; fails if another process did so since it was read.
    pub(super) async fn save(&mut self, destination: &Destination) -> Result<(), ArchiveError> {
        if self.unsaved == 0 {
            return Ok(());
        }
        let text = self.text()?;
        let before = self.version.take();
        self.version = Some(destination.replace(PATH, text.into(), before).await?);
        self.unsaved = 0;
        Ok(())
    }

    /// One entry a line.
    fn text(&self) -> Result<String, ArchiveError> {
        let json = |entry| serde_json::to_string(entry);
        let lines: Result<Vec<_>, _> = self.entries.iter().map(json).collect();
        let lines = lines.map_err(|e| ArchiveError::Inside(e.to_string()))?;
        Ok(format!(
            "{{\"schema\":\"{SCHEMA}\",\"files\":[\n{}\n]}}\n",
            lines.join(",\n")
        ))
    }
}
