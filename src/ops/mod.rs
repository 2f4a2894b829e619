//! What operators do, callable from commands and from tests.
pub mod migrate;
