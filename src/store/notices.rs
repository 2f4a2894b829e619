//! Notices on their way to other instances: written, read within seconds, and forgotten.
use std::time::Duration;

/// How long a row is kept: instances look every few seconds.
pub const NOTICE_LIFE: Duration = Duration::from_secs(30);

/// Rows that one look reads at most; it looks again soon.
pub(super) const MOST: i64 = 1_000;

/// Some consecutive notices of one run of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bulletin {
    pub origin: i64,
    /// The number of the last of them.
    pub n: i64,
    /// A JSON array.
    pub body: String,
}
