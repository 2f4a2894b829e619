//! What the system says of this process (proc(5)); nothing where there is no `/proc`.
use std::fs;

use crate::meter::table::Process;

pub(super) fn look() -> Option<Process> {
    let memory = fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = memory.split_ascii_whitespace().map(str::parse::<u64>);
    let page = rustix::param::page_size() as u64;
    let virtual_bytes = pages.next()?.ok()? * page;
    let resident_bytes = pages.next()?.ok()? * page;
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    Some(Process {
        resident_bytes,
        virtual_bytes,
        cpu_seconds: cpu_seconds(&fs::read_to_string("/proc/self/stat").ok()?)?,
        open_fds: fs::read_dir("/proc/self/fd").ok()?.count() as u64,
        max_fds: limit.current,
    })
}

/// Fields 14 and 15, in clock ticks. The second field, the name, may hold anything.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = fields.split_ascii_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|field| field.parse::<u64>().ok()).sum();
    Some(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_name_with_spaces_and_brackets_moves_no_field() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 93 0 0 0 250 50 0 0 20 0 1 0 99";
        let hertz = rustix::param::clock_ticks_per_second() as f64;
        assert_eq!(super::cpu_seconds(stat), Some(300.0 / hertz));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_seen() {
        let process = super::look().expect("there is a /proc");
        assert!(process.resident_bytes > 0 && process.resident_bytes <= process.virtual_bytes);
        assert!(process.open_fds > 2);
    }
}
