//! What can be asked for, a file each: a verb takes an actor or its session and answers with an
//! outcome, and knows nothing of how either travels.
mod create;
mod history;
mod join;
mod leave;
mod read;
mod rename;
mod send;

use super::{Actor, Chat, ChatError, Outcome, Session};

pub use send::Sending;
