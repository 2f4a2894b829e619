//! What operators do beside serving, callable from the command line and from tests.
pub mod archive;
pub mod bench;
mod fault;
pub mod lease;
pub mod migrate;
pub mod replay;
