//! The whole, against real servers: a server in the test's own process or the real program, on ports
//! the system chose, and the databases, Redis and bucket that it stands on.
#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "`cluster` uses the rest")]
mod support;

mod archive;
mod auth;
mod bench;
mod browser;
mod bus;
mod chat;
mod control;
mod drill;
mod handover;
mod hostile;
mod http;
mod monitor;
mod people;
mod store;
mod tls;
mod upkeep;
