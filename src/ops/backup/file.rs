//! Files that appear whole or not at all, and never in another's place.
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, RenameFlags};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use super::BackupError;

/// A file that is being written, beside where it will be. What a killed process left there is
/// taken over; while one writes, nobody else can.
pub(super) struct Draft {
    pub(super) path: PathBuf,
    /// Held for the lock.
    file: File,
    kept: bool,
}

impl Draft {
    /// An empty file called `target` and `suffix`.
    pub(super) fn begin(target: &Path, suffix: &str) -> Result<Self, BackupError> {
        let path = beside(target, suffix);
        let open = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path);
        let file = open.map_err(BackupError::io("write", &path))?;
        if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(BackupError::Busy(path));
        }
        file.set_len(0).map_err(BackupError::io("write", &path))?;
        Ok(Self {
            path,
            file,
            kept: false,
        })
    }

    /// Waits until it is on the disk.
    pub(super) fn sync(&self) -> Result<(), BackupError> {
        let synced = File::open(&self.path).and_then(|file| file.sync_all());
        synced.map_err(BackupError::io("write", &self.path))
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        let written = io::Write::write_all(&mut self.file, bytes);
        written.map_err(BackupError::io("write", &self.path))?;
        self.sync()
    }

    /// Gives it its name; fails if anything has that.
    pub(super) fn publish(mut self, target: &Path) -> Result<(), BackupError> {
        rename_new(&self.path, target).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => BackupError::Exists(target.to_owned()),
            _ => BackupError::io("write", target)(error),
        })?;
        self.kept = true;
        sync_folder(target)
    }

    /// Gives it its name, in the place of whatever has that.
    pub(super) fn replace(mut self, target: &Path) -> Result<(), BackupError> {
        fs::rename(&self.path, target).map_err(BackupError::io("write", target))?;
        self.kept = true;
        sync_folder(target)
    }

    /// Somebody else gave it a name.
    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.kept {
            // Still locked: nobody else has begun with it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

pub(super) fn beside(target: &Path, suffix: &str) -> PathBuf {
    let mut path = target.to_owned().into_os_string();
    path.push(suffix);
    path.into()
}

fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => {
            // A file system that cannot; a second name is never given in another's place either.
            fs::hard_link(from, to)?;
            fs::remove_file(from)
        }
        done => Ok(done?),
    }
}

/// A name that was given is on the disk too.
pub(super) fn sync_folder(file: &Path) -> Result<(), BackupError> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(BackupError::io("write", folder))
}

/// A file's size, and its SHA-256 in hexadecimal.
pub(super) fn hash(path: &Path) -> Result<(u64, String), BackupError> {
    let read = || -> io::Result<(u64, String)> {
        let mut file = File::open(path)?;
        let (mut bytes, mut hasher) = (0, Sha256::new());
        let mut buffer = vec![0; 1 << 16];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                n => {
                    hasher.update(&buffer[..n]);
                    bytes += n as u64;
                }
            }
        }
        let digest = hasher.finalize();
        let hex = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((bytes, hex))
    };
    read().map_err(BackupError::io("read", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_never_takes_the_place_of_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("copy");
        let mut draft = Draft::begin(&target, ".partial").expect("a draft");
        draft.write(b"new").expect("written");
        assert!(matches!(
            Draft::begin(&target, ".partial"),
            Err(BackupError::Busy(_))
        ));
        fs::write(&target, "mine").expect("written");
        assert!(matches!(
            draft.publish(&target),
            Err(BackupError::Exists(_))
        ));
        assert_eq!(fs::read_to_string(&target).expect("there"), "mine");
        assert!(!beside(&target, ".partial").exists());
    }

    #[test]
    fn what_a_killed_process_left_is_taken_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("copy");
        fs::write(beside(&target, ".partial"), "left behind").expect("written");
        let mut draft = Draft::begin(&target, ".partial").expect("a draft");
        draft.write(b"abc").expect("written");
        draft.publish(&target).expect("published");
        let hash = hash(&target).expect("there");
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash, (3, abc.to_owned()));
    }
}
