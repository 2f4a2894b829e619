//! Whether a database's files can be used, and if not, why: told before SQLite is asked, whose
//! codes say little.
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Access, access};

use super::{Embedded, hold};
use crate::store::StoreError;

/// What is to be done with a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Use {
    Read,
    Write,
}

impl Embedded {
    /// Fails, with the cause, where the database cannot be used so. Opens nothing: to close a file
    /// that SQLite has open in this process would give up its locks
    /// (<https://www.sqlite.org/howtocorrupt.html>).
    pub(in crate::store) fn check(&self, what: Use) -> Result<(), StoreError> {
        let found = match fs::metadata(self.main()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.without_a_log()?;
                return Err(self.missing());
            }
            Err(error) => return Err(self.refused("look at", &error)),
            Ok(found) => found,
        };
        self.is_a_file(&found)?;
        self.may(Access::READ_OK, "read", self.main(), &found)?;
        if !self.beside("-shm").exists() && hold::has_users(self) {
            return Err(StoreError::Locked(format!(
                "{} was moved while a process had it open, and what that wrote last lies where it was",
                self.main().display()
            )));
        }
        match what {
            Use::Read => Ok(()),
            Use::Write => self.may_write(),
        }
    }

    /// Fails where the database or its folder cannot be written to.
    pub(in crate::store) fn may_write(&self) -> Result<(), StoreError> {
        for path in [self.main(), self.folder()] {
            let found = fs::metadata(path).map_err(|error| self.refused("look at", &error))?;
            self.may(Access::WRITE_OK, "write to", path, &found)?;
        }
        Ok(())
    }

    pub(in crate::store) fn missing(&self) -> StoreError {
        StoreError::Missing(format!(
            "there is no file {}; 'discordctl serve' makes it",
            self.main().display()
        ))
    }

    fn is_a_file(&self, found: &Metadata) -> Result<(), StoreError> {
        let kind = found.file_type();
        if kind.is_file() {
            return Ok(());
        }
        let what = if kind.is_dir() {
            "a folder"
        } else {
            "no regular file"
        };
        let main = self.main().display();
        Err(StoreError::Unsupported(format!(
            "{main} is {what}: 'db_url' names a database's file, as in sqlite://data/discord.db"
        )))
    }

    fn may(
        &self,
        how: Access,
        verb: &str,
        path: &Path,
        found: &Metadata,
    ) -> Result<(), StoreError> {
        use rustix::io::Errno;
        let why = match access(path, how) {
            Ok(()) => return Ok(()),
            Err(Errno::ROFS) => "its file system is mounted read-only".to_owned(),
            Err(Errno::ACCESS | Errno::PERM) => format!(
                "it belongs to user {} with mode {:o}, and this is user {}",
                found.uid(),
                found.mode() & 0o7777,
                rustix::process::geteuid().as_raw(),
            ),
            Err(error) => io::Error::from(error).to_string(),
        };
        Err(StoreError::NotAllowed(format!(
            "cannot {verb} {}: {why}",
            path.display()
        )))
    }

    fn refused(&self, verb: &str, error: &io::Error) -> StoreError {
        failed(&format!("cannot {verb} {}", self.main().display()), error)
    }
}

/// What failed, by what can be done about it.
pub(in crate::store) fn failed(what: &str, error: &io::Error) -> StoreError {
    let text = format!("{what}: {error}");
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            StoreError::NotAllowed(text)
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full(text),
        io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => StoreError::Unsupported(text),
        _ => StoreError::Unavailable(text),
    }
}
