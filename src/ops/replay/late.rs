//! Messages that a database lost when it went back: they are said once more, after what is there by now.
use tokio_util::sync::CancellationToken;

use super::check::Checked;
use super::error::ReplayError;
use super::write::Batches;
use crate::ops::archive::Watch;
use crate::ops::fault;
use crate::store::history::{History, Late, Spot};

/// Puts those at the end of their room that it has not. Several instances may have saved the same, and
/// what is there is known by its author, its time and its text, so that each is put back once.
/// Returns how many.
pub(super) async fn restore(
    history: &mut History,
    document: &Checked,
    dry_run: bool,
    watch: &dyn Watch,
    stop: &CancellationToken,
) -> Result<u64, ReplayError> {
    let late = if dry_run { Late::Count } else { Late::Append };
    let to_the_end = CancellationToken::new();
    let (base, batch) = (Spot::default(), history.batch());
    let mut batches = Batches::of(document, base, batch, &to_the_end).await?;
    let mut restored = 0;
    while !stop.is_cancelled()
        && let Some(rows) = batches.next().await?
    {
        restored += history
            .late((&document.room, document.kind), &rows, late)
            .await?;
        fault::point("replay:restored");
        watch.advance(rows.len() as u64);
    }
    Ok(restored)
}
