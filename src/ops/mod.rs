//! What operators do beside serving, callable from the command line and from tests.
pub mod alerts;
pub mod archive;
pub mod backup;
pub mod bench;
pub mod cleanup;
mod deadline;
pub mod doctor;
pub mod drill;
pub mod erase;
pub mod events;
mod fault;
pub mod finding;
pub mod health;
pub mod instances;
pub mod jobs;
pub mod lease;
pub mod logs;
pub mod migrate;
pub mod monitor;
pub mod people;
pub mod probe;
pub mod replay;
pub mod runbook;
pub mod search;
pub mod storage;
pub mod upkeep;

pub use crate::clock::SystemClock;
