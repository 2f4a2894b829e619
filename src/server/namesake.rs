//! An instance's name is that of one process, on whatever machine: a start waits until the lease of
//! one that ended is over, and is refused where one lives.
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{ServeError, Waits};
use crate::config::Config;
use crate::store::{InstanceId, LEASE, Store, StoreError};

/// Between two looks: a heartbeat comes every three seconds.
const LOOK: Duration = Duration::from_millis(500);
/// No lease that is not renewed lasts longer, however clocks differ.
const LONGEST: Duration = LEASE.saturating_mul(3);

/// Waits until no process has the name by a heartbeat but the dead one that had the row `dead`.
///
/// # Errors
/// Fails where one gives another heartbeat meanwhile.
pub(super) async fn gone(
    store: &dyn Store,
    config: &Config,
    dead: Option<InstanceId>,
    waits: &Waits,
) -> Result<(), ServeError> {
    let name = &config.instance_id;
    let database = |error: StoreError| ServeError::Database {
        url: config.db_url.to_string(),
        error,
    };
    let deadline = Instant::now() + LONGEST;
    let mut first = None;
    loop {
        let holder = store.holder(name, dead).await.map_err(database)?;
        let Some(holder) = holder else {
            waits.send_replace(None);
            return Ok(());
        };
        let first = first.get_or_insert(holder);
        if *first != holder || Instant::now() > deadline {
            return Err(ServeError::LivesElsewhere {
                name: name.clone(),
                pid: holder.pid,
            });
        }
        let pid = holder.pid;
        waits.send_if_modified(|what| {
            let told = what.is_some();
            what.get_or_insert_with(|| {
                format!(
                    "for the lease of another process of its name (pid {pid}), which may have ended"
                )
            });
            !told
        });
        sleep(LOOK).await;
    }
}
