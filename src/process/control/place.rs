//! Where the control socket is, and how it is made and reached.
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use crate::config::Config;
use crate::process::Files;

/// The longest path in a socket's address: `sun_path` with its final zero, unix(7).
const LONGEST: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// The socket among an instance's files.
#[derive(Debug, Clone)]
pub struct Place(Files);

impl Place {
    pub fn of(config: &Config) -> Self {
        Self::among(Files::of(config))
    }

    pub fn among(files: Files) -> Self {
        Self(files)
    }

    pub fn files(&self) -> &Files {
        &self.0
    }

    pub fn path(&self) -> &Path {
        &self.0.socket
    }

    pub fn is_there(&self) -> bool {
        fs::symlink_metadata(self.path()).is_ok()
    }

    pub fn connect(&self) -> io::Result<UnixStream> {
        self.with_short_path(|path| UnixStream::connect(path))
    }

    /// Listens there, in the place of an earlier listener: only the process that runs the
    /// instance may call this.
    pub fn bind(&self) -> io::Result<UnixListener> {
        // No other user may enter, so none connects before the socket's own mode is set.
        self.0.make_folder()?;
        self.remove()?;
        let listener = self.with_short_path(|path| UnixListener::bind(path))?;
        fs::set_permissions(self.path(), Permissions::from_mode(0o600))?;
        Ok(listener)
    }

    /// Takes the socket away, if it is there.
    pub fn remove(&self) -> io::Result<()> {
        match fs::remove_file(self.path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Calls `what` with a path to the socket that fits into an address. One that is too long is
    /// reached through a descriptor of its folder.
    fn with_short_path<T>(&self, what: impl Fn(&Path) -> io::Result<T>) -> io::Result<T> {
        let path = self.path();
        if path.as_os_str().as_bytes().len() <= LONGEST {
            return what(path);
        }
        self.through_folder(path, what)
    }

    #[cfg(target_os = "linux")]
    fn through_folder<T>(
        &self,
        path: &Path,
        what: impl Fn(&Path) -> io::Result<T>,
    ) -> io::Result<T> {
        use rustix::fs::{Mode, OFlags, open};
        use std::os::fd::AsRawFd;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = open(&self.0.run, flags, Mode::empty())?;
        let short = std::path::PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
        what(&short.join(path.file_name().unwrap_or_default()))
    }

    #[cfg(not(target_os = "linux"))]
    fn through_folder<T>(
        &self,
        path: &Path,
        _what: impl Fn(&Path) -> io::Result<T>,
    ) -> io::Result<T> {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "the path {} is longer than the {LONGEST} bytes that a socket's may have; \
                 set a shorter 'data_dir'",
                path.display()
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn only_the_owner_can_reach_it_and_a_stale_one_is_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = Config {
            data_dir: folder.path().join("data"),
            instance_id: "one".into(),
            ..Config::default()
        };
        let place = Place::of(&config);
        assert!(place.connect().is_err());
        drop(place.bind().expect("bound"));
        let listener = place.bind().expect("a stale one is replaced");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(place.path()), 0o600);
        assert_eq!(mode(&config.data_dir.join("run")), 0o700);
        place.connect().expect("it listens");
        drop(listener);
        place.remove().expect("removed");
        place.remove().expect("nothing to remove is no error");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_path_too_long_for_an_address_is_reached_all_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = Config {
            data_dir: folder.path().join("d".repeat(120)),
            instance_id: "i".repeat(64),
            ..Config::default()
        };
        let place = Place::of(&config);
        let listener = place.bind().expect("bound");
        let mut client = place.connect().expect("reached");
        client.write_all(b"hello").expect("written");
        drop(client);
        let mut heard = String::new();
        let (mut served, _) = listener.accept().expect("accepted");
        served.read_to_string(&mut heard).expect("read");
        assert_eq!(heard, "hello");
    }
}
