//! A process that can be signalled and waited for without ever meeting another of its id.
use std::io;
use std::time::Duration;

use rustix::process::{Pid, Signal};

/// How often to look whether it has ended.
const BETWEEN: Duration = Duration::from_millis(10);

/// On Linux a pidfd: it stays with the process that had the id when it was opened. Elsewhere it
/// is the id alone, and a process that ends and whose id is used again at once is not noticed.
#[derive(Debug)]
pub struct Handle {
    pid: Pid,
    #[cfg(target_os = "linux")]
    descriptor: std::os::fd::OwnedFd,
}

impl Handle {
    /// `None` if there is no such process.
    pub fn open(pid: u32) -> io::Result<Option<Self>> {
        let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
            return Ok(None);
        };
        Self::open_pid(pid)
    }

    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Waits for its end; false if it did not end within that time.
    pub async fn ended(&self, within: Duration) -> io::Result<bool> {
        let look = async {
            while !self.has_ended()? {
                tokio::time::sleep(BETWEEN).await;
            }
            Ok(())
        };
        match tokio::time::timeout(within, look).await {
            Ok(ended) => ended.map(|()| true),
            Err(_) => Ok(false),
        }
    }
}

#[cfg(target_os = "linux")]
impl Handle {
    fn open_pid(pid: Pid) -> io::Result<Option<Self>> {
        use rustix::process::{PidfdFlags, pidfd_open};
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(descriptor) => Ok(Some(Self { pid, descriptor })),
            Err(rustix::io::Errno::SRCH) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// False if it has ended.
    pub fn signal(&self, signal: Signal) -> io::Result<bool> {
        match rustix::process::pidfd_send_signal(&self.descriptor, signal) {
            Ok(()) => Ok(!self.has_ended()?),
            Err(rustix::io::Errno::SRCH) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    pub fn has_ended(&self) -> io::Result<bool> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let mut watched = [PollFd::new(&self.descriptor, PollFlags::IN)];
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        Ok(poll(&mut watched, Some(&now))? > 0)
    }
}

#[cfg(not(target_os = "linux"))]
impl Handle {
    fn open_pid(pid: Pid) -> io::Result<Option<Self>> {
        Ok(exists(pid.as_raw_nonzero().get().unsigned_abs()).then_some(Self { pid }))
    }

    /// False if it has ended.
    pub fn signal(&self, signal: Signal) -> io::Result<bool> {
        match rustix::process::kill_process(self.pid, signal) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::SRCH) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    pub fn has_ended(&self) -> io::Result<bool> {
        Ok(!exists(self.pid()))
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn exists(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| {
        !matches!(
            rustix::process::test_kill_process(pid),
            Err(rustix::io::Errno::SRCH)
        )
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[tokio::test]
    async fn what_has_ended_is_not_signalled() {
        let mut child = Command::new("sleep").arg("60").spawn().expect("sleep");
        let handle = Handle::open(child.id()).expect("allowed").expect("it runs");
        assert!(!handle.has_ended().expect("known"));
        let short = Duration::from_millis(1);
        assert!(!handle.ended(short).await.expect("known"));
        handle.signal(Signal::KILL).expect("ours");
        child.wait().expect("ours");
        let long = Duration::from_secs(20);
        assert!(handle.ended(long).await.expect("known"));
        assert!(!handle.signal(Signal::KILL).expect("it is gone"));
    }
}
