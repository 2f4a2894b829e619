//! The instances of this machine: started, stopped, looked at, and replaced one by one.
//!
//! Nothing here knows a process by its name or by a port. See [`crate::process`] for what makes
//! sure that a signal meets the one it is for.
mod error;
mod launch;
mod may_stop;
mod place;
pub mod roll;
mod standing;
mod start;
mod stop;
mod systemd;

use std::time::Duration;

/// `/readyz` answers within one second, whatever the database does.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

pub use crate::clock::SystemClock;
pub use error::{End, InstanceError, Said};
pub use launch::Launch;
pub use may_stop::{MayStop, Other, may_stop};
pub use place::Place;
pub use standing::{Condition, Standing};
pub use start::{Start, Started, start};
pub use stop::{Stopped, stop};
