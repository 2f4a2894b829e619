//! Whether an instance runs, and the proof without which nothing is signalled.
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;

use super::{Facts, Files, Handle, Identity, Lock};
use crate::private;

/// What is found half way between two states is looked at again, so often and so far apart.
const LOOKS: u32 = 5;
const BETWEEN: Duration = Duration::from_millis(20);

/// How an instance is, by its files and the kernel.
#[derive(Debug)]
pub enum Known {
    /// There is nothing of it.
    Stopped,
    /// Its lock is held, and the process that holds it has not described itself yet.
    Starting,
    /// All fits: it may be signalled.
    Running(Proof),
    /// It ended without removing its file; this is what is not true of that any more.
    Dead { identity: Identity, why: Mismatches },
    /// Something lives, and is not what the file says or not ours: it is not touched.
    Foreign { identity: Identity, why: Mismatches },
}

impl Known {
    /// The instance's own record, if it runs, also as another user: to look at, not to signal.
    pub fn itself(&self) -> Option<&Identity> {
        match self {
            Self::Running(proof) => Some(&proof.identity),
            Self::Foreign { identity, why } => why.only_the_user().then_some(identity),
            Self::Stopped | Self::Starting | Self::Dead { .. } => None,
        }
    }

    /// The same, and the systemd unit that it is: what is not for us to signal is for systemd,
    /// which knows its own.
    pub fn in_unit(&self) -> Option<(&Identity, &str)> {
        let identity = self.itself()?;
        Some((identity, identity.unit.as_deref()?))
    }
}

/// A running process that is proved to be the instance.
#[derive(Debug)]
pub struct Proof {
    pub identity: Identity,
    handle: Handle,
}

impl Proof {
    /// False if it has ended.
    pub fn signal(&self, signal: Signal) -> io::Result<bool> {
        self.handle.signal(signal)
    }

    /// Waits for its end; false if it did not end within that time.
    pub async fn ended(&self, within: Duration) -> io::Result<bool> {
        self.handle.ended(within).await
    }
}

/// All that does not fit; there is something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatches(Vec<Mismatch>);

impl Mismatches {
    /// It is the instance, and only not for this user to signal.
    pub fn only_the_user(&self) -> bool {
        matches!(self.0[..], [Mismatch::NotOurs { .. }])
    }
}

impl fmt::Display for Mismatches {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&why.join("; "))
    }
}

/// What does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Mismatch {
    LockNotHeld,
    NoSuchProcess(u32),
    /// The machine was started again since.
    Boot,
    StartTime(u32),
    Executable {
        pid: u32,
        found: Option<PathBuf>,
    },
    /// It runs as another user than it says.
    User {
        pid: u32,
        found: Option<u32>,
    },
    /// Its file was written by another user than it runs as.
    Author {
        pid: u32,
        uid: u32,
    },
    /// It is what it says, but of another user than the one that asks.
    NotOurs {
        pid: u32,
        uid: u32,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LockNotHeld => f.write_str("its lock is not held"),
            Self::NoSuchProcess(pid) => write!(f, "there is no process {pid}"),
            Self::Boot => f.write_str("the machine was started again since"),
            Self::StartTime(pid) => {
                write!(f, "pid {pid} is another process, started at another time")
            }
            Self::Executable { pid, found } => match found {
                Some(path) => write!(f, "pid {pid} runs another program, {}", path.display()),
                None => write!(f, "what pid {pid} runs cannot be seen"),
            },
            Self::User { pid, found } => match found {
                Some(uid) => write!(f, "pid {pid} runs as another user, {uid}"),
                None => write!(f, "as whom pid {pid} runs cannot be seen"),
            },
            Self::Author { pid, uid } => {
                write!(f, "pid {pid} did not write its file, user {uid} did")
            }
            Self::NotOurs { pid, uid } => write!(f, "pid {pid} belongs to user {uid}"),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("cannot tell whether it runs: {path}: {source}")]
pub struct LookError {
    pub path: PathBuf,
    pub source: io::Error,
}

/// Looks at an instance's files, and at the process they name.
pub async fn look(files: &Files) -> Result<Known, LookError> {
    let mut known = look_now(files)?;
    for _ in 1..LOOKS {
        // One that is just taking or leaving its place looks like another's.
        if !matches!(known, Known::Foreign { .. }) {
            break;
        }
        tokio::time::sleep(BETWEEN).await;
        known = look_now(files)?;
    }
    Ok(known)
}

/// Removes the file of one that has ended. If it is being started again, that one writes its own.
pub fn forget(files: &Files) -> io::Result<()> {
    let Some(_lock) = Lock::take(&files.lock)? else {
        return Ok(());
    };
    private::remove(&files.identity)
}

/// The same at this very moment: one that is taking or leaving its place is [`Known::Foreign`].
///
/// # Errors
/// Where its files or its process cannot be looked at.
pub fn look_now(files: &Files) -> Result<Known, LookError> {
    let at = |path: &PathBuf| {
        let path = path.clone();
        |source| LookError { path, source }
    };
    let held = Lock::is_held(&files.lock).map_err(at(&files.lock))?;
    let signed = Identity::read_signed(&files.identity).map_err(at(&files.identity))?;
    let Some((identity, author)) = signed else {
        return Ok(if held {
            Known::Starting
        } else {
            Known::Stopped
        });
    };
    judge(identity, held, author).map_err(at(&files.identity))
}

fn judge(identity: Identity, held: bool, author: u32) -> io::Result<Known> {
    // The handle first: what is read after it is true of the process it is for, if that one
    // still runs when all was read.
    let handle = Handle::open(identity.pid)?;
    let found = match &handle {
        Some(handle) => {
            Facts::of(identity.pid)?.filter(|_| matches!(handle.has_ended(), Ok(false)))
        }
        None => None,
    };
    let mut why = Vec::new();
    if !held {
        why.push(Mismatch::LockNotHeld);
    }
    let (Some(handle), Some(found)) = (handle, found) else {
        why.push(Mismatch::NoSuchProcess(identity.pid));
        let why = Mismatches(why);
        return Ok(if held {
            Known::Foreign { identity, why }
        } else {
            Known::Dead { identity, why }
        });
    };
    let is_itself = compare(&identity, &found, author, &mut why);
    if held && why.is_empty() {
        return Ok(Known::Running(Proof { identity, handle }));
    }
    let why = Mismatches(why);
    Ok(if held || is_itself {
        Known::Foreign { identity, why }
    } else {
        Known::Dead { identity, why }
    })
}

/// Adds what does not fit; returns whether it is the process that wrote the file.
fn compare(identity: &Identity, found: &Facts, author: u32, why: &mut Vec<Mismatch>) -> bool {
    let (pid, said) = (identity.pid, &identity.facts);
    let before = why.len();
    if said.boot_id != found.boot_id {
        why.push(Mismatch::Boot);
    }
    if said.start_ticks != found.start_ticks {
        why.push(Mismatch::StartTime(pid));
    }
    if said.executable != found.executable
        || cfg!(target_os = "linux") && found.executable.is_none()
    {
        let found = found.executable.as_ref().map(|exe| exe.path.clone());
        why.push(Mismatch::Executable { pid, found });
    }
    if said.uid != found.uid {
        why.push(Mismatch::User {
            pid,
            found: found.uid,
        });
    }
    // A user that may write the file could name any process in it.
    if found.uid.is_some_and(|uid| uid != author) {
        why.push(Mismatch::Author { pid, uid: author });
    }
    let is_itself = why.len() == before;
    let us = rustix::process::geteuid().as_raw();
    if let Some(uid) = found.uid.filter(|uid| is_itself && *uid != us) {
        why.push(Mismatch::NotOurs { pid, uid });
    }
    is_itself
}
