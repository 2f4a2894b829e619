//! Replacing instances one by one, so that one always serves.
//!
//! A *step* replaces one instance and puts the old binary back if the new one does not do. It
//! runs in a process of its own that no Ctrl-C reaches, so that whatever becomes of the
//! roll, the step that it is in ends with an instance that serves. A *roll* is the steps, what
//! is looked at before and between them, and a file that says how far it is.
mod canary;
mod event;
mod keeper;
mod preflight;
mod previous;
mod roller;
mod run;
mod soak;
mod state;
mod step;

pub use event::{Event, Fault, How, Outcome, Way, What};
pub use keeper::Keeper;
pub use preflight::Refusal;
pub use run::{Plan, Report, RollError, Row, Verdict, abort, resume, roll};
pub use state::{Progress, Underway, underway};
pub use step::{Order, step};
