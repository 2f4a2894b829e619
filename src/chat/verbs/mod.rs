//! What can be asked for, a file each: a verb takes an actor or its session and answers with an
//! outcome, and knows nothing of how either travels.
mod account;
mod audit;
mod create;
mod direct;
mod entries;
mod history;
mod join;
mod leave;
mod marks;
mod mention;
mod mentioned;
mod order;
mod pins;
mod read;
mod rename;
mod search;
mod send;
mod threads;
mod typing;

use super::{Actor, Chat, ChatError, Outcome, Session};

pub use account::{
    BeginSignIn, FinishSignIn, Made, MakeToken, Me, MyRoom, MyToken, Registering, Shown, Tally,
};
pub use entries::MOST_EMOJI;
pub use order::{Inviting, Length, Lifting, Restricting, RoomAs, Settings};
pub use read::Read;
pub use search::Searching;
pub use send::{Say, Sending};
pub use threads::{Answering, Beside};
