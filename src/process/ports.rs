//! The process that holds a port, so that the operator need not look.
use std::fmt;

/// A process that listens; never asked to do anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    pub pid: u32,
    pub name: String,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pid {} ({})", self.pid, self.name)
    }
}

/// The process that listens on `port`, where the system tells.
#[cfg(target_os = "linux")]
pub fn owner(port: u16) -> Option<Owner> {
    let inode = listening_inode(port)?;
    let wanted = format!("socket:[{inode}]");
    let processes = std::fs::read_dir("/proc").ok()?;
    processes.flatten().find_map(|process| {
        let pid: u32 = process.file_name().to_str()?.parse().ok()?;
        let open = std::fs::read_dir(process.path().join("fd")).ok()?;
        let holds = |fd: std::fs::DirEntry| {
            std::fs::read_link(fd.path()).is_ok_and(|target| target.as_os_str() == &*wanted)
        };
        open.flatten().any(holds).then(|| {
            let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            let name = name.trim().to_owned();
            Owner { pid, name }
        })
    })
}

/// The inode of the socket that listens on `port` (proc(5), `/proc/net/tcp`).
#[cfg(target_os = "linux")]
fn listening_inode(port: u16) -> Option<String> {
    const LISTEN: &str = "0A";
    let suffix = format!(":{port:04X}");
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .find_map(|table| {
            let table = std::fs::read_to_string(table).ok()?;
            table.lines().skip(1).find_map(|line| {
                let fields: Vec<&str> = line.split_ascii_whitespace().collect();
                let listens = fields.get(1)?.ends_with(&suffix) && *fields.get(3)? == LISTEN;
                listens.then(|| fields.get(9).map(|inode| (*inode).to_owned()))?
            })
        })
}

#[cfg(not(target_os = "linux"))]
pub fn owner(_port: u16) -> Option<Owner> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn the_owner_of_a_port_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let owner = super::owner(port).expect("this process");
        assert_eq!(owner.pid, std::process::id());
        assert!(!owner.name.is_empty());
    }
}
