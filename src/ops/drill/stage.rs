//! The servers of a drill, all together: its own, or those that people use.
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::backing::Backing;
use super::error::DrillError;
use super::folder::Folder;
use super::instance::Instance;
use super::journal::Journal;
use super::live::Live;
use super::postgres::{self, Postgres, Programs};
use super::redis::{self, Redis};
use super::server::Server;
use super::{Fault, Plan, standby};
use crate::ops::probe::instance::Site;

const INSTANCES: usize = 2;
const HEALTHY_WITHIN: Duration = Duration::from_secs(60);
const BETWEEN: Duration = Duration::from_millis(20);

/// What is the drill's own ends with it, in the order of the fields.
pub(super) struct Stage {
    pub(super) instances: Vec<Instance>,
    pub(super) redis: Backing<Redis>,
    pub(super) postgres: Backing<Postgres>,
    /// What a failover promotes.
    pub(super) standby: Option<Server<Postgres>>,
    /// The database's URL.
    pub(super) database: String,
    _folder: Option<Folder>,
}

impl Stage {
    pub(super) async fn set(
        plan: &Plan,
        journal: &Journal,
        stop: &CancellationToken,
    ) -> Result<Self, DrillError> {
        match &plan.live {
            Some(live) => Self::live(plan.fault, live, journal).await,
            None => Self::private(plan, journal, stop).await,
        }
    }

    /// What runs already, and is well.
    async fn live(fault: Fault, live: &Live, journal: &Journal) -> Result<Self, DrillError> {
        let mut instances = Vec::new();
        for place in &live.places {
            let instance = Instance::found(place.clone()).await?;
            if !instance.is_healthy().await {
                let why = "is not healthy, and a drill would not show why: see 'discordctl health'";
                return Err(DrillError::Refused(format!("{} {why}", place.name())));
            }
            instances.push(instance);
        }
        if fault == Fault::RollingRestart
            && let [first, others @ ..] = &instances[..]
            && others.iter().any(|other| other.binary != first.binary)
        {
            let why = "the instances run different programs: restart them with one first";
            return Err(DrillError::Refused(why.to_owned()));
        }
        let names: Vec<_> = instances.iter().map(Instance::name).collect();
        journal.note(format!("{} run and are healthy", names.join(", ")));
        // The one that is killed comes first.
        let victim = live.victim % instances.len().max(1);
        instances.rotate_left(victim);
        let first = live.places.first();
        let database = first.map(|place| place.config.db_url.expose().to_owned());
        Ok(Self {
            instances,
            redis: Backing::Theirs(live.commands.clone()),
            postgres: Backing::Theirs(live.commands.clone()),
            standby: None,
            database: database.unwrap_or_default(),
            _folder: None,
        })
    }

    async fn private(
        plan: &Plan,
        journal: &Journal,
        stop: &CancellationToken,
    ) -> Result<Self, DrillError> {
        // Both, before anything is started.
        Programs::find()?;
        redis::find()?;
        let folder = Folder::make()?;
        let (mut postgres, mut database) = postgres::start(&folder).await?;
        journal.note("PostgreSQL started");
        let mut follower = None;
        if plan.fault == Fault::Failover {
            let (made, both) = standby::follow(&folder, &mut postgres, plan).await?;
            (follower, database) = (Some(made), both);
            journal.note("a standby of it started");
        }
        let (redis, bus) = redis::start(&folder).await?;
        journal.note("Redis started");
        let mut stage = Self {
            instances: Vec::new(),
            redis: Backing::Ours(redis),
            postgres: Backing::Ours(postgres),
            standby: follower,
            database: database.clone(),
            _folder: None,
        };
        for number in 1..=INSTANCES {
            if stop.is_cancelled() {
                return Err(DrillError::Stopped);
            }
            let instance = Instance::private(&folder, number, &plan.binary, &database, &bus)?;
            let pid = instance.start().await?;
            journal.note(format!("{} started, pid {pid}", instance.name()));
            stage.instances.push(instance);
        }
        stage._folder = Some(folder);
        stage.healthy(stop).await?;
        Ok(stage)
    }

    pub(super) fn sites(&self) -> Vec<Site> {
        let instances = self.instances.iter();
        instances.map(|instance| instance.site.clone()).collect()
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
}
