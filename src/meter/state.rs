//! How parts of an instance stand at one moment, as they say it themselves.
use std::time::Duration;

/// A queue: how many wait, of how many that may.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Queue {
    pub depth: usize,
    pub limit: usize,
}

named! {
    /// How the bus stands, as `health` tells it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum BusState {
        /// None is configured.
        Disabled => "disabled",
        /// A probe that was published came back lately.
        Connected => "connected",
        Disconnected => "disconnected",
    }
}

/// How the connection pool stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolState {
    pub available: u32,
    pub max: u32,
    /// For so long the oldest request has been waiting for a connection.
    pub waited: Duration,
    /// New requests are turned away.
    pub sheds: bool,
}
