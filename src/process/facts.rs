//! What tells one process from any other that had, has or will have its id.
//!
//! Where there is no `/proc` (macOS) nothing but the id is known, and the held lock is all the
//! proof there is.
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A process for as long as the machine runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// When it began, in clock ticks since the boot: field 22 of `/proc/PID/stat`.
    pub start_ticks: Option<u64>,
    pub boot_id: Option<String>,
    pub executable: Option<Executable>,
    pub uid: Option<u32>,
}

/// The file that runs. It goes on running when another takes its place on disk, so the path is
/// for people and the other two are compared.
#[derive(Debug, Clone, Eq, Serialize, Deserialize)]
pub struct Executable {
    pub path: PathBuf,
    pub device: u64,
    pub inode: u64,
}

impl PartialEq for Executable {
    fn eq(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

impl Executable {
    /// The file at `path` as it is now.
    pub fn at(path: &std::path::Path) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt;
        let found = std::fs::metadata(path)?;
        Ok(Self {
            path: path.to_owned(),
            device: found.dev(),
            inode: found.ino(),
        })
    }
}

impl Facts {
    /// `None` if no such process runs; one that has ended and was not waited for does not.
    #[cfg(target_os = "linux")]
    pub fn of(pid: u32) -> io::Result<Option<Self>> {
        let folder = PathBuf::from(format!("/proc/{pid}"));
        let stat = match std::fs::read_to_string(folder.join("stat")) {
            Ok(stat) => stat,
            Err(error) if gone(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let Some(start_ticks) = start_ticks(&stat) else {
            return Ok(None);
        };
        let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
        let status = std::fs::read_to_string(folder.join("status")).unwrap_or_default();
        Ok(Some(Self {
            start_ticks: Some(start_ticks),
            boot_id: Some(boot_id.trim().to_owned()),
            executable: executable(&folder),
            uid: effective_uid(&status),
        }))
    }

    #[cfg(not(target_os = "linux"))]
    pub fn of(pid: u32) -> io::Result<Option<Self>> {
        Ok(super::handle::exists(pid).then(Self::default))
    }
}

#[cfg(target_os = "linux")]
fn gone(error: &io::Error) -> bool {
    const ESRCH: i32 = 3;
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(ESRCH)
}

/// The name in parentheses may hold anything: what counts begins after the last of them.
#[cfg(target_os = "linux")]
fn start_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split_ascii_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// Through the link in `/proc`, which leads to the file that runs whatever its path holds now.
#[cfg(target_os = "linux")]
fn executable(folder: &std::path::Path) -> Option<Executable> {
    let link = folder.join("exe");
    let path = std::fs::read_link(&link).ok()?;
    let running = Executable::at(&link).ok()?;
    Some(Executable { path, ..running })
}

#[cfg(target_os = "linux")]
fn effective_uid(status: &str) -> Option<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_itself_and_no_other() {
        let us = Facts::of(std::process::id()).expect("readable");
        let us = us.expect("this process runs");
        let parent = std::os::unix::process::parent_id();
        let parent = Facts::of(parent).expect("readable").expect("it runs");
        assert_eq!(us.boot_id, parent.boot_id);
        assert_eq!(us.uid, Some(rustix::process::geteuid().as_raw()));
        assert_ne!(us.executable, parent.executable);
        assert!(us.start_ticks >= parent.start_ticks);
    }

    #[test]
    fn a_name_may_hold_anything() {
        let fields = "0 ".repeat(18);
        let stat = |state: &str| format!("7 (a) b) {state} {fields}4711 0");
        assert_eq!(start_ticks(&stat("S")), Some(4711));
        assert_eq!(start_ticks(&stat("Z")), None);
        assert_eq!(start_ticks("7 (a"), None);
    }
}
