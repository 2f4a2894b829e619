//! Several instances of the real program over a real PostgreSQL and Redis that are killed,
//! frozen, cut off and brought back: no fault loses a message, or shows one twice.
#![allow(clippy::unwrap_used)]

#[path = "../support/need.rs"]
mod need;
#[path = "../bus/server.rs"]
#[allow(dead_code, reason = "the bus's own tests use more of it")]
mod redis_server;

mod alerts;
mod busy;
mod by_hand;
mod clocks;
mod cluster;
mod crowd;
mod doctor;
mod figures;
mod forged;
mod health;
mod http;
mod instance;
mod kills;
mod netcat;
mod network;
mod notices;
mod pooler;
mod postgres;
mod postgres_faults;
mod presence;
mod proof;
mod proxy;
mod reader;
mod redis_faults;
mod sender;

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long a test waits for something before it calls it lost.
const DEADLINE: Duration = Duration::from_secs(20);

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
