//! How a deployment is: what each instance says, what can be seen of it from outside, and what
//! its database and Redis say to a program that is no instance. All at once, and in time.
mod agreement;
mod bus;
mod database;
mod instance;
mod listener;
mod process;

use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;

use super::deadline::Deadline;
use super::finding::{Finding, Verdict, worst};
use super::probe::{buses, databases};
use crate::config::Config;

pub use instance::InstanceHealth;

/// How deep to look; each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// The process, by its file and lock.
    Process = 1,
    /// Both listeners, and what the instance says of itself.
    Listeners = 2,
    /// The database from here, and its schema.
    Database = 3,
    /// A message published and received, on a channel of its own.
    Bus = 4,
    /// A row written and read, in a transaction that leaves nothing.
    Canary = 5,
}

impl Depth {
    pub fn from_level(level: u8) -> Option<Self> {
        let all = [
            Self::Process,
            Self::Listeners,
            Self::Database,
            Self::Bus,
            Self::Canary,
        ];
        all.into_iter().find(|depth| *depth as u8 == level)
    }
}

/// What is to be looked at.
#[derive(Debug)]
pub struct Plan {
    pub instances: Vec<Config>,
    pub depth: Depth,
    /// For everything together.
    pub within: Duration,
}

#[derive(Debug, Serialize)]
pub struct Report {
    pub status: Verdict,
    pub level: u8,
    pub instances: Vec<InstanceHealth>,
    pub checks: Vec<Finding>,
}

/// Looks at everything side by side.
pub async fn look(plan: &Plan) -> Report {
    let deadline = Deadline::after(plan.within);
    let depth = plan.depth;
    let instances = plan
        .instances
        .iter()
        .map(|config| instance::look(config, depth, deadline));
    let at_least = |least| plan.instances.iter().filter(move |_| depth >= least);
    let databases = databases(at_least(Depth::Database));
    let databases = databases
        .iter()
        .map(|of| database::look(of, depth, deadline));
    let buses = buses(at_least(Depth::Bus));
    let buses = buses.iter().map(|of| bus::look(of, deadline));
    let (instances, databases, buses) =
        futures_util::join!(join_all(instances), join_all(databases), join_all(buses));
    let mut checks = Vec::new();
    let mut healths = Vec::new();
    for (health, findings) in instances {
        checks.extend(findings);
        healths.push(health);
    }
    let disagreements = agreement::check(&plan.instances, &healths, &databases, &buses);
    let seen = databases.into_iter().chain(buses);
    checks.extend(seen.flat_map(|(_, findings)| findings));
    checks.extend(disagreements);
    Report {
        status: worst(&checks),
        level: depth as u8,
        instances: healths,
        checks,
    }
}
