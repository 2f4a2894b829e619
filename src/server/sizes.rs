//! How large the tables are and how old the last backup is, looked up now and then: it takes too long
//! to ask for each scrape.
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::store::{StoreError, upkeep};

const LOOK_EVERY: Duration = Duration::from_secs(300);
const AFTER_FAILURE: Duration = Duration::from_secs(30);
/// A look that takes longer is given up.
const WITHIN: Duration = Duration::from_secs(60);

/// The tables that have thresholds.
pub(super) const TABLES: [&str; 3] = ["messages", "users", "rooms"];

pub(super) struct Sizes {
    url: String,
    application: String,
    last: Mutex<Vec<(&'static str, u64)>>,
    backup: Mutex<Option<Backup>>,
}

/// The last backup that was verified, as it was looked up.
#[derive(Debug, Clone, Copy)]
struct Backup {
    /// `None` where none was ever made.
    age: Option<Duration>,
    seen: Instant,
}

impl Sizes {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            url: config.db_url.expose().to_owned(),
            application: format!("discordctl {} sizes", config.instance_id),
            last: Mutex::default(),
            backup: Mutex::default(),
        }
    }

    /// In bytes with their indexes, as they last were; nothing before the first look.
    pub(super) fn last(&self) -> Vec<(&'static str, u64)> {
        self.last.lock().clone()
    }

    /// Since the last verified backup began, or `otherwise` where none was ever made; `None` before
    /// that was looked up.
    pub(super) fn backup_age(&self, otherwise: Duration) -> Option<Duration> {
        let backup = (*self.backup.lock())?;
        let age = backup.age.map(|age| age + backup.seen.elapsed());
        Some(age.unwrap_or(otherwise))
    }

    pub(super) async fn run(&self, stop: CancellationToken) {
        let looks = async {
            loop {
                let looked = timeout(WITHIN, self.look()).await;
                let pause = match looked {
                    Ok(Ok(())) => LOOK_EVERY,
                    // The database's troubles are told by what needs it more.
                    Ok(Err(_)) | Err(_) => AFTER_FAILURE,
                };
                sleep(pause).await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = looks => {}
        }
    }

    async fn look(&self) -> Result<(), StoreError> {
        let upkeep = upkeep::open(&self.url, &self.application).await?;
        let looked = async { Ok((upkeep.last_well("backup").await?, upkeep.tables().await?)) };
        let looked: Result<_, StoreError> = looked.await;
        upkeep.close().await;
        let (backup, tables) = looked?;
        *self.backup.lock() = Some(Backup {
            // One of a time to come was made before a clock went back.
            age: backup.map(|(began, now)| (now - began).to_std().unwrap_or_default()),
            seen: Instant::now(),
        });
        let bytes = |name: &str| {
            let table = tables.iter().find(|table| table.name == name)?;
            u64::try_from(table.bytes).ok()
        };
        *self.last.lock() = TABLES
            .into_iter()
            .filter_map(|name| Some((name, bytes(name)?)))
            .collect();
        Ok(())
    }
}
