//! A deployment: one PostgreSQL, one Redis, several instances, and people.
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::Instant;

use crate::support::Shell;
use crate::support::crowd::{Crowd, Manner};
use crate::support::instance::{Address, Instance, Plan, beginning};
use crate::support::postgres::{Postgres, folder};
use crate::support::proof::prove;
use crate::support::reader::{Reader, Way};
use crate::support::redis::Server as Redis;
use crate::support::sender::{Sender, Told};

pub(crate) const ROOM: &str = "general";

/// Everything, ended in this order when dropped.
pub(crate) struct Cluster {
    pub(crate) instances: Vec<Instance>,
    pub(crate) postgres: Postgres,
    pub(crate) redis: Option<Redis>,
    folder: TempDir,
}

impl Cluster {
    /// A database and a Redis, and no instance yet; `None` where they are not installed.
    pub(crate) async fn prepare() -> Option<Self> {
        let redis = Redis::start()?;
        let postgres = Postgres::start().await?;
        let shell = Shell::within(folder()).with("DISCORDCTL_DB_URL", &postgres.url());
        // As an operator does.
        shell.run("migrate up").await.exits(0);
        Some(Self {
            instances: Vec::new(),
            postgres,
            redis: Some(redis),
            folder: shell.folder,
        })
    }

    /// The same with `count` instances, `instance-1` and so on, all healthy.
    pub(crate) async fn start(count: usize) -> Option<Self> {
        let mut cluster = Self::prepare().await?;
        for _ in 0..count {
            let plan = cluster.plan();
            cluster.add(plan).await;
        }
        cluster.becomes("healthy").await;
        Some(cluster)
    }

    /// What the next instance is started with, unless a test changes it.
    pub(crate) fn plan(&self) -> Plan {
        Plan {
            name: format!("instance-{}", self.instances.len() + 1),
            db_url: self.postgres.url(),
            redis_url: self.redis.as_ref().map(Redis::url),
            env: Vec::new(),
            wrapper: Vec::new(),
            folder: self.folder.path().to_owned(),
        }
    }

    pub(crate) async fn add(&mut self, plan: Plan) {
        self.instances.push(Instance::start(plan).await);
    }

    pub(crate) fn redis(&mut self) -> &mut Redis {
        self.redis.as_mut().expect("there is a Redis")
    }

    /// Waits until every instance's `/health` says so.
    pub(crate) async fn becomes(&self, status: &str) {
        for instance in &self.instances {
            instance.becomes(status).await;
        }
    }

    /// The same; returns how long the last one took.
    pub(crate) async fn slowest_to_become(&self, status: &str) -> Duration {
        let start = Instant::now();
        self.becomes(status).await;
        start.elapsed()
    }

    /// The instances' addresses, beginning with number `first`.
    pub(crate) fn addresses(&self, first: usize) -> Vec<Address> {
        let all: Vec<_> = self.instances.iter().map(|instance| instance.at).collect();
        beginning(&all, first)
    }

    /// Readers over each of `ways`, at one instance after another.
    pub(crate) async fn readers(&self, ways: &[Way]) -> Vec<Reader> {
        Reader::start_all(ways, ROOM, &self.addresses(0)).await
    }

    /// So many that write at the same time.
    pub(crate) async fn crowd(&self, size: usize, manner: Manner) -> Crowd {
        Crowd::of(size, manner, ROOM, &self.addresses(0)).await
    }

    /// One that writes, beginning at instance number `first`.
    pub(crate) async fn sender(&self, nickname: &str, first: usize) -> Sender {
        Sender::start(nickname, ROOM, self.addresses(first)).await
    }

    pub(crate) async fn prove(&self, told: &Told, readers: &[Reader]) -> usize {
        let mut database = self.postgres.connect().await;
        prove(&mut database, ROOM, told, readers).await
    }
}
