//! What an operator does to a running instance: the real program asks a real server.
#![allow(clippy::unwrap_used)]

#[path = "../chat/client.rs"]
#[allow(dead_code, reason = "the chat's own tests use more of it")]
mod client;
mod connections;
mod drain;
mod log_level;
#[path = "../support/need.rs"]
mod need;
mod operator;
mod owner;
#[path = "../chat/server.rs"]
#[allow(dead_code, reason = "the chat's own tests use more of it")]
mod server;

use std::time::Duration;

/// Looks again and again until it is so.
async fn eventually<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let look = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    client::in_time(what, look).await;
}
