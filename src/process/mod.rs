//! What this machine knows of a running instance: where it is, and how its owner talks to it.
pub mod control;
