//! What this machine knows of a running instance: its file, its lock, its control socket, and
//! the process itself.
//!
//! An instance holds a lock for life and describes itself in a file beside it. A process that wants to
//! signal one asks [`look`], which believes that file only if the lock is held and the process
//! of that id is the very one that wrote it. A signal goes through a [`Proof`], never to a
//! number, a name or a port.
mod claim;
pub mod control;
pub mod disk;
mod facts;
mod files;
mod handle;
mod here;
mod identity;
mod kept;
mod known;
mod lock;
mod logfile;
pub mod notify;
mod ports;
pub mod usage;

pub use claim::{Claim, ClaimError, Origin};
pub use facts::{Executable, Facts};
pub use files::Files;
pub use handle::Handle;
pub use here::{Found, lock_holders, started_from};
pub use identity::{Identity, State};
pub use kept::kept;
pub use known::{Known, LookError, Mismatches, Proof, forget, look, look_now};
pub use lock::Lock;
pub use logfile::{LogFile, append_to, last_lines, tail};
pub use ports::{Owner, owner};
