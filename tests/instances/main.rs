//! The instances of a folder as an operator has them: real processes that are started, stopped,
//! looked at and replaced by the real program, and that nobody else's process is taken for.
#![allow(clippy::unwrap_used)]

#[path = "../cluster/crowd.rs"]
#[allow(dead_code, reason = "the cluster's own tests use more of it")]
mod crowd;
#[path = "../cluster/http.rs"]
#[allow(dead_code, reason = "the cluster's own tests use more of it")]
mod http;
#[path = "../cluster/instance.rs"]
#[allow(dead_code, reason = "the cluster's own tests use more of it")]
mod instance;
#[path = "../support/need.rs"]
mod need;
#[path = "../cluster/postgres.rs"]
#[allow(dead_code, reason = "the cluster's own tests use more of it")]
mod postgres;
#[path = "../cluster/proof.rs"]
mod proof;
#[path = "../cluster/reader.rs"]
#[allow(dead_code, reason = "the cluster's own tests use more of it")]
mod reader;
#[path = "../bus/server.rs"]
#[allow(dead_code, reason = "the bus's own tests use more of it")]
mod redis_server;
#[path = "../cluster/sender.rs"]
#[allow(dead_code, reason = "the cluster's own tests use more of it")]
mod sender;

mod deployment;
mod drill;
mod folder;
mod killed;
mod load;
mod logs;
mod roll;
mod signals;
mod start;
mod strangers;
mod systemd;

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long a test waits for something before it calls it lost.
const DEADLINE: Duration = Duration::from_secs(30);

/// Looks again and again until it is so, and returns how long that took.
async fn eventually<F: Future<Output = bool>>(
    what: &str,
    mut is_so: impl FnMut() -> F,
) -> Duration {
    let start = Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < DEADLINE, "never: {what}");
        sleep(Duration::from_millis(10)).await;
    }
    start.elapsed()
}
