//! The only door for transports: who somebody is, what they ask for, and what they may read.
mod bucket;
mod command;
mod connections;
mod error;
mod handover;
mod limits;
mod lists;
mod presence;
mod reader;
mod registry;
mod session;
mod unused;
mod verbs;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use limits::Limiter;
use unused::Unused;

use crate::clock::Clock;
use crate::delivery::{Committer, Hub};
use crate::meter::Meters;
use crate::model::{Message, Nickname, RoomName, RoomRef, Seq};
use crate::store::Store;

pub use crate::delivery::{
    Chunk, Cursor, Encoded, Entry, Format, Next, Past, Receipt, Slice, Start,
};
pub use crate::store::Page;
pub use command::is_command;
pub use connections::{Connections, Link, Open, Order, Through};
pub use error::{ChatError, Code};
pub use handover::{HoldStill, LineState, SessionState, Still, Verdict};
pub use limits::{COSTS, Entered, Limits, MOST_ADDRESSES, Origin, cost};
pub use lists::{Listed, listed};
pub use presence::{Base, Presence, QUEUE as PRESENCE_QUEUE};
pub use reader::Reader;
pub use session::{Attached, Session};
pub use verbs::{Effect, Reply, Sending};

/// What is asked of a session, as configured.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Characters in a message.
    pub message_chars: usize,
    /// Messages shown to whoever joins.
    pub history: usize,
    /// A session that is not used for so long is over.
    pub session_ttl: Duration,
    /// Sessions that may be known here at once.
    pub sessions: usize,
    /// Rooms there may be, and how many of them one user may create in a day.
    pub rooms: u64,
    pub rooms_per_user_per_day: u64,
}

/// Rooms one session may be in.
pub const MOST_ROOMS: usize = 100;
/// Messages in one answer about the past.
const MOST_HISTORY: usize = 500;

/// Chat itself. Transports call it with what was typed and show what it answers.
#[derive(Debug)]
pub struct Chat {
    hub: Arc<Hub>,
    committer: Committer,
    presence: Arc<Presence>,
    connections: Connections,
    limiter: Limiter,
    unused: Unused,
    rules: Rules,
}

/// What chat stands on.
pub struct Parts {
    pub hub: Arc<Hub>,
    pub committer: Committer,
    pub presence: Arc<Presence>,
    pub rules: Rules,
    pub limits: Limits,
}

impl Chat {
    pub fn new(parts: Parts) -> Self {
        let Parts {
            hub,
            committer,
            presence,
            rules,
            limits,
        } = parts;
        let (meters, now) = (presence.meters().clone(), presence.clock().now());
        Self {
            hub,
            committer,
            presence,
            connections: Connections::default(),
            limiter: Limiter::new(limits, meters, now),
            unused: Unused::default(),
            rules,
        }
    }

    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    pub fn meters(&self) -> &Arc<Meters> {
        self.presence.meters()
    }

    pub fn clock(&self) -> &Arc<dyn Clock> {
        self.presence.clock()
    }

    /// The room of that name; the lobby comes into being when it is first asked for.
    pub async fn room(&self, name: &str) -> Result<RoomRef, ChatError> {
        let (asked, fits) = RoomName::asked(name);
        let Some(name) = asked else {
            fits?;
            return Err(ChatError::internal(&"a name that fits can't be asked for"));
        };
        match self.hub.find(&name).await? {
            Some(room) => Ok(room),
            None => {
                fits?;
                Err(ChatError::no_such_room(&name))
            }
        }
    }

    /// Begins to read a room; `signal` is woken when there is more. Needs no session.
    pub async fn read(
        &self,
        room: &str,
        start: Start,
        signal: Arc<Notify>,
    ) -> Result<Cursor, ChatError> {
        let room = self.room(room).await?;
        Ok(self.hub.read(&room, start, signal).await?)
    }

    /// The newest messages of a room before `before`, ascending, and whether there are more.
    pub async fn history(
        &self,
        room: &RoomRef,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<(Vec<Message>, bool), ChatError> {
        let limit = limit.clamp(1, MOST_HISTORY);
        Ok(self
            .hub
            .history(room, before.unwrap_or(Seq::MAX), limit)
            .await?)
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

/// A nickname for somebody who has not said who they are.
fn guest() -> Result<Nickname, ChatError> {
    const DIGITS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bits = [0u8; 4];
    getrandom::fill(&mut bits).map_err(|e| ChatError::internal(&e))?;
    let name: String = bits
        .iter()
        .map(|b| DIGITS[usize::from(b % 32)] as char)
        .collect();
    Ok(Nickname::parse(&format!("guest-{name}"))?)
}
