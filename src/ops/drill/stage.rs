//! The servers of a drill, all together.
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Plan;
use super::error::DrillError;
use super::folder::Folder;
use super::instance::{Address, Instance};
use super::journal::Journal;
use super::postgres::{Postgres, Programs};
use super::redis::{self, Redis};

const INSTANCES: usize = 2;
const HEALTHY_WITHIN: Duration = Duration::from_secs(60);
const BETWEEN: Duration = Duration::from_millis(20);

/// Fields end in the order they are written in.
pub(super) struct Stage {
    pub(super) instances: Vec<Instance>,
    pub(super) redis: Redis,
    pub(super) postgres: Postgres,
    _folder: Folder,
}

impl Stage {
    pub(super) async fn set(
        plan: &Plan,
        journal: &Journal,
        stop: &CancellationToken,
    ) -> Result<Self, DrillError> {
        // Both, before anything is started.
        Programs::find()?;
        redis::find()?;
        let folder = Folder::make()?;
        let postgres = Postgres::start(&folder).await?;
        journal.note("PostgreSQL started");
        let redis = Redis::start(&folder).await?;
        journal.note("Redis started");
        let (database, bus) = (postgres.url(), redis.url());
        let mut stage = Self {
            instances: Vec::new(),
            redis,
            postgres,
            _folder: folder,
        };
        for number in 1..=INSTANCES {
            if stop.is_cancelled() {
                return Err(DrillError::Stopped);
            }
            let binary = &plan.binary;
            let instance = Instance::start(&stage._folder, number, binary, &database, &bus).await?;
            journal.note(format!(
                "{} started, pid {}",
                instance.name(),
                instance.pid()
            ));
            stage.instances.push(instance);
        }
        stage.healthy(stop).await?;
        Ok(stage)
    }

    pub(super) fn addresses(&self) -> Vec<Address> {
        let instances = self.instances.iter();
        instances.map(|instance| instance.address).collect()
    }

    /// Waits until every instance says that all is well.
    pub(super) async fn healthy(&self, stop: &CancellationToken) -> Result<(), DrillError> {
        let deadline = Instant::now() + HEALTHY_WITHIN;
        for instance in &self.instances {
            while !instance.is_healthy().await {
                if stop.is_cancelled() {
                    return Err(DrillError::Stopped);
                }
                if Instant::now() > deadline {
                    let name = instance.name();
                    let why = format!("{name} is not healthy within {HEALTHY_WITHIN:?}");
                    return Err(DrillError::Instance(why));
                }
                tokio::time::sleep(BETWEEN).await;
            }
        }
        Ok(())
    }

    /// Ends everything.
    pub(super) async fn strike(mut self) -> Result<(), DrillError> {
        let mut ended = Ok(());
        for instance in self.instances.drain(..) {
            ended = ended.and(instance.end().await);
        }
        self.redis.kill().await;
        self.postgres.kill().await;
        ended
    }
}
