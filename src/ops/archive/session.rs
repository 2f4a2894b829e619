//! A database opened for a run over its history, and the leases that keep others out.
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::select_all;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::archive::error::ArchiveError;
use crate::config::DbUrl;
use crate::ops::lease::{Lease, LeaseError};
use crate::store::history::{self, History};
use crate::store::upkeep::{self, Upkeep};

/// The longest pause between two batches of rows.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// What a run needs to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alone {
    /// Nothing: it only looks.
    No,
    /// The archive: its manifest, and its marks in the database.
    Archive,
    /// The same, and the deletion of what rooms do not keep.
    Cleanup,
}

impl Alone {
    /// This, or nothing where the run only looks.
    pub fn unless(self, only_looks: bool) -> Self {
        if only_looks { Self::No } else { self }
    }

    /// The names of the leases, in the order in which they are taken.
    fn leases(self) -> &'static [&'static str] {
        match self {
            Self::No => &[],
            Self::Archive => &["archive"],
            Self::Cleanup => &["cleanup", "archive"],
        }
    }
}

/// The history, and the leases where something is to be changed.
pub struct Session {
    pub history: History,
    pub upkeep: Arc<Upkeep>,
    leases: Vec<Lease>,
}

impl Session {
    /// Opens it for `what`, as in "discordctl archive".
    ///
    /// # Errors
    /// Fails where the database cannot be used, or another process has one of the leases.
    pub async fn open(url: &DbUrl, what: &str, alone: Alone) -> Result<Self, ArchiveError> {
        let application = format!("{what}, pid {}", std::process::id());
        let mut session = Self {
            upkeep: upkeep::open(url.expose(), &application).await?,
            history: history::open(url.expose(), &application).await?,
            leases: Vec::new(),
        };
        for name in alone.leases() {
            match Lease::take(&session.upkeep, name, what).await {
                Ok(lease) => session.leases.push(lease),
                Err(error) => {
                    // Those that it has are good; why it lacks this one is what is to be told.
                    let _ = session.close().await;
                    return Err(error.into());
                }
            }
        }
        Ok(session)
    }

    /// Waits for `work`, which looks at its token between two steps, and lets go of everything.
    /// The token is cancelled with `stop`, and when a lease is lost.
    ///
    /// # Errors
    /// Fails as `work` does, or because a lease was lost on the way.
    pub async fn during<T, E: From<ArchiveError>>(
        mut self,
        stop: &CancellationToken,
        work: impl AsyncFnOnce(&mut Self, &CancellationToken) -> Result<T, E>,
    ) -> Result<T, E> {
        let stop = stop.child_token();
        let losses = self.leases.iter().map(|lease| lease.lost().clone());
        let losses: Vec<_> = losses.map(|l| Box::pin(l.cancelled_owned())).collect();
        let lost = async {
            if losses.is_empty() {
                pending().await
            }
            select_all(losses).await;
        };
        let done = stopped_after(lost, work(&mut self, &stop), &stop).await;
        let closed = self.close().await;
        let done = done?;
        closed.map_err(ArchiveError::from)?;
        Ok(done)
    }

    /// Lets go of everything. Fails if a lease was lost on the way.
    async fn close(self) -> Result<(), LeaseError> {
        self.history.close().await;
        let mut held = Ok(());
        for lease in self.leases {
            held = held.and(lease.check());
            lease.release().await;
        }
        self.upkeep.close().await;
        held
    }
}

/// Waits for `work`, which looks at `stop` between two steps, and cancels that after `end`.
pub(in crate::ops) async fn stopped_after<T>(
    end: impl Future<Output = ()>,
    work: impl Future<Output = T>,
    stop: &CancellationToken,
) -> T {
    let mut work = std::pin::pin!(work);
    tokio::select! {
        done = &mut work => done,
        () = end => {
            stop.cancel();
            work.await
        }
    }
}

/// Chat has the database to itself for as long as it had to share it `since` then.
pub(in crate::ops) async fn give_way(since: Instant) {
    sleep(since.elapsed().min(LONGEST_PAUSE)).await;
}

/// The time that is so long before `now`.
pub(in crate::ops) fn before(now: DateTime<Utc>, age: Duration) -> DateTime<Utc> {
    let age = TimeDelta::from_std(age).unwrap_or(TimeDelta::MAX);
    now.checked_sub_signed(age).unwrap_or_default()
}
