//! Places where a test may have the process killed, to see that it can be run again.

/// Names the place where a debug build ends as by `kill -9`: `archive:written`, or
/// `archive:written:3` for the third time it gets there.
#[cfg(debug_assertions)]
const VARIABLE: &str = "DISCORDCTL_TEST_FAULT";

/// A place called `name`. Does nothing in a release build.
#[cfg(debug_assertions)]
pub(crate) fn point(name: &str) {
    use std::sync::atomic::{AtomicU32, Ordering};
    static PASSED: AtomicU32 = AtomicU32::new(0);
    let Ok(asked) = std::env::var(VARIABLE) else {
        return;
    };
    let times = match asked.strip_prefix(name) {
        Some("") => 1,
        Some(rest) => match rest.strip_prefix(':').map(str::parse) {
            Some(Ok(times)) => times,
            _ => return,
        },
        None => return,
    };
    if PASSED.fetch_add(1, Ordering::Relaxed) + 1 == times {
        let _ =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

#[cfg(not(debug_assertions))]
pub(crate) fn point(_name: &str) {}
