//! Opening a file that was named, and nothing else that may have its name: to open a FIFO
//! waits for a writer, and a device never ends.
use std::fs::{File, FileType};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// Opens it for reading, without waiting.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let at_once = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::options()
        .read(true)
        .custom_flags(at_once.bits().cast_signed())
        .open(path)?;
    must_be_file(file.metadata()?.file_type())?;
    Ok(file)
}

/// Refuses what `open` would refuse, for those that open it by other means.
pub(crate) fn see(path: &Path) -> io::Result<()> {
    must_be_file(std::fs::metadata(path)?.file_type())
}

fn must_be_file(kind: FileType) -> io::Result<()> {
    if kind.is_file() {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("it is {}, and no file", what(kind)),
    ))
}

fn what(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_file_is_refused_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let fifo = folder.path().join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.expect("mkfifo runs").success());
        for (path, what) in [
            (fifo.as_path(), "a FIFO"),
            (folder.path(), "a folder"),
            (Path::new("/dev/zero"), "a device"),
        ] {
            for refused in [open(path).map(drop), see(path)] {
                let refused = refused.expect_err("no file").to_string();
                assert!(refused.contains(what), "{refused}");
            }
        }
    }
}
