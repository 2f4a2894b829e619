//! What a command runs on: the one thread on which it waits, and its own program.
use std::future::Future;
use std::path::PathBuf;

use anyhow::Context;

/// Runs `work` to its end. What lingers then, as a read of the keyboard or a name that is still
/// looked up, holds up nothing.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    Ok(done)
}

/// This very program, even if its file is another by now.
pub(crate) fn this_program() -> anyhow::Result<PathBuf> {
    if cfg!(target_os = "linux") {
        Ok(PathBuf::from("/proc/self/exe"))
    } else {
        own_file()
    }
}

/// The file of this program, to be run as another process.
pub(crate) fn own_file() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("cannot find this program's own file")
}
