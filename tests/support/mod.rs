//! What tests stand on: databases, servers and processes of their own, and waiting with a deadline.
pub(crate) mod certificates;
pub(crate) mod client;
pub(crate) mod crowd;
pub(crate) mod db;
pub(crate) mod http;
pub(crate) mod instance;
pub(crate) mod need;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod proof;
pub(crate) mod provider;
pub(crate) mod proxy;
pub(crate) mod reader;
pub(crate) mod redis;
pub(crate) mod sender;
pub(crate) mod server;
mod shell;
mod wait;

pub(crate) use shell::{Ran, Running, Shell, Stream};
pub(crate) use wait::{DEADLINE, comes_true, eventually, in_time, until};
