//! The manifest: what the archive holds, with the hash of each document.
use std::collections::{HashMap, HashSet};
use std::io::{BufReader, Read};

use serde::{Deserialize, Serialize};
use serde_json::Deserializer;

use super::destination::{Destination, Version};
use super::error::ArchiveError;
use super::list::Object;
use crate::model::{Epoch, MessageId, RoomId, Seq};
use crate::store::history::Row;

/// Its place in the archive.
pub(crate) const PATH: &str = "manifest.json";
const SCHEMA: &str = "discordctl.archive-manifest/1";

/// One document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Beside the manifest.
    pub path: String,
    pub room: String,
    pub room_id: RoomId,
    /// In bytes, as stored.
    pub size: u64,
    /// Entries in it: messages, and events.
    pub count: u64,
    /// Messages among them; older versions had nothing else, and did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<u64>,
    pub first_seq: Seq,
    pub last_seq: Seq,
    /// Of the bytes as stored, in hexadecimal digits.
    pub sha256: String,
    /// The beginnings of the hashes of its first 256 KiB, 512 KiB, …, one after the other.
    #[serde(default)]
    pub prefixes: String,
    pub archived_at: String,
    /// Which past it is of; older versions did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    /// How many of its messages are pinned; older versions did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pinned: Option<u64>,
    /// The smallest and the greatest id in it, and the times of the first and the last that was said, in
    /// milliseconds; older versions did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ids: Option<(MessageId, MessageId)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<(i64, i64)>,
    /// The document that this one was made from, without what was erased. That is no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<String>,
}

impl Entry {
    /// How many of its entries are messages.
    pub fn messages(&self) -> u64 {
        self.messages.unwrap_or(self.count)
    }

    /// What the rows in it say of it as a whole.
    pub(crate) fn count_in(&mut self, row: &Row) {
        self.count += 1;
        let at = row.created_at.timestamp_millis();
        let (least, most) = self.ids.unwrap_or((row.id, row.id));
        self.ids = Some((least.min(row.id), most.max(row.id)));
        let (first, last) = self.times.unwrap_or((at, at));
        self.times = Some((first.min(at), last.max(at)));
        self.last_seq = row.seq;
        if row.is_message() {
            self.messages = Some(self.messages() + 1);
            let pinned = row.details.as_ref().is_some_and(|d| d.pinned_at.is_some());
            self.pinned = Some(self.pinned.unwrap_or(0) + u64::from(pinned));
        }
    }

    #[cfg(test)]
    pub(crate) fn sample() -> Self {
        Self {
            path: "p".into(),
            room: "r".into(),
            room_id: RoomId::new(1),
            size: 0,
            count: 1,
            messages: None,
            first_seq: Seq::FIRST,
            last_seq: Seq::FIRST,
            sha256: String::new(),
            prefixes: String::new(),
            archived_at: String::new(),
            epoch: None,
            pinned: None,
            ids: None,
            times: None,
            supersedes: None,
        }
    }

    /// Whether both hold the same places, in two pasts.
    pub(crate) fn contradicts(&self, other: &Self) -> bool {
        self.room_id == other.room_id
            && self.epoch != other.epoch
            && self.first_seq <= other.last_seq
            && other.first_seq <= self.last_seq
    }
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
        let mut entries = Vec::new();
        each(Deserializer::from_slice(&bytes), |e| entries.push(e))?;
        Ok(Self {
            paths: entries.iter().map(|entry| entry.path.clone()).collect(),
            entries,
            version: Some(version),
            unsaved: 0,
        })
    }

    /// A manifest's text, which is not to be written again.
    ///
    /// # Errors
    /// Fails where it is none.
    pub(crate) fn read(text: &[u8]) -> Result<Self, ArchiveError> {
        let mut manifest = Self::default();
        each(Deserializer::from_slice(text), |entry| manifest.add(entry))?;
        Ok(manifest)
    }

    /// The entry of the document `path` in a manifest's text, found without keeping the others: a
    /// large archive has many.
    pub fn find(text: impl Read, path: &str) -> Result<Option<Entry>, ArchiveError> {
        let mut found = None;
        let text = Deserializer::from_reader(BufReader::new(text));
        each(text, |entry| {
            if entry.path == path {
                found = Some(entry);
            }
        })?;
        Ok(found)
    }

    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether that path is entered.
    pub(crate) fn knows(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    /// Whether that path is entered as a document of another past than `epoch`.
    pub(crate) fn is_of_another(&self, path: &str, epoch: &Epoch) -> bool {
        let found = || self.entries.iter().find(|entry| entry.path == path);
        self.knows(path) && found().is_some_and(|entry| entry.epoch.as_ref() != Some(epoch))
    }

    /// The superseded documents: a later one holds the same places in another past. Each with the path of
    /// that one.
    pub(crate) fn superseded(&self) -> HashMap<&str, &str> {
        let mut rooms: HashMap<RoomId, Vec<&Entry>> = HashMap::new();
        for entry in &self.entries {
            rooms.entry(entry.room_id).or_default().push(entry);
        }
        let several = |entries: &&Vec<&Entry>| entries.iter().any(|e| e.epoch != entries[0].epoch);
        let mut superseded = HashMap::new();
        for entries in rooms.values().filter(several) {
            for (n, entry) in entries.iter().enumerate() {
                let later = entries[n + 1..]
                    .iter()
                    .find(|later| later.contradicts(entry));
                superseded.extend(later.map(|later| (entry.path.as_str(), later.path.as_str())));
            }
        }
        superseded
    }

    pub(crate) fn add(&mut self, entry: Entry) {
        if self.paths.insert(entry.path.clone()) {
            self.entries.push(entry);
            self.unsaved += 1;
        }
    }

    /// Puts an entry in the place of the one that it supersedes.
    pub(crate) fn supersede(&mut self, entry: Entry) {
        let old = |other: &Entry| Some(&other.path) == entry.supersedes.as_ref();
        let Some(at) = self.entries.iter().position(old) else {
            return;
        };
        self.paths.remove(&self.entries[at].path);
        self.paths.insert(entry.path.clone());
        self.entries[at] = entry;
        self.unsaved += 1;
    }

    /// The entry that supersedes the document of that path.
    pub(crate) fn instead_of(&self, path: &str) -> Option<&Entry> {
        let of = |entry: &&Entry| entry.supersedes.as_deref() == Some(path);
        self.entries.iter().find(of)
    }

    /// Whether a document of that path was here, and is superseded.
    pub(crate) fn was(&self, path: &str) -> bool {
        !self.knows(path) && self.instead_of(path).is_some()
    }

    /// Whether enough is new to write it all: a large archive must not be written out again for
    /// each document.
    pub(crate) fn worth_saving(&self) -> bool {
        self.unsaved * 50 >= self.entries.len().max(50)
    }

    /// Replaces what is stored; fails if another process did so since it was read.
    pub(crate) async fn save(&mut self, destination: &Destination) -> Result<(), ArchiveError> {
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

/// Gives each entry of a manifest's text to `on_entry`.
fn each<'t, R: serde_json::de::Read<'t>>(
    text: Deserializer<R>,
    mut on_entry: impl FnMut(Entry),
) -> Result<(), ArchiveError> {
    let manifest = Object {
        text: "schema",
        perhaps: &[],
        list: "files",
        on_item: &mut |entry| {
            on_entry(entry);
            Ok(())
        },
    };
    let schema = manifest.read(text);
    let (schema, _) =
        schema.map_err(|e| ArchiveError::damaged(PATH, format!("it cannot be read: {e}")))?;
    if schema == SCHEMA {
        return Ok(());
    }
    let why = format!("it is '{}', not '{SCHEMA}'", schema.escape_debug());
    Err(ArchiveError::damaged(PATH, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_entry_is_found_and_another_manifest_is_none() {
        let entry = |path: &str| {
            format!(
                r#"{{"path":"{path}","room":"a","room_id":1,"size":2,"count":1,"first_seq":1,
                "last_seq":1,"sha256":"00","archived_at":"x"}}"#
            )
        };
        let text = |schema: &str| {
            let (a, b) = (entry("a.json"), entry("b.json"));
            format!(r#"{{"schema":"{schema}","more":[1],"files":[{a},{b}]}}"#)
        };
        let good = text(SCHEMA);
        let find = |path: &str| Manifest::find(good.as_bytes(), path).expect("a manifest");
        assert_eq!(
            find("b.json").map(|entry| entry.path),
            Some("b.json".into())
        );
        assert_eq!(find("c.json"), None);
        assert!(Manifest::find(text("other/1").as_bytes(), "a.json").is_err());
        assert!(Manifest::find(&b"{}"[..], "a.json").is_err());
    }
}
