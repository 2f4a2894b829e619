//! The lock an instance holds for life.
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

use crate::private;

/// `flock` on an open file description: it ends with the last descriptor of that description,
/// its holder, and so it can be handed to another process without a moment in between.
#[derive(Debug)]
pub struct Lock(OwnedFd);

impl Lock {
    /// `None` if a process has it.
    pub fn take(path: &Path) -> io::Result<Option<Self>> {
        let file = private::edit(path)?;
        let locked = attempt(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(locked.then(|| Self(file.into())))
    }

    /// Whether it is the lock of the file that is at `path` now, and not of one that was removed.
    pub fn is_at(&self, path: &Path) -> io::Result<bool> {
        let ours = rustix::fs::fstat(&self.0)?;
        match std::fs::symlink_metadata(path) {
            Ok(found) => Ok((found.ino(), found.dev()) == (ours.st_ino, ours.st_dev)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The lock that another process held and handed over.
    pub fn handed_over(descriptor: OwnedFd) -> Self {
        Self(descriptor)
    }

    /// Whether a process has it. To ask is to hold it, shared, for a moment.
    ///
    /// # Errors
    /// Where the file is there and cannot be opened or asked.
    pub fn is_held(path: &Path) -> io::Result<bool> {
        match File::open(path) {
            Ok(file) => Ok(!attempt(&file, FlockOperation::NonBlockingLockShared)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl AsFd for Lock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn attempt(file: &File, operation: FlockOperation) -> io::Result<bool> {
    match flock(file, operation) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_it_until_the_last_descriptor_is_closed() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lock");
        assert!(!Lock::is_held(&path).expect("readable"));
        let lock = Lock::take(&path).expect("openable").expect("free");
        assert!(Lock::is_held(&path).expect("readable"));
        assert!(Lock::take(&path).expect("openable").is_none());
        let passed = Lock::handed_over(lock.as_fd().try_clone_to_owned().expect("a descriptor"));
        drop(lock);
        assert!(Lock::is_held(&path).expect("readable"));
        drop(passed);
        assert!(!Lock::is_held(&path).expect("readable"));
    }
}
