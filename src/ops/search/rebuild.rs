//! Making the index of words anew, while people talk.
use std::sync::Arc;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::clock::SystemClock;
use crate::config::Config;
use crate::ops::archive::Watch;
pub use crate::search::write::WriteError;
use crate::search::write::{Progress, Term, Writer};
use crate::store::search::Desk;

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rebuilt {
    /// Messages that the index was made of.
    pub messages: u64,
    /// It was stopped in between: instances go on with it, or the next run begins anew.
    pub interrupted: bool,
}

/// Makes the index anew, in the place of the instance that writes it otherwise. Until it is done, searches say that they
/// are not complete.
///
/// # Errors
/// Fails where the database does, or where another command writes the index by now.
pub async fn rebuild(
    config: &Config,
    watch: &dyn Watch,
    stop: &CancellationToken,
) -> Result<Rebuilt, WriteError> {
    let desk = Desk::open(config.db_url.expose(), "discordctl search").await?;
    let desk = Arc::new(desk);
    let writer = Writer::new(desk.clone(), Arc::new(SystemClock), Arc::default());
    let rebuilt = match writer.term(true).await {
        Ok(Some(mut term)) => {
            let rebuilt = write(&mut term, watch, stop).await;
            term.leave().await;
            rebuilt
        }
        Ok(None) => Err(WriteError::Lost),
        Err(error) => Err(error),
    };
    desk.close().await;
    rebuilt
}

async fn write(
    term: &mut Term,
    watch: &dyn Watch,
    stop: &CancellationToken,
) -> Result<Rebuilt, WriteError> {
    term.begin_anew().await?;
    let count =
        async |term: &Term, ids| Ok::<u64, WriteError>(term.count(ids).await?.unsigned_abs());
    watch.expect(count(term, (0, i64::MAX)).await?);
    let (mut messages, mut at) = (0, i64::MAX);
    let mut interrupted = false;
    while at > 0 {
        if stop.is_cancelled() {
            interrupted = true;
            break;
        }
        let next = match term.look().await? {
            Progress::Below(next) => next,
            Progress::Current => 0,
        };
        let more = count(term, (next.saturating_add(1), at)).await?;
        watch.advance(more);
        messages += more;
        at = next;
    }
    if !interrupted {
        term.delete_all_dead().await?;
    }
    Ok(Rebuilt {
        messages,
        interrupted,
    })
}
