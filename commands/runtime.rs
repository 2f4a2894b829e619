//! The one thread on which a command waits.
use std::future::Future;

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
