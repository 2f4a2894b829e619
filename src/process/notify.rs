//! What systemd is told of a service (`sd_notify(3)`): a datagram to the socket it named.
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Where the supervisor listens, if there is one, as the environment says.
#[derive(Debug, Clone, Default)]
pub struct Supervisor {
    socket: Option<OsString>,
    /// A sign of life is wanted within each such time.
    patience: Option<Duration>,
}

impl Supervisor {
    /// From the values of `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    pub fn new(
        socket: Option<OsString>,
        watchdog_usec: Option<&str>,
        watchdog_pid: Option<&str>,
    ) -> Self {
        let us = std::process::id().to_string();
        let for_us = watchdog_pid.is_none_or(|pid| pid == us);
        let usec = watchdog_usec.filter(|_| for_us);
        let usec = usec.and_then(|usec| usec.parse().ok());
        Self {
            socket: socket.filter(|socket| !socket.is_empty()),
            patience: usec.filter(|usec| *usec > 0).map(Duration::from_micros),
        }
    }

    /// How often to give a sign of life: twice as often as it is missed.
    pub fn heartbeat(&self) -> Option<Duration> {
        self.patience
            .filter(|_| self.socket.is_some())?
            .checked_div(2)
    }

    pub fn ready(&self, status: &str) -> io::Result<()> {
        let pid = std::process::id();
        self.tell(&format!("READY=1\nMAINPID={pid}\nSTATUS={status}"))
    }

    pub fn stopping(&self) -> io::Result<()> {
        self.tell("STOPPING=1\nSTATUS=draining")
    }

    pub fn alive(&self) -> io::Result<()> {
        self.tell("WATCHDOG=1")
    }

    fn tell(&self, state: &str) -> io::Result<()> {
        let Some(socket) = &self.socket else {
            return Ok(());
        };
        let sender = UnixDatagram::unbound()?;
        // A supervisor that does not read must not hold us up.
        sender.set_nonblocking(true)?;
        sender.send_to_addr(state.as_bytes(), &address(socket)?)?;
        Ok(())
    }
}

/// A path, or after `@` a name that is in no file system.
fn address(socket: &OsStr) -> io::Result<SocketAddr> {
    match socket.as_bytes() {
        [b'@', name @ ..] => in_no_file_system(name),
        _ => SocketAddr::from_pathname(socket),
    }
}

#[cfg(target_os = "linux")]
fn in_no_file_system(name: &[u8]) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt;
    SocketAddr::from_abstract_name(name)
}

#[cfg(not(target_os = "linux"))]
fn in_no_file_system(_name: &[u8]) -> io::Result<SocketAddr> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(socket: &UnixDatagram) -> String {
        let patience = Some(Duration::from_secs(20));
        socket.set_read_timeout(patience).expect("a socket");
        let mut bytes = [0; 256];
        let length = socket.recv(&mut bytes).expect("a datagram");
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    #[test]
    fn a_socket_with_a_path_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("notify");
        let systemd = UnixDatagram::bind(&path).expect("a socket");
        let supervisor = Supervisor::new(Some(path.into()), None, None);
        supervisor.ready("well").expect("told");
        let pid = std::process::id();
        let told = format!("READY=1\nMAINPID={pid}\nSTATUS=well");
        assert_eq!(received(&systemd), told);
        supervisor.stopping().expect("told");
        assert!(received(&systemd).starts_with("STOPPING=1\n"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_socket_in_no_file_system_is_told() {
        let name = format!("discordctl-test-{}", std::process::id());
        let there = in_no_file_system(name.as_bytes()).expect("a name");
        let systemd = UnixDatagram::bind_addr(&there).expect("a socket");
        let supervisor = Supervisor::new(Some(format!("@{name}").into()), None, None);
        supervisor.alive().expect("told");
        assert_eq!(received(&systemd), "WATCHDOG=1");
    }

    #[test]
    fn nobody_is_told_where_nobody_asked() {
        let nobody = Supervisor::new(Some("".into()), Some("2000000"), None);
        nobody.ready("well").expect("nothing to do");
        assert_eq!(nobody.heartbeat(), None);
        let there = || Some("/run/x".into());
        let beat = |usec, pid| Supervisor::new(there(), Some(usec), pid).heartbeat();
        assert_eq!(beat("2000000", None), Some(Duration::from_secs(1)));
        assert_eq!(beat("2000000", Some("1")), None, "that is for another");
        assert_eq!(beat("soon", None), None);
    }
}
