//! Reading a database that is not to be changed by it, or cannot be: beside its users, on a
//! read-only disk, or as a set of files that were copied.
use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

use super::access::Use;
use super::{Embedded, NEEDED};
use crate::private;
use crate::store::StoreError;

/// Larger ones take longer to look at than a restart should.
const LOOKED_AT: u64 = 256 << 20;

/// The memory that its users share, and the beginning of a log.
const BESIDE_IT: u64 = 64 << 10;

/// How a database can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Reading {
    /// Beside those who write to it.
    Beside,
    /// It is on a disk that cannot be written to, or is full, with nothing in a log.
    Still,
    /// The same with a log, which SQLite can only take in where it may write.
    Copied,
}

impl Embedded {
    /// Finds out how; fails with the cause where it cannot be.
    pub(in crate::store) fn reading(&self) -> Result<Reading, StoreError> {
        self.check(Use::Read)?;
        let shared = self.beside("-shm").exists();
        let writable = self.may_write().is_ok() && self.has_room();
        Ok(match (writable, self.logs().is_empty()) {
            (true, _) => Reading::Beside,
            (false, true) if super::hold::has_users(self) => Reading::Beside,
            (false, true) => Reading::Still,
            (false, false) if shared => Reading::Beside,
            (false, false) => Reading::Copied,
        })
    }

    /// Whether SQLite can make what it keeps beside the file while that is read.
    fn has_room(&self) -> bool {
        match rustix::fs::statvfs(self.folder()) {
            Ok(disk) => disk.f_bavail * disk.f_frsize >= BESIDE_IT,
            Err(_) => true,
        }
    }

    /// A connection that changes nothing, not even what is in the log.
    pub(in crate::store) async fn read(&self) -> Result<SqliteConnection, StoreError> {
        Ok(self.to_read()?.connect().await?)
    }

    /// How such a connection is opened.
    pub(in crate::store) fn to_read(&self) -> Result<SqliteConnectOptions, StoreError> {
        let immutable = match self.reading()? {
            Reading::Beside => false,
            Reading::Still => true,
            Reading::Copied => {
                return Err(StoreError::NotAllowed(format!(
                    "cannot read {}: what is in {} can only be taken in where it may be written \
                     to; copy both to such a place",
                    self.main.display(),
                    self.log().display()
                )));
            }
        };
        // With nothing in a log there is nothing to be changed; one that may write takes away
        // what SQLite makes beside the file for it.
        let only = immutable || !self.logs().is_empty();
        let options = self.options().create_if_missing(false);
        Ok(options.read_only(only).immutable(immutable))
    }

    /// Fails where the database does not fit the log that a process which was killed left beside
    /// it: a main file that was replaced since looks so, and what is in the log would destroy it.
    /// A large one is not looked at, nor one that others use already.
    pub(in crate::store) async fn sound(&self) -> Result<(), StoreError> {
        let small = self.size() <= LOOKED_AT;
        if self.logs().is_empty() || !small || super::hold::has_users(self) {
            return Ok(());
        }
        let mut connection = self.read().await?;
        let found = sqlx::query_scalar("PRAGMA quick_check(1)");
        let found: Result<String, _> = found.fetch_one(&mut connection).await;
        let why = match found {
            Ok(found) if found == "ok" => return Ok(connection.close().await?),
            Ok(found) => found,
            Err(error) => error.to_string(),
        };
        Err(StoreError::Damaged(format!(
            "{} is damaged, or the log beside it, {}, is another's: {why}",
            self.main.display(),
            self.log().display()
        )))
    }

    /// Copies all its files to `folder`, which is the caller's own. Fails if they change meanwhile.
    pub(in crate::store) fn copy_into(&self, folder: &Path) -> Result<Self, StoreError> {
        let copy = Self::at(&folder.join("copy.db"));
        let before = self.state();
        let mut pairs = vec![(self.main.clone(), copy.main.clone())];
        pairs.extend(NEEDED.map(|suffix| (self.beside(suffix), copy.beside(suffix))));
        for (from, to) in pairs.iter().filter(|(from, _)| from.exists()) {
            let done = private::copy(from, to);
            let what = format!("cannot copy {} to {}", from.display(), to.display());
            done.map_err(|error| super::access::failed(&what, &error))?;
        }
        if self.state() == before {
            return Ok(copy);
        }
        Err(StoreError::Locked(format!(
            "{} changed while it was copied: it is in use",
            self.main.display()
        )))
    }

    /// Size and time of each of its files.
    fn state(&self) -> Vec<Option<(u64, std::time::SystemTime)>> {
        let about = |file: std::path::PathBuf| {
            let found = std::fs::metadata(file).ok()?;
            Some((found.len(), found.modified().ok()?))
        };
        let needed = NEEDED.map(|suffix| self.beside(suffix));
        let files = [self.main.clone()].into_iter().chain(needed);
        files.map(about).collect()
    }
}
