//! What processes on this machine use, where the kernel tells it (proc(5)).
use std::fs;

/// CPU seconds used so far. `process` is a folder of /proc: a process id, `self`, or `thread-self`.
pub fn cpu_seconds(process: &str) -> Option<f64> {
    in_stat(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
}

/// Fields 14 and 15, in clock ticks. The second field, the name, may hold anything.
fn in_stat(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    let ticks = ticks()? + ticks()?;
    Some(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

/// Resident memory in KiB.
pub fn resident_kib(process: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Whether process `pid` here is one of ours: an instance may run on another machine.
pub fn is_ours(pid: u32) -> bool {
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

    #[test]
    fn a_name_with_spaces_and_brackets_moves_no_field() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 93 0 0 0 250 50 0 0 20 0 1 0 99";
        let hertz = rustix::param::clock_ticks_per_second() as f64;
        assert_eq!(in_stat(stat), Some(300.0 / hertz));
    }
}
