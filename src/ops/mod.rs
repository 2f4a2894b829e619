//! What operators do beside serving, callable from the command line and from tests.
pub mod alerts;
pub mod bench;
pub mod finding;
pub mod health;
pub mod http;
pub mod migrate;
pub mod monitor;
pub mod runbook;
