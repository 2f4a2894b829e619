//! What tests stand on: databases, servers and processes of their own, and waiting with a deadline.
pub(crate) mod client;
pub(crate) mod crowd;
pub(crate) mod db;
pub(crate) mod http;
pub(crate) mod instance;
pub(crate) mod need;
pub(crate) mod netcat;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod proof;
pub(crate) mod proxy;
mod ran;
pub(crate) mod reader;
pub(crate) mod redis;
pub(crate) mod sender;
pub(crate) mod server;
mod wait;

pub(crate) use ran::Ran;
pub(crate) use wait::{DEADLINE, comes_true, eventually, in_time};
