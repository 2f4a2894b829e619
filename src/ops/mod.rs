//! What operators do beside serving, callable from the command line and from tests.
pub mod bench;
#[expect(dead_code, reason = "for what is killed on purpose in tests")]
mod fault;
pub mod lease;
pub mod migrate;
