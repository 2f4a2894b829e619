//! Files that appear whole or not at all, and never in another's place.
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, OFlags, RenameFlags};
use rustix::io::Errno;
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

use super::BackupError;
use super::make::room;
use crate::private;
use crate::random;
use crate::regular;

/// A file that is being written, beside where it will be: new, private, and no link to elsewhere.
/// What a killed process left there is removed; while one writes, no other can.
#[derive(Debug)]
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
        loop {
            match private::create_new(&path) {
                Ok(file) => {
                    // No other process can have it before it is locked but one that removes it.
                    let locked = lock(&file);
                    if locked && is_at(&file, &path) {
                        return Ok(Self {
                            path,
                            file,
                            kept: false,
                        });
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => remove_left(&path)?,
                Err(error) => return Err(BackupError::io("write", &path)(error)),
            }
        }
    }

    /// For a program that writes it.
    pub(super) fn handle(&self) -> Result<File, BackupError> {
        self.file
            .try_clone()
            .map_err(BackupError::io("write", &self.path))
    }

    /// Waits until it is on the disk.
    pub(super) fn sync(&self) -> Result<(), BackupError> {
        let synced = self.file.sync_all();
        synced.map_err(BackupError::io("write", &self.path))
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        let written = self.file.write_all(bytes);
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
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.kept {
            // Still locked: no other process has begun with it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn lock(file: &File) -> bool {
    rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive).is_ok()
}

fn is_at(file: &File, path: &Path) -> bool {
    let same = |a: fs::Metadata, b: fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    match (file.metadata(), path.symlink_metadata()) {
        (Ok(held), Ok(named)) => same(held, named),
        _ => false,
    }
}

/// Removes the draft of a process that was killed; nothing else that has its name.
pub(super) fn remove_left(path: &Path) -> Result<(), BackupError> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let left = match File::options().read(true).custom_flags(flags).open(path) {
        Ok(left) => left,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(_) => return Err(BackupError::InTheWay(path.to_owned())),
    };
    let found = left.metadata().map_err(BackupError::io("read", path))?;
    let us = rustix::process::geteuid().as_raw();
    if !found.is_file() || found.uid() != us || found.nlink() != 1 {
        return Err(BackupError::InTheWay(path.to_owned()));
    }
    if !lock(&left) {
        return Err(BackupError::Busy(path.to_owned()));
    }
    if is_at(&left, path) {
        fs::remove_file(path).map_err(BackupError::io("remove", path))
    } else {
        Ok(())
    }
}

/// A folder of this process alone, for copies that no other must change; gone with it.
#[derive(Debug)]
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    /// Beside `file`, or where temporary files are: the first place that has room for so much.
    pub(super) fn for_copy(file: &Path, bytes: u64) -> Result<Self, BackupError> {
        let number = random::number().map_err(BackupError::io("make", Path::new("a name")))?;
        let name = format!(".discordctl-{number:016x}");
        let first = parent(file).join(&name);
        let second = std::env::temp_dir().join(&name);
        match Self::at(first, bytes) {
            Ok(folder) => Ok(folder),
            Err(why) => Self::at(second, bytes).map_err(|_| why),
        }
    }

    fn at(path: PathBuf, bytes: u64) -> Result<Self, BackupError> {
        room(&path, bytes)?;
        private::new_folder(&path).map_err(BackupError::io("make", &path))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
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

fn parent(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A name that was given is on the disk too.
pub(super) fn sync_folder(file: &Path) -> Result<(), BackupError> {
    let folder = parent(file);
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(BackupError::io("write", folder))
}

/// A file's size, and its SHA-256 in hexadecimal.
pub(super) type Sum = (u64, String);

/// The sum of a file.
pub(super) async fn hash(path: &Path) -> Result<Sum, BackupError> {
    sum(path, None).await
}

/// Copies a file into a draft; the sum of what was copied.
pub(super) async fn copy(from: &Path, to: &Draft) -> Result<Sum, BackupError> {
    let copied = sum(from, Some((to.handle()?, to.path.clone()))).await?;
    to.sync()?;
    Ok(copied)
}

/// Off the thread that listens for signals.
async fn sum(from: &Path, to: Option<(File, PathBuf)>) -> Result<Sum, BackupError> {
    let from = from.to_owned();
    let work = spawn_blocking(move || {
        let reading = || BackupError::io("read", &from);
        let mut file = regular::open(&from).map_err(reading())?;
        let (mut bytes, mut hasher) = (0, Sha256::new());
        let mut buffer = vec![0; 1 << 16];
        let mut to = to;
        loop {
            let n = file.read(&mut buffer).map_err(reading())?;
            if n == 0 {
                break;
            }
            hasher.update(&buffer[..n]);
            bytes += n as u64;
            if let Some((to, path)) = &mut to {
                to.write_all(&buffer[..n])
                    .map_err(BackupError::io("write", path))?;
            }
        }
        let digest = hasher.finalize();
        let hex = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((bytes, hex))
    });
    work.await
        .map_err(|error| BackupError::io("read", Path::new("it"))(io::Error::other(error)))?
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

    #[tokio::test]
    async fn what_a_killed_process_left_is_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("copy");
        let left = beside(&target, ".partial");
        fs::write(&left, "left behind").expect("written");
        let mut draft = Draft::begin(&target, ".partial").expect("a draft");
        let mode = fs::metadata(&left).expect("there").mode();
        assert_eq!(mode & 0o777, 0o600);
        draft.write(b"abc").expect("written");
        draft.publish(&target).expect("published");
        let hash = hash(&target).await.expect("there");
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash, (3, abc.to_owned()));
    }

    #[test]
    fn a_planted_link_is_not_written_through() {
        let folder = tempfile::tempdir().expect("a folder");
        let (target, mine) = (folder.path().join("copy"), folder.path().join("mine"));
        fs::write(&mine, "mine").expect("written");
        let planted = beside(&target, ".partial");
        std::os::unix::fs::symlink(&mine, &planted).expect("a link");
        let refused = Draft::begin(&target, ".partial");
        assert!(matches!(refused, Err(BackupError::InTheWay(_))));
        fs::remove_file(&planted).expect("ours");
        fs::hard_link(&mine, &planted).expect("a second name");
        let refused = Draft::begin(&target, ".partial");
        assert!(matches!(refused, Err(BackupError::InTheWay(_))));
        assert_eq!(fs::read_to_string(&mine).expect("there"), "mine");
    }

    #[test]
    fn a_private_folder_is_gone_with_its_owner() {
        let folder = tempfile::tempdir().expect("a folder");
        let private = Folder::for_copy(&folder.path().join("x"), 1).expect("made");
        let mode = fs::metadata(&private.0).expect("there").mode();
        assert_eq!(mode & 0o777, 0o700);
        drop(private);
        assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 0);
    }
}
