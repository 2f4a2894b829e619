//! Where backups are that run themselves: a folder or a bucket, with those of ours that are there.
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::file::{self, Sum};
use super::manifest::{Kind, Manifest};
use super::{BackupError, make, verify};
use crate::archive::{ArchiveError, Destination};
use crate::clock::Clock;
use crate::config::{ArchiveUrl, Config};
use crate::ops::fault;
use crate::private;

/// What the names of ours begin with.
const BEGIN: &str = "discordctl-";

/// A folder or bucket.
pub(super) struct Place {
    destination: Destination,
}

/// A backup that is there, by its manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stored {
    pub name: String,
    pub made_at: DateTime<Utc>,
    /// When it was read back and found as it was written; `None` where that did not happen.
    pub verified_at: Option<DateTime<Utc>>,
    pub bytes: u64,
    pub messages: i64,
}

impl Place {
    pub(super) fn open(url: &ArchiveUrl) -> Result<Self, BackupError> {
        let destination = Destination::open(url)?;
        Ok(Self { destination })
    }

    /// Those of ours that have a manifest, the oldest first. What has none is partial, or no
    /// backup that was made by a schedule, and is left alone.
    pub(super) async fn list(&self) -> Result<Vec<Stored>, BackupError> {
        let names = self.destination.list("").await?;
        let mut found = Vec::new();
        for name in names.iter().filter(|name| is_ours(name)) {
            let beside = format!("{name}.json");
            if !names.contains(&beside) {
                continue;
            }
            if let Some(manifest) = self.manifest(name).await? {
                found.push(Stored::of(name, &manifest));
            }
        }
        found.sort_by_key(|one| one.made_at);
        Ok(found)
    }

    /// What is said of a backup; `None` where that cannot be read as a manifest.
    async fn manifest(&self, name: &str) -> Result<Option<Manifest>, BackupError> {
        let found = self.destination.get(&format!("{name}.json")).await?;
        Ok(found.and_then(|(bytes, _)| serde_json::from_slice(&bytes).ok()))
    }

    /// Makes one, reads it back and says in its manifest that this was done: until then it does not
    /// count. One that is not what was written is taken away again.
    pub(super) async fn make(
        &self,
        config: &Config,
        clock: &dyn Clock,
    ) -> Result<Stored, BackupError> {
        let name = name(config, clock.utc());
        let url = config.db_url.expose();
        let (file, _scratch) = match self.destination.folder() {
            Some(folder) => {
                private::folder(folder).map_err(BackupError::io("use", folder))?;
                sweep(folder);
                (folder.join(&name), None)
            }
            None => {
                let scratch = Scratch::make(&config.data_dir)?;
                (scratch.0.join(&name), Some(scratch))
            }
        };
        make(url, &file, clock).await?;
        fault::point("backup:made");
        let proved = self.prove(&name, &file, clock).await;
        if proved.is_err() {
            // It is told why; what cannot be taken away does not count.
            let _ = self.remove(&name).await;
        }
        proved
    }

    async fn prove(
        &self,
        name: &str,
        file: &Path,
        clock: &dyn Clock,
    ) -> Result<Stored, BackupError> {
        // Whatever the database has in its schema is in its backup: `restore` asks about it.
        let verified = verify(file, super::Foreign::Allowed).await?;
        let mut manifest = verified.manifest.clone().ok_or_else(|| {
            BackupError::corrupt(file, "its manifest was taken away while it was made")
        })?;
        if self.destination.folder().is_none() {
            self.destination.put_file(name, file).await?;
            fault::point("backup:uploaded");
            let found = self.sum(name).await?;
            if found != verified.sum() {
                let why = "what was read back from the bucket is not what was written";
                return Err(BackupError::corrupt(Path::new(name), why));
            }
        }
        manifest.verified_at = Some(clock.utc());
        let json = serde_json::to_vec_pretty(&manifest)
            .map_err(|error| BackupError::io("write", file)(error.into()))?;
        match self.destination.folder() {
            Some(_) => Manifest::write(file, &json)?,
            None => {
                let beside = format!("{name}.json");
                if !self.destination.put_new(&beside, json.into()).await? {
                    return Err(BackupError::Exists(beside.into()));
                }
            }
        }
        Ok(Stored::of(name, &manifest))
    }

    /// What a backup that is there hashes to, as it is read back.
    async fn sum(&self, name: &str) -> Result<Sum, BackupError> {
        let stored = self.destination.read(name).await?;
        let stored = stored.ok_or_else(|| BackupError::Missing(name.into()))?;
        let read = move || {
            let all = stored.text(|bytes| std::io::copy(bytes, &mut std::io::sink()));
            all.map(|(_, sum)| (sum.size, sum.sha256))
        };
        let read = tokio::task::spawn_blocking(read).await;
        let read = read.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        read.map_err(BackupError::io("read", Path::new(name)))
    }

    /// Takes a backup away; without its manifest it does not count any more.
    pub(super) async fn remove(&self, name: &str) -> Result<(), BackupError> {
        self.destination.remove(&format!("{name}.json")).await?;
        fault::point("backup:unlisted");
        Ok(self.destination.remove(name).await?)
    }

    /// Writes a backup that is there to a file, with its manifest beside it, and reads it through.
    pub(super) async fn fetch(
        &self,
        name: &str,
        to: &Path,
    ) -> Result<super::Verified, BackupError> {
        let manifest = self.manifest(name).await?;
        let manifest = manifest.ok_or_else(|| BackupError::Missing(name.into()))?;
        let stored = self.destination.read(name).await?;
        let stored = stored.ok_or_else(|| BackupError::Missing(name.into()))?;
        if to.symlink_metadata().is_ok() {
            return Err(BackupError::Exists(to.to_owned()));
        }
        super::make::room(to, manifest.bytes)?;
        let draft = file::Draft::begin(to, ".partial")?;
        let mut handle = draft.handle()?;
        let copy = move || {
            let copied = stored.text(|bytes| std::io::copy(bytes, &mut handle));
            copied.map(drop)
        };
        let copied = tokio::task::spawn_blocking(copy).await;
        let copied = copied.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        copied.map_err(BackupError::io("write", to))?;
        draft.sync()?;
        let json = serde_json::to_vec_pretty(&manifest)
            .map_err(|error| BackupError::io("write", to)(error.into()))?;
        Manifest::write(to, &json)?;
        draft.publish(to)?;
        verify(to, super::Foreign::Allowed).await
    }
}

impl Stored {
    fn of(name: &str, manifest: &Manifest) -> Self {
        let tables = &manifest.contents.tables;
        Self {
            name: name.to_owned(),
            made_at: manifest.made_at,
            verified_at: manifest.verified_at,
            bytes: manifest.bytes,
            messages: tables.get("messages").copied().unwrap_or(0),
        }
    }
}

/// Takes away what killed runs left: drafts that no process writes any more, and manifests of what
/// never appeared. What cannot be removed does no harm.
fn sweep(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let draft = name.strip_suffix(".partial");
        let of = draft.map(|name| name.strip_suffix(".json").unwrap_or(name));
        if of.is_some_and(is_ours) {
            let _ = file::remove_left(&entry.path());
        }
        let of = name.strip_suffix(".json").filter(|name| is_ours(name));
        if of.is_some_and(|name| !folder.join(name).exists()) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// By its time, and by what it is of.
fn name(config: &Config, now: DateTime<Utc>) -> String {
    let end = match super::kind_of(config.db_url.expose()) {
        Kind::Postgresql => "dump",
        Kind::Sqlite => "db",
    };
    format!("{BEGIN}{}.{end}", now.format("%Y%m%dT%H%M%S%3fZ"))
}

fn is_ours(name: &str) -> bool {
    let stamp = name.strip_prefix(BEGIN);
    let stamp = stamp.and_then(|rest| rest.strip_suffix(".dump").or(rest.strip_suffix(".db")));
    stamp.is_some_and(|stamp| {
        stamp.len() == 19
            && stamp
                .bytes()
                .all(|b| b.is_ascii_digit() || b"TZ".contains(&b))
    })
}

/// A folder for what is made before it goes into a bucket. What a killed run left in it is taken away.
struct Scratch(PathBuf);

impl Scratch {
    fn make(data_dir: &Path) -> Result<Self, BackupError> {
        let folder = data_dir.join("backup");
        // Only one run of the deployment is under way: it holds the job's lease.
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(BackupError::io("empty", &folder)(error));
            }
            _ => {}
        }
        private::own_folder(&folder).map_err(BackupError::io("make", &folder))?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl From<ArchiveError> for BackupError {
    fn from(error: ArchiveError) -> Self {
        Self::Destination(error.chain())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_called_so_is_ours() {
        let now = "2026-11-29T03:00:00Z".parse().expect("a time");
        let ours = name(&Config::default(), now);
        assert_eq!(ours, "discordctl-20261129T030000000Z.db");
        assert!(is_ours(&ours) && is_ours("discordctl-20261129T030000000Z.dump"));
        for other in [
            "discordctl-20261129T030000000Z.db.json",
            "discordctl-20261129T030000000Z.db.partial",
            "discordctl-before-the-move.dump",
            "chat.dump",
            "rooms/discordctl-20261129T030000000Z.db",
        ] {
            assert!(!is_ours(other), "{other}");
        }
    }
}
