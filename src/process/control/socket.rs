//! Where the control socket is, and how it is made and reached.
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use crate::private;
use crate::process::Files;

/// The longest path in a socket's address: `sun_path` with its final zero, unix(7).
const LONGEST: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

impl Files {
    /// Connects to the instance's control socket.
    ///
    /// # Errors
    /// What the system says.
    pub fn connect(&self) -> io::Result<UnixStream> {
        self.with_short_path(|path| UnixStream::connect(path))
    }

    /// Listens on the control socket, in the place of an earlier listener: only the process that
    /// runs the instance may call this.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn listen(&self) -> io::Result<UnixListener> {
        // No other user may enter, so none connects before the socket's own mode is set.
        self.make_folder()?;
        self.remove_socket()?;
        self.with_short_path(private::listen)
    }

    /// Takes the socket away, if it is there.
    ///
    /// # Errors
    /// Where it is there and stays.
    pub fn remove_socket(&self) -> io::Result<()> {
        private::remove(&self.socket)
    }

    /// Calls `what` with a path to the socket that fits into an address. One that is too long is
    /// reached through a descriptor of its folder.
    fn with_short_path<T>(&self, what: impl Fn(&Path) -> io::Result<T>) -> io::Result<T> {
        let path = &self.socket;
        if path.as_os_str().as_bytes().len() <= LONGEST {
            return what(path);
        }
        self.through_folder(what)
    }

    #[cfg(target_os = "linux")]
    fn through_folder<T>(&self, what: impl Fn(&Path) -> io::Result<T>) -> io::Result<T> {
        use rustix::fs::{Mode, OFlags, open};
        use std::os::fd::AsRawFd;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = open(&self.run, flags, Mode::empty())?;
        let short = std::path::PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()));
        what(&short.join(self.socket.file_name().unwrap_or_default()))
    }

    #[cfg(not(target_os = "linux"))]
    fn through_folder<T>(&self, _what: impl Fn(&Path) -> io::Result<T>) -> io::Result<T> {
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!(
                "the path {} is longer than the {LONGEST} bytes that a socket's may have; \
                 set a shorter 'data_dir'",
                self.socket.display()
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::fs;
    use std::io::{Read, Write};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn only_the_owner_can_reach_it_and_a_stale_one_is_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = Config {
            data_dir: folder.path().join("data"),
            instance_id: "one".into(),
            ..Config::default()
        };
        let files = Files::of(&config);
        assert!(files.connect().is_err());
        drop(files.listen().expect("bound"));
        let listener = files.listen().expect("a stale one is replaced");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&files.socket), 0o600);
        assert_eq!(mode(&config.data_dir.join("run")), 0o700);
        files.connect().expect("it listens");
        drop(listener);
        files.remove_socket().expect("removed");
        files
            .remove_socket()
            .expect("nothing to remove is no error");
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
        let files = Files::of(&config);
        let listener = files.listen().expect("bound");
        let mut client = files.connect().expect("reached");
        client.write_all(b"hello").expect("written");
        drop(client);
        let mut heard = String::new();
        let (mut served, _) = listener.accept().expect("accepted");
        served.read_to_string(&mut heard).expect("read");
        assert_eq!(heard, "hello");
    }
}
