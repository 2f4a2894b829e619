//! The holder of a lease: for people, and so that it can be proved that the holder is no more.
use crate::process::{Facts, Handle};
use crate::random;

/// Behind what people read: `[boot … pids … start … no …]`.
const PROOF: &str = " [boot ";

/// This process, which does `what`. No two that are alive have the same name.
pub(super) fn this(what: &str) -> String {
    // Without random numbers the process id alone has to tell them apart.
    let random = random::bytes().unwrap_or_default();
    let (pid, no) = (std::process::id(), u32::from_be_bytes(random));
    let head = format!("{what}, pid {pid} on {}", host());
    match Life::of_this() {
        Some(life) => format!(
            "{head}{PROOF}{} pids {} start {} no {no:08x}]",
            life.boot, life.pids, life.start
        ),
        None => format!("{head} ({no:08x})"),
    }
}

/// What is for people.
pub fn shown(holder: &str) -> &str {
    holder.split(PROOF).next().unwrap_or(holder)
}

/// Whether the holder was a process of this machine, since it was started, and has ended. Of any
/// other that cannot be known from here.
pub fn is_dead(holder: &str) -> bool {
    dead(holder).unwrap_or(false)
}

fn dead(holder: &str) -> Option<bool> {
    let (head, proof) = holder.rsplit_once(PROOF)?;
    let (head, host) = head.rsplit_once(" on ")?;
    let pid: u32 = head.rsplit_once("pid ")?.1.parse().ok()?;
    let mut words = proof.trim_end_matches(']').split(' ');
    let (boot, pids) = (words.next()?, words.nth(1)?);
    let start: u64 = words.nth(1)?.parse().ok()?;
    let us = Life::of_this()?;
    if (boot, pids, host) != (&*us.boot, &*us.pids, &*self::host()) {
        return None;
    }
    // That a process cannot be seen is no proof: a user that may not see it may still open a handle.
    let Some(handle) = Handle::open(pid).ok()? else {
        return Some(true);
    };
    if handle.has_ended().ok()? {
        return Some(true);
    }
    let found = Facts::of(pid).ok()??;
    Some(found.start_ticks? != start)
}

fn host() -> String {
    let host = rustix::system::uname();
    host.nodename().to_string_lossy().into_owned()
}

/// What no other process that is, was or will be has in common with this one, beside its id.
struct Life {
    boot: String,
    /// The processes that ids are of: a container has its own.
    pids: String,
    start: u64,
}

impl Life {
    /// `None` where there is no `/proc`.
    fn of_this() -> Option<Self> {
        let facts = Facts::of(std::process::id()).ok()??;
        let pids = std::fs::read_link("/proc/self/ns/pid").ok()?;
        let digits = |c: &char| c.is_ascii_digit();
        Some(Self {
            boot: facts.boot_id?,
            pids: pids.to_string_lossy().chars().filter(digits).collect(),
            start: facts.start_ticks?,
        })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_ended_here_is_dead() {
        let us = this("discordctl test");
        assert!(shown(&us).starts_with("discordctl test, pid "), "{us}");
        assert!(!shown(&us).contains('['), "{us}");
        assert!(!is_dead(&us), "{us}");
        let mut child = std::process::Command::new("true").spawn().expect("true");
        child.wait().expect("ours");
        let pid = format!("pid {}", std::process::id());
        let ended = us.replacen(&pid, &format!("pid {}", child.id()), 1);
        assert!(is_dead(&ended), "{ended}");
        let life = Life::of_this().expect("there is /proc");
        let start = format!("start {}", life.start);
        assert!(is_dead(&us.replace(&start, "start 1")), "another of its id");
        // What is said of another machine, boot or container is not for us to judge.
        let (host, boot) = (format!(" on {}", host()), &life.boot);
        for other in [
            ended.replace(&host, " on elsewhere"),
            ended.replace(boot, "another"),
            ended.replace(&format!("pids {}", life.pids), "pids 1"),
            "somebody killed".to_owned(),
            format!("discordctl archive, pid {} on x (0a0b0c0d)", child.id()),
        ] {
            assert!(!is_dead(&other), "{other}");
        }
    }
}
