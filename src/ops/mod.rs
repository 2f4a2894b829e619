//! What operators do beside serving, callable from the command line and from tests.
pub mod archive;
pub mod backup;
pub mod bench;
pub mod cleanup;
mod fault;
pub mod jobs;
pub mod lease;
pub mod migrate;
pub mod replay;
pub mod storage;
pub mod upkeep;

pub use crate::clock::SystemClock;
