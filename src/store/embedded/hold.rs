//! Who uses a database, by a lock that belongs to its name: also one whose files were taken away
//! or replaced meanwhile is known to be in use, and nothing is put in its place.
//!
//! SQLite's own locks belong to the files and go with them. The lock's file is beside the
//! database while that is in use; the last that uses it removes it, and then there is one file.
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use sqlx::{ConnectOptions, Connection};

use super::{Embedded, access};
use crate::private;
use crate::store::StoreError;

/// A database is held alone for moments: so often, and so far apart, it is tried again.
const TRIES: u32 = 100;
const BETWEEN: Duration = Duration::from_millis(20);
/// How often the last one looks whether all its connections are closed.
const LAST_LOOKS: u32 = 25;

/// The right to use a database, together with others or alone. Where it ends, [`Hold::leave`]
/// leaves one file.
#[derive(Debug)]
pub struct Hold {
    database: Embedded,
    path: PathBuf,
    file: File,
}

impl Hold {
    /// Together with others. Waits a moment for one who holds it alone.
    pub async fn shared(database: &Embedded) -> Result<Self, StoreError> {
        Self::take(database, FlockOperation::NonBlockingLockShared).await
    }

    /// Alone. Fails, naming who else uses it.
    pub async fn alone(database: &Embedded) -> Result<Self, StoreError> {
        let hold = Self::take(database, FlockOperation::NonBlockingLockExclusive).await?;
        // Programs that do not know of this lock are known by those of SQLite.
        let others: Vec<u32> = database.all().flat_map(|file| users(&file)).collect();
        if others.is_empty() {
            return Ok(hold);
        }
        Err(in_use(database, others))
    }

    async fn take(database: &Embedded, how: FlockOperation) -> Result<Self, StoreError> {
        let path = place(database);
        for _ in 0..TRIES {
            match attempt(database, &path, how) {
                Ok(Some(file)) => {
                    let database = database.clone();
                    return Ok(Self {
                        database,
                        path,
                        file,
                    });
                }
                Ok(None) => tokio::time::sleep(BETWEEN).await,
                Err(error) => {
                    let what = format!("cannot lock {}", database.main().display());
                    return Err(access::failed(&what, &error));
                }
            }
        }
        Err(in_use(database, users(&path)))
    }

    /// Ends it, when all connections are closed. The last one out takes what is in the log into
    /// the main file; false where others use the database, who will.
    pub async fn leave(self) -> Result<bool, StoreError> {
        if !self.is_last() {
            return Ok(false);
        }
        // Connections that were dropped and not closed are closed on threads of their own, and
        // two that are closed at the same time both take the other for one that stays.
        for _ in 0..LAST_LOOKS {
            if self.database.log().exists() && self.database.is_there() {
                self.settle().await?;
                tokio::time::sleep(BETWEEN).await;
            }
        }
        Ok(true)
    }

    async fn settle(&self) -> Result<(), StoreError> {
        let options = self.database.options().create_if_missing(false);
        let mut connection = options.busy_timeout(BETWEEN).connect().await?;
        let whole = "PRAGMA wal_checkpoint(TRUNCATE)";
        sqlx::raw_sql(whole).execute(&mut connection).await?;
        Ok(connection.close().await?)
    }

    /// Of two that ask at once one is: to ask for a lock alone gives up the one that is shared.
    fn is_last(&self) -> bool {
        flock(&self.file, FlockOperation::NonBlockingLockExclusive).is_ok()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if self.is_last() && is_at(&self.file, &self.path) {
            // One that has it open already finds that it has no name, and makes another.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether other processes use it, as far as the kernel tells.
pub(super) fn has_users(database: &Embedded) -> bool {
    database.all().any(|file| !users(&file).is_empty())
}

/// Beside the main file, and hidden.
fn place(database: &Embedded) -> PathBuf {
    let name = database.main().file_name().unwrap_or_default();
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".lock");
    database.main().with_file_name(hidden)
}

/// `None` where another has it.
fn attempt(database: &Embedded, path: &Path, how: FlockOperation) -> io::Result<Option<File>> {
    let file = private::edit(path)?;
    database.give(path)?;
    match flock(&file, how) {
        Ok(()) if is_at(&file, path) => Ok(Some(file)),
        // The last one out has removed it meanwhile.
        Ok(()) | Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    let same = |a: fs::Metadata, b: fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(held), Ok(named)) => same(held, named),
        _ => false,
    }
}

fn in_use(database: &Embedded, mut pids: Vec<u32>) -> StoreError {
    pids.sort_unstable();
    pids.dedup();
    let who = match &pids[..] {
        [] => "another process has it open".to_owned(),
        [pid] => format!("the process {pid} has it open"),
        many => {
            let many: Vec<String> = many.iter().map(u32::to_string).collect();
            format!("the processes {} have it open", many.join(", "))
        }
    };
    StoreError::Locked(format!("{}: {who}", database.main().display()))
}

/// The other processes that hold a lock of the file at `path`, as far as the kernel tells (Linux).
fn users(path: &Path) -> Vec<u32> {
    let Ok(found) = fs::metadata(path) else {
        return Vec::new();
    };
    let (major, minor) = (
        rustix::fs::major(found.dev()),
        rustix::fs::minor(found.dev()),
    );
    let name = format!("{major:02x}:{minor:02x}:{}", found.ino());
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    let us = std::process::id();
    locks
        .lines()
        .filter_map(|line| holder(line, &name))
        .filter(|pid| *pid != us)
        .collect()
}

/// Of a line as `1: POSIX  ADVISORY  READ 4711 fd:01:1234 128 128`, if it is of that file.
fn holder(line: &str, name: &str) -> Option<u32> {
    let mut words = line.split_ascii_whitespace();
    let pid = words.nth(4)?;
    (words.next()? == name).then(|| pid.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn alone_is_alone_also_when_the_files_are_gone() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = Embedded::at(&folder.path().join("a.db"));
        let one = Hold::shared(&database).await.expect("free");
        let two = Hold::shared(&database).await.expect("shared");
        let Err(StoreError::Locked(why)) = Hold::alone(&database).await else {
            panic!("it is in use");
        };
        assert!(why.contains("another process has it open"), "{why}");
        assert!(!one.leave().await.expect("let go"), "another uses it");
        assert!(two.leave().await.expect("let go"), "it was the last");
        assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 0);
        let alone = Hold::alone(&database).await.expect("free");
        let waits = Hold::shared(&database);
        let ends = async {
            tokio::task::yield_now().await;
            drop(alone);
        };
        let (waited, ()) = tokio::join!(waits, ends);
        waited.expect("it was held for a moment");
    }

    #[test]
    fn a_lock_is_told_with_its_holder() {
        let line = "1: POSIX  ADVISORY  READ 4711 fd:01:1234 128 128";
        assert_eq!(holder(line, "fd:01:1234"), Some(4711));
        assert_eq!(holder(line, "fd:01:12"), None);
        assert_eq!(holder("1: -> FLOCK", "fd:01:1234"), None);
    }
}
