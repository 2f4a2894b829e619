//! Files and folders that only their user may read: whatever holds what people said, or a secret.
//! Everything of the kind is made here. What another user has put in the way, a link or a file of
//! their own, is refused and not followed or filled.
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::process::umask;

const FILE: u32 = 0o600;
const FOLDER: u32 = 0o700;
/// What the user's group and all others may do.
const OTHERS: u32 = 0o077;
/// What lies there is not followed elsewhere, and a pipe does not hold us up.
const AS_IT_IS: i32 = OFlags::NOFOLLOW
    .union(OFlags::NONBLOCK)
    .bits()
    .cast_signed();

/// From here on, whatever this process and its children make is their user's alone, also what
/// takes no mode from us: SQLite's files, a library's, `pg_dump`'s. For a process with one thread.
pub fn by_default() {
    umask(Mode::RWXG | Mode::RWXO);
}

/// Makes what all users may read, such as manual pages. For a process with one thread.
pub fn for_all<T>(make: impl FnOnce() -> T) -> T {
    let before = umask(Mode::WGRP | Mode::WOTH);
    let made = make();
    umask(before);
    made
}

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

/// Copies a file to one that was not there.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let (mut from, mut to) = (File::open(from)?, create_new(to)?);
    io::copy(&mut from, &mut to).map(drop)
}

/// Copies a program, in the place of an earlier copy.
pub fn copy_program(from: &Path, to: &Path) -> io::Result<()> {
    remove(to)?;
    copy(from, to)?;
    fs::set_permissions(to, fs::Permissions::from_mode(FOLDER))
}

/// Listens on a socket that was not there.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    let listener = UnixListener::bind(path)?;
    close_to_others(path)?;
    Ok(listener)
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

/// Makes a folder that was not there.
pub fn new_folder(path: &Path) -> io::Result<()> {
    trust(path)?;
    DirBuilder::new().mode(FOLDER).create(path)
}

/// Makes one through which other users may pass to what they know of, without seeing what is in it.
pub fn new_passage(path: &Path) -> io::Result<()> {
    new_folder(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o711))
}

/// Makes a folder, if it is not there, of which no other user has anything: it is no link either, even to a folder of ours,
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

/// What other users may do with `path`, of which nothing is to be theirs: the bits of its mode. `None`
/// where it is closed to them, is not there, or is a link.
pub fn open_to_others(path: &Path) -> Option<u32> {
    let found = fs::symlink_metadata(path).ok()?;
    let open = found.mode() & OTHERS;
    (open != 0 && !found.is_symlink()).then_some(open)
}

/// Closes to other users what is ours of `paths`, and tells which of them were open. What is another
/// user's is for that user to close, and for `doctor` to find.
pub fn tighten(paths: Vec<PathBuf>) -> Vec<PathBuf> {
    let us = rustix::process::geteuid().as_raw();
    let close = |path: &PathBuf| {
        let Ok(found) = fs::symlink_metadata(path) else {
            return false;
        };
        let closed = fs::Permissions::from_mode(found.mode() & 0o700);
        found.uid() == us
            && open_to_others(path).is_some()
            && fs::set_permissions(path, closed).is_ok()
    };
    paths.into_iter().filter(close).collect()
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

    #[test]
    fn programs_sockets_and_passages_are_as_closed_as_they_can_be() {
        let place = tempfile::tempdir().expect("a folder");
        let at = |name: &str| place.path().join(name);
        new_folder(&at("new")).expect("made");
        new_folder(&at("new")).expect_err("it is there");
        new_passage(&at("passage")).expect("made");
        let _listener = listen(&at("socket")).expect("bound");
        fs::write(at("open"), "text").expect("written");
        fs::set_permissions(at("open"), fs::Permissions::from_mode(0o666)).expect("ours");
        copy(&at("open"), &at("copy")).expect("copied");
        copy(&at("open"), &at("copy")).expect_err("it is there");
        for _ in 0..2 {
            copy_program(&at("open"), &at("program")).expect("copied");
        }
        for (name, expected) in [
            ("new", 0o700),
            ("passage", 0o711),
            ("socket", 0o600),
            ("copy", 0o600),
            ("program", 0o700),
        ] {
            assert_eq!(mode(&at(name)), expected, "{name}");
        }
        assert_eq!(fs::read(at("program")).expect("there"), b"text");
    }

    #[test]
    fn what_was_left_open_is_closed_once_and_what_a_link_leads_to_is_not() {
        let place = tempfile::tempdir().expect("a folder");
        let at = |name: &str| place.path().join(name);
        for (name, open) in [("file", 0o644), ("closed", 0o600), ("elsewhere", 0o666)] {
            fs::write(at(name), "").expect("written");
            fs::set_permissions(at(name), fs::Permissions::from_mode(open)).expect("ours");
        }
        fs::create_dir(at("folder")).expect("made");
        fs::set_permissions(at("folder"), fs::Permissions::from_mode(0o775)).expect("ours");
        symlink(at("elsewhere"), at("link")).expect("linked");
        let all = || {
            ["file", "closed", "folder", "link", "absent"]
                .map(at)
                .to_vec()
        };
        assert_eq!(open_to_others(&at("file")), Some(0o044));
        assert_eq!(tighten(all()), [at("file"), at("folder")]);
        assert_eq!((mode(&at("file")), mode(&at("folder"))), (0o600, 0o700));
        assert_eq!(mode(&at("elsewhere")), 0o666);
        assert!(tighten(all()).is_empty());
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
