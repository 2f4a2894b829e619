//! What operators do beside serving, callable from the command line and from tests.
pub mod bench;
pub mod instances;
pub mod migrate;
