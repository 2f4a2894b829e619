//! A chat server in which the database is the log and everything else is a hurry-up.
pub mod bus;
pub mod chat;
pub mod client;
pub mod clock;
pub mod config;
pub mod delivery;
pub mod meter;
pub mod model;
pub mod ops;
pub mod policy;
pub mod private;
pub mod process;
pub mod random;
pub mod server;
pub mod store;
pub mod transport;
