//! A process takes over from another: nobody in netcat notices, nobody is refused, and where it
//! comes to nothing the first goes on.
#![allow(clippy::unwrap_used)]

#[path = "../chat/client.rs"]
#[allow(dead_code, reason = "the chat's own tests use more of it")]
mod client;
#[path = "../support/db.rs"]
#[allow(dead_code, reason = "the store's own tests use more of it")]
mod db;
mod faults;
mod figures;
mod goes_on;
mod impostor;
#[path = "../support/need.rs"]
mod need;
mod people;
#[path = "../chat/server.rs"]
#[allow(dead_code, reason = "the chat's own tests use more of it")]
mod server;
mod site;
