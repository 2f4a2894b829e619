//! Runbooks, walked: the trouble is caused for real, and `runbook run NAME --yes` leads to health.
#![allow(clippy::unwrap_used)]

#[path = "../cluster/http.rs"]
#[allow(dead_code, reason = "the cluster's tests use more of it")]
mod http;
#[path = "../cluster/instance.rs"]
#[allow(dead_code, reason = "the cluster's tests use more of it")]
mod instance;
#[path = "../support/need.rs"]
mod need;
#[path = "../cluster/postgres.rs"]
#[allow(dead_code, reason = "the cluster's tests use more of it")]
mod postgres;
#[path = "../bus/server.rs"]
#[allow(dead_code, reason = "the bus's own tests use more of it")]
mod redis_server;

mod background;
mod commands;
mod deploy;
mod migration;
mod pool;
mod restore;
mod site;
mod valkey;

use std::time::Duration;

/// How long a test waits for something before it calls it lost.
const DEADLINE: Duration = Duration::from_secs(30);
