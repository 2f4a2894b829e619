//! What the system says of this process (proc(5)); nothing where there is no `/proc`.
use std::fs;

use crate::meter::table::Process;
use crate::process::usage;

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
        cpu_seconds: usage::cpu_seconds("self")?,
        open_fds: fs::read_dir("/proc/self/fd").ok()?.count() as u64,
        max_fds: limit.current,
    })
}

#[cfg(test)]
mod tests {
    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_seen() {
        let process = super::look().expect("there is a /proc");
        assert!(process.resident_bytes > 0 && process.resident_bytes <= process.virtual_bytes);
        assert!(process.open_fds > 2);
    }
}
