//! Files and folders that only their user may read: whatever holds what people said, or a secret.
//! Everything of the kind is made here. What another user has put in the way, a link or a file of
//! their own, is refused and not followed or filled.
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::OFlags;

const FILE: u32 = 0o600;
const FOLDER: u32 = 0o700;
/// What lies there is not followed elsewhere, and a pipe does not hold us up.
const AS_IT_IS: i32 = OFlags::NOFOLLOW
    .union(OFlags::NONBLOCK)
    .bits()
    .cast_signed();

/// Makes a file that was not there.
pub fn create_new(path: &Path) -> io::Result<File> {
    trust(path)?;
    // A link that is there already counts as a file (open(2), `O_EXCL`).
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(FILE)
        .open(path)
}

/// Opens a file to write after its end, and makes it if it is not there.
pub fn append(path: &Path) -> io::Result<File> {
    open(path, OpenOptions::new().append(true))
}

/// Opens a file to read and write, as it is, and makes it if it is not there.
pub fn edit(path: &Path) -> io::Result<File> {
    open(path, OpenOptions::new().read(true).write(true))
}

fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    trust(path)?;
    let file = options
        .create(true)
        .truncate(false)
        .mode(FILE)
        .custom_flags(AS_IT_IS)
        .open(path)
        .map_err(|error| match error.raw_os_error() {
            Some(code) if code == rustix::io::Errno::LOOP.raw_os_error() => {
                refused(path, "is a link")
            }
            _ => error,
        })?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(refused(path, "is no file"));
    }
    ours(path, found.uid())?;
    Ok(file)
}

/// Writes a file whole or not at all, in the place of one that may be there.
pub fn write_whole(path: &Path, text: &[u8]) -> io::Result<()> {
    let new = path.with_extension(format!("{}.new", std::process::id()));
    // One of this name was left by a process that was killed and had our number.
    remove(&new)?;
    let write = || {
        let mut file = create_new(&new)?;
        file.write_all(text)?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().inspect_err(|_| {
        let _ = fs::remove_file(&new);
    })
}

/// Removes a file, if it is there.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Sees to it that a file which another program writes and reads is there, and is our own.
pub fn prepare(path: &Path) -> io::Result<()> {
    trust(path)?;
    match fs::metadata(path) {
        Ok(found) => ours(path, found.uid()),
        Err(error) if error.kind() == ErrorKind::NotFound => match create_new(path) {
            // Another process was a moment earlier.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            made => made.map(drop),
        },
        Err(error) => Err(error),
    }
}

/// Makes a folder with those above it, if it is not there; one that is there keeps its mode.
pub fn folder(path: &Path) -> io::Result<()> {
    let path = here(path);
    trust(path)?;
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER)
        .create(path)?;
    ours(path, fs::metadata(path)?.uid())
}

/// The same, of which nobody but us has anything: it is no link either, even to a folder of ours,
/// since what is made in it would lie where the link leads.
pub fn own_folder(path: &Path) -> io::Result<()> {
    let path = here(path);
    trust(path)?;
    if fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) {
        return Err(refused(path, "is a link"));
    }
    folder(path)?;
    let found = fs::metadata(path)?;
    let us = rustix::process::geteuid().as_raw();
    if found.uid() != us {
        return Err(belongs(path, found.uid()));
    }
    match found.mode() & 0o777 {
        FOLDER => Ok(()),
        _ => fs::set_permissions(path, fs::Permissions::from_mode(FOLDER)),
    }
}

/// Takes from a file that another library made what others may do with it. On a file system
/// without modes (FAT, some shares) how it was mounted decides, and nothing can be done here.
pub fn close_to_others(path: &Path) -> io::Result<()> {
    match fs::set_permissions(path, fs::Permissions::from_mode(FILE)) {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::PermissionDenied | ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        closed => closed,
    }
}

/// `chat.db` is in the folder ``, which is this one.
fn here(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    }
}

/// Whether the user that made `path` may have: we, root, or the owner of its folder, who could
/// put anything there in its place.
fn ours(path: &Path, uid: u32) -> io::Result<()> {
    let us = rustix::process::geteuid().as_raw();
    let folder = here(path.parent().unwrap_or(Path::new("")));
    if uid == us || uid == 0 || fs::metadata(folder)?.uid() == uid {
        Ok(())
    } else {
        Err(belongs(path, uid))
    }
}

/// A link on the way, or at its end, leads where its maker wants: it is followed if that is
/// us or root.
pub fn trust(path: &Path) -> io::Result<()> {
    let us = rustix::process::geteuid().as_raw();
    for part in path.ancestors().filter(|part| !part.as_os_str().is_empty()) {
        let Ok(found) = fs::symlink_metadata(part) else {
            continue;
        };
        if found.is_symlink() && found.uid() != us && found.uid() != 0 {
            let uid = found.uid();
            return Err(refused(part, &format!("is a link that user {uid} made")));
        }
    }
    Ok(())
}

fn belongs(path: &Path, uid: u32) -> io::Error {
    let us = rustix::process::geteuid().as_raw();
    refused(
        path,
        &format!("belongs to user {uid}, and this is user {us}"),
    )
}

fn refused(path: &Path, why: &str) -> io::Error {
    let why = format!("'{}' {why}", path.display());
    io::Error::new(ErrorKind::PermissionDenied, why)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{chown, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("there").mode() & 0o777
    }

    #[test]
    fn what_is_made_is_its_users_alone() {
        let place = tempfile::tempdir().expect("a folder");
        let inside = place.path().join("a/b");
        folder(&inside).expect("made");
        let file = inside.join("x");
        create_new(&file).expect("made");
        write_whole(&inside.join("y"), b"text").expect("written");
        append(&inside.join("z")).expect("made");
        prepare(&inside.join("db")).expect("made");
        for name in ["x", "y", "z", "db"] {
            assert_eq!(mode(&inside.join(name)), 0o600, "{name}");
        }
        assert_eq!(
            (mode(&inside), mode(&place.path().join("a"))),
            (0o700, 0o700)
        );
        assert_eq!(
            create_new(&file).expect_err("there").kind(),
            ErrorKind::AlreadyExists
        );
        prepare(&file).expect("ours");
        fs::set_permissions(&inside, fs::Permissions::from_mode(0o755)).expect("ours");
        folder(&inside).expect("there");
        assert_eq!(mode(&inside), 0o755, "what an operator opened stays open");
        own_folder(&inside).expect("there");
        assert_eq!(mode(&inside), 0o700);
        let link = place.path().join("link");
        symlink(&inside, &link).expect("linked");
        folder(&link).expect("our own link");
        let error = own_folder(&link).expect_err("a link").to_string();
        assert!(error.contains("is a link"), "{error}");
    }

    #[test]
    fn a_link_in_the_place_of_a_file_is_not_followed() {
        let place = tempfile::tempdir().expect("a folder");
        let (link, target) = (place.path().join("link"), place.path().join("target"));
        symlink(&target, &link).expect("linked");
        for open in [append, edit, create_new] {
            open(&link).expect_err("a link");
        }
        assert!(!target.exists());
        write_whole(&link, b"text").expect("put in its place");
        assert!(!target.exists() && fs::symlink_metadata(&link).expect("there").is_file());
        let error = append(place.path()).expect_err("a folder").to_string();
        assert!(!error.is_empty());
    }

    /// Needs to be root, as in a container: only root can make another user's files.
    #[test]
    fn what_another_user_put_in_the_way_is_refused() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        const MALLORY: u32 = 4_242;
        let place = tempfile::tempdir().expect("a folder");
        let planted = place.path().join("planted");
        fs::write(&planted, "").expect("written");
        chown(&planted, Some(MALLORY), None).expect("given away");
        for result in [
            append(&planted).map(drop),
            edit(&planted).map(drop),
            prepare(&planted),
        ] {
            let error = result.expect_err("another user's").to_string();
            assert!(error.contains("belongs to user 4242"), "{error}");
        }
        let elsewhere = tempfile::tempdir().expect("a folder");
        let log = place.path().join("log");
        symlink(elsewhere.path(), &log).expect("linked");
        folder(&log).expect("our own link");
        std::os::unix::fs::lchown(&log, Some(MALLORY), None).expect("given away");
        for result in [
            folder(&log),
            own_folder(&log),
            append(&log.join("x")).map(drop),
        ] {
            let error = result.expect_err("another user's").to_string();
            assert!(error.contains("is a link that user 4242 made"), "{error}");
        }
        assert_eq!(fs::read_dir(elsewhere.path()).expect("there").count(), 0);
        // The folder's owner may have the files in it: root looks after others' instances.
        chown(place.path(), Some(MALLORY), None).expect("given away");
        append(&planted).expect("of the folder's owner");
    }
}
