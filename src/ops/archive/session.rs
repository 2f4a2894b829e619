//! A database opened for the archive: its history, and the lease that keeps others out.
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::error::ArchiveError;
use crate::config::DbUrl;
use crate::ops::lease::{Lease, LeaseError};
use crate::store::history::{self, History};
use crate::store::upkeep::{self, Upkeep};

/// A process that archives, trims behind the archive or replays has this lease.
const LEASE: &str = "archive";

/// The history, and the lease where something is to be changed.
pub struct Session {
    pub history: History,
    upkeep: Arc<Upkeep>,
    lease: Option<Lease>,
}

impl Session {
    /// Opens it for `what`, as in "discordctl archive". Only to look, it takes no lease.
    pub async fn open(url: &DbUrl, what: &str, only_look: bool) -> Result<Self, ArchiveError> {
        let application = format!("{what}, pid {}", std::process::id());
        let upkeep = upkeep::open(url.expose(), &application).await?;
        let lease = if only_look {
            None
        } else {
            Some(Lease::take(&upkeep, LEASE, what).await?)
        };
        Ok(Self {
            history: history::open(url.expose(), &application).await?,
            upkeep,
            lease,
        })
    }

    /// Cancelled when the lease is lost: then nothing more may be done.
    pub fn lost(&self) -> CancellationToken {
        match &self.lease {
            Some(lease) => lease.lost().clone(),
            None => CancellationToken::new(),
        }
    }

    /// Lets go of everything. Fails if the lease was lost on the way.
    pub async fn close(self) -> Result<(), LeaseError> {
        self.history.close().await;
        let held = match self.lease {
            Some(lease) => {
                let held = lease.check();
                lease.release().await;
                held
            }
            None => Ok(()),
        };
        self.upkeep.close().await;
        held
    }
}

/// Waits for `work`, which looks at `stop` between two steps, and cancels that when the lease is
/// lost.
pub async fn unless_lost<T>(
    work: impl Future<Output = T>,
    lost: CancellationToken,
    stop: &CancellationToken,
) -> T {
    let mut work = std::pin::pin!(work);
    tokio::select! {
        done = &mut work => done,
        () = lost.cancelled() => {
            stop.cancel();
            work.await
        }
    }
}
