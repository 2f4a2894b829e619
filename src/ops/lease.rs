//! Holding a lease: renewed while it is held, and known to be lost when it is.
mod holder;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::model::format_time;
use crate::store::StoreError;
use crate::store::upkeep::{Held, Upkeep};

pub use holder::{is_dead, shown};

/// How long a lease outlives a holder that was killed, on another machine than the next holder's.
pub const LIFE: Duration = Duration::from_secs(30);
/// Between two renewals: one may fail, and there is still time for another.
const RENEW_EVERY: Duration = Duration::from_secs(8);

/// Why there is no lease.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    #[error("{} is at it, and has the lease '{name}' until {}", shown(holder), format_time(*until))]
    Held {
        name: String,
        holder: String,
        until: DateTime<Utc>,
    },
    #[error("the lease '{0}' was lost: the database could not be reached in time to renew it")]
    Lost(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The right to do what `name` stands for, alone in the whole deployment. Dropped without
/// [`Lease::release`] it ends when its time is over.
pub struct Lease {
    upkeep: Arc<Upkeep>,
    name: String,
    holder: String,
    lost: CancellationToken,
    renewal: JoinHandle<()>,
}

impl Lease {
    /// Takes the lease `name` for a process that does `what`, as in "discordctl archive".
    pub async fn take(upkeep: &Arc<Upkeep>, name: &str, what: &str) -> Result<Self, LeaseError> {
        let holder = holder::this(what);
        let mut since = Instant::now();
        while let Some(Held {
            holder: other,
            until,
        }) = upkeep.take_lease(name, &holder, LIFE).await?
        {
            if !is_dead(&other) {
                return Err(LeaseError::Held {
                    name: name.to_owned(),
                    holder: other,
                    until,
                });
            }
            // Only that one's: the first to come since has it.
            upkeep.release_lease(name, &other).await?;
            since = Instant::now();
        }
        let lost = CancellationToken::new();
        let renewal = renew(
            upkeep.clone(),
            (name.to_owned(), holder.clone()),
            since,
            lost.clone(),
        );
        Ok(Self {
            upkeep: upkeep.clone(),
            name: name.to_owned(),
            holder,
            lost,
            renewal: tokio::spawn(renewal),
        })
    }

    /// Cancelled when another process may have the lease: from then on nothing more may be done.
    pub fn lost(&self) -> &CancellationToken {
        &self.lost
    }

    /// Fails if the lease is lost; to be asked before each step.
    pub fn check(&self) -> Result<(), LeaseError> {
        if self.lost.is_cancelled() {
            Err(LeaseError::Lost(self.name.clone()))
        } else {
            Ok(())
        }
    }

    /// Lets go of it, for the next.
    pub async fn release(self) {
        self.renewal.abort();
        let released = self.upkeep.release_lease(&self.name, &self.holder);
        if let Err(error) = released.await {
            tracing::warn!(lease = self.name, %error, "a lease ends only when its time is over");
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

/// Renews until that has failed for the lease's whole life, counted from before each renewal
/// was sent: so the holder knows of the loss before another process can have the lease.
async fn renew(
    upkeep: Arc<Upkeep>,
    (name, holder): (String, String),
    mut since: Instant,
    lost: CancellationToken,
) {
    let mut pause = RENEW_EVERY;
    loop {
        let end = since + LIFE;
        sleep(pause.min(end - Instant::now().min(end))).await;
        let asked = Instant::now();
        let left = end.saturating_duration_since(asked);
        match timeout(left, upkeep.renew_lease(&name, &holder, LIFE)).await {
            Ok(Ok(true)) => (since, pause) = (asked, RENEW_EVERY),
            Ok(Ok(false)) | Err(_) => break,
            Ok(Err(error)) => {
                tracing::warn!(lease = name, %error, "cannot renew a lease");
                pause = Duration::from_secs(1);
            }
        }
    }
    lost.cancel();
}
