//! A streaming standby of the drill's own primary, and the failover to it.
use std::time::Duration;

use tokio::time::Instant;

use super::error::DrillError;
use super::fault::Scene;
use super::folder::Folder;
use super::journal::Micros;
use super::postgres::Postgres;
use super::server::Server;
use super::{Plan, Replication};
use crate::store::upkeep::{self, Upkeep};

/// Instances compare what they have shown with what is stored as often as they look for news.
const NOTICED_WITHIN: Duration = Duration::from_secs(10);
const BETWEEN: Duration = Duration::from_millis(100);

/// Makes a standby of `primary`; where commits are to wait for it, from now on they do. The standby,
/// and the URL of both.
pub(super) async fn follow(
    folder: &Folder,
    primary: &mut Server<Postgres>,
    plan: &Plan,
) -> Result<(Server<Postgres>, String), DrillError> {
    let copy = primary.program().copied_to(folder.path("standby")).await?;
    let url = primary.program().url_with(&copy);
    let standby = Server::start(copy, folder.path("standby.log")).await?;
    if plan.replication == Replication::Synchronous {
        primary.program().waits_for_standby = true;
        primary.kill().await;
        primary.restart().await?;
    }
    Ok((standby, url))
}

impl Scene<'_> {
    /// The primary is killed and stays so, and the standby is promoted. An asynchronous one is stopped
    /// for a moment before, so that it lacks what is said then.
    pub(super) async fn failover(&mut self) -> Result<Micros, DrillError> {
        let falls_behind = self.plan.may_lose();
        if falls_behind {
            standby(self)?.kill().await;
            self.journal.note("the standby falls behind");
            self.wait_for(self.plan.recovery_wait / 3).await;
        }
        self.stage.postgres.ours()?.kill().await;
        self.journal.note("the primary is killed, and stays so");
        if falls_behind {
            standby(self)?.restart().await?;
        }
        self.wait_for(self.plan.recovery_wait).await;
        let mended = self.journal.note("the standby is promoted");
        standby(self)?.program().promote().await?;
        Ok(mended)
    }

    /// Says for the operator that it is known that the past changed, once the instances have found
    /// out. Where the standby lacked nothing, there is nothing to be found.
    pub(super) async fn acknowledge(&self) -> Result<(), DrillError> {
        let database = upkeep::open(&self.stage.database, "discordctl drill").await?;
        let acknowledged = self.acknowledge_in(&database).await;
        database.close().await;
        acknowledged
    }

    async fn acknowledge_in(&self, database: &Upkeep) -> Result<(), DrillError> {
        let deadline = Instant::now() + NOTICED_WITHIN;
        while Instant::now() < deadline && !self.stop.is_cancelled() {
            if database.era().await?.is_news() {
                database.acknowledge_epoch().await?;
                self.journal
                    .note("the instances began another epoch, which is acknowledged");
                return Ok(());
            }
            tokio::time::sleep(BETWEEN).await;
        }
        Ok(())
    }
}

fn standby<'s>(scene: &'s mut Scene<'_>) -> Result<&'s mut Server<Postgres>, DrillError> {
    let none = || DrillError::Refused("there is no standby".to_owned());
    scene.stage.standby.as_mut().ok_or_else(none)
}
