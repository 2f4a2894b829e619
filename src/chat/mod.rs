//! The only door for transports: `Chat::act` does what an actor asks for by a command, and answers
//! with an outcome. All three are values; the words are the codecs'.
//!
//! What else is public here acts for no client. It counts clients and makes them pay (`origin`,
//! `charge`), shows and ends connections for the operator (`connections`, `standing`, `evict`), tells
//! how chat is set (`rules`, `meters`, `clock`), and carries sessions, with the rights that they had,
//! into another process (`handover`).
mod access;
mod act;
mod actor;
mod attached;
mod begin;
mod bucket;
mod command;
mod connections;
mod direct;
mod error;
mod handover;
mod limits;
mod lists;
mod marks;
mod outcome;
mod presence;
mod reader;
mod registry;
mod rights;
mod rooms;
mod session;
mod slow;
mod terms;
mod unused;
mod verbs;
mod vouching;
mod warrant;

use std::sync::Arc;
use std::time::Duration;

use crate::auth::password::Hasher;
use access::LiveAccess;
use limits::Limiter;
use rights::Rights;
use slow::Slow;
use tokio::sync::Notify;
use unused::Unused;
use warrant::Known;

use crate::clock::Clock;
use crate::delivery::{Committer, Hub};
use crate::meter::Meters;
use crate::model::{Access, Nickname};
use crate::random;
use crate::search::Searcher;
use crate::store::Store;

pub use crate::auth::oidc::Callback;
pub use crate::delivery::{
    Chunk, Cursor, Encoded, End, Format, Item, Next, Past, Receipt, Showing, Slice, Start,
    Unreadable,
};
pub use crate::policy::Action;
pub use crate::search::Hit;
pub use crate::store::{
    Audited, Giving, Interest, MOST_TOKENS, Member, Online, Restraint, RoomSummary, Seer,
    SessionOf, Span, Stance, Thread,
};
pub use actor::Actor;
pub use attached::{Alert, Attached, ReadTo};
pub use begin::{ByToken, Connect, Disconnect, Login, Register, Rejoin, Resume};
pub use command::{Command, Verb};
pub use connections::{Connections, Link, Open, Order, Through};
pub use error::{ChatError, Code, Limited, Trouble};
pub use handover::{HoldStill, LineState, SessionState, Still, Verdict};
pub use limits::{Cost, Entered, Limits, MOST_ADDRESSES, Origin};
pub use lists::{Asked, Listed};
pub use outcome::{
    Changed, Counted, Found, History, Joined, Messages, Outcome, Pins, ReadUpTo, Threads,
};
pub use presence::{Base, Presence, QUEUE as PRESENCE_QUEUE};
pub use reader::Reader;
pub use rights::{Gate, Place, RightsAsOf};
pub use session::{LoggedIn, Session};
pub use terms::{About, Marking, Need, PageFrom, Target, Terms, Total};
pub use verbs::{
    Answering, BeginSignIn, Beside, FinishSignIn, Inviting, Length, Lifting, MOST_EMOJI, Made,
    MakeToken, Me, MyRoom, MyToken, Read, Registering, Restricting, RoomAs, Say, Searching,
    Sending, Settings, Shown, Tally,
};
pub use vouching::{NotVouched, Strangers, Vouchers};

/// What holds for a session as long as the instance runs; what may change is in [`Limits`].
#[derive(Debug, Clone)]
pub struct Rules {
    /// Messages shown to a client that joins.
    pub history: usize,
    /// A session that is not used for so long is over.
    pub session_ttl: Duration,
    /// What stands before the paths of this site in an address for people, where that is known.
    pub site: String,
}

/// Rooms one session may be in.
pub const MOST_ROOMS: usize = 100;
/// Messages in one answer about the past.
const MOST_HISTORY: usize = 500;

/// Chat itself. Transports ask it by `act`, and show what it answers.
#[derive(Debug)]
pub struct Chat {
    hub: Arc<Hub>,
    committer: Committer,
    presence: Arc<Presence>,
    connections: Connections,
    limiter: Limiter,
    unused: Unused,
    rights: Rights,
    hasher: Hasher,
    vouchers: Vouchers,
    /// Finds what was said.
    searcher: Arc<Searcher>,
    tokens: Known,
    /// Woken when this instance changed rights itself.
    rights_told: Notify,
    slow: Slow,
    typing: Slow,
    rules: Rules,
    access: LiveAccess,
}

/// What chat stands on.
pub struct Parts {
    pub hub: Arc<Hub>,
    pub committer: Committer,
    pub presence: Arc<Presence>,
    pub rules: Rules,
    pub limits: Limits,
    pub access: Access,
    pub vouchers: Vouchers,
    pub searcher: Arc<Searcher>,
}

impl Chat {
    pub fn new(parts: Parts) -> Self {
        let Parts {
            hub,
            committer,
            presence,
            rules,
            limits,
            access,
            vouchers,
            searcher,
        } = parts;
        let (meters, now) = (presence.meters().clone(), presence.clock().now());
        Self {
            hub,
            committer,
            presence,
            connections: Connections::default(),
            hasher: Hasher::new(meters.clone()),
            vouchers,
            searcher,
            tokens: Known::default(),
            limiter: Limiter::new(limits, meters, now),
            unused: Unused::default(),
            rights: Rights::default(),
            rights_told: Notify::new(),
            slow: Slow::default(),
            typing: Slow::default(),
            rules,
            access: LiveAccess::of(access),
        }
    }

    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    pub fn meters(&self) -> &Arc<Meters> {
        self.presence.meters()
    }

    /// What finds what was said.
    pub fn searcher(&self) -> &Searcher {
        &self.searcher
    }

    pub fn clock(&self) -> &Arc<dyn Clock> {
        self.presence.clock()
    }

    fn store(&self) -> &Arc<dyn Store> {
        self.presence.store()
    }
}

/// For what a session or connection has of each room it is in: most are in one, where a vector
/// would make place for four.
fn push_tight<T>(list: &mut Vec<T>, item: T) {
    if list.len() == list.capacity() {
        list.reserve_exact(1 + list.len() / 2);
    }
    list.push(item);
}

/// A nickname for a client that has chosen none.
fn guest() -> Result<Nickname, ChatError> {
    const DIGITS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let bits: [u8; 4] = random::bytes().map_err(|e| ChatError::internal(&e))?;
    let name: String = bits
        .iter()
        .map(|b| DIGITS[usize::from(b % 32)] as char)
        .collect();
    Ok(Nickname::parse(&format!("guest-{name}"))?)
}
