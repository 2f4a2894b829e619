//! What processes on this machine use, where the kernel tells it in /proc.
use std::fs;

/// CPU seconds used so far. `who` is a folder of /proc: a process id, or `thread-self`.
pub(super) fn cpu_seconds(who: &str) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{who}/stat")).ok()?;
    // The name, in parentheses, may hold anything; user and system time are the 12th and 13th
    // after it.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    let ticks = ticks()? + ticks()?;
    Some(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// Resident memory in KiB.
pub(super) fn resident_kib(who: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{who}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Whether process `pid` here is one of ours: an instance may run on another machine.
pub(super) fn is_ours(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm"))
        .is_ok_and(|name| name.trim_end().starts_with("discordctl"))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        assert!(resident_kib("self").is_some_and(|kib| kib > 100));
        assert!(cpu_seconds("thread-self").is_some());
        assert_eq!(cpu_seconds("0"), None);
    }
}
