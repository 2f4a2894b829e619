//! The only door for transports: who somebody is, what they ask for, and what they may read.
mod bucket;
mod command;
mod connections;
mod error;
mod handover;
mod presence;
mod reader;
mod registry;
mod session;
mod verbs;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::clock::Clock;
use crate::delivery::{Committer, Hub};
use crate::meter::Meters;
use crate::model::{Message, Nickname, RoomName, RoomRef, Seq};
use crate::store::{Online, RoomSummary, Store};

pub use crate::delivery::{Chunk, Cursor, Encoded, Entry, Next, Past, Receipt, Slice, Start, Wire};
pub use command::is_command;
pub use connections::{Connections, Link, Open, Order, Through};
pub use error::{ChatError, Code};
pub use handover::{HoldStill, LineState, SessionState, Still, Verdict};
pub use presence::{Base, Presence, QUEUE as PRESENCE_QUEUE};
pub use reader::Reader;
pub use session::{Attached, Session};
pub use verbs::{Effect, Reply, Sending};

/// What is asked of a session, as configured.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Characters in a message.
    pub message_chars: usize,
    /// Messages a minute and session; 0 for no limit.
    pub messages_per_minute: u32,
    /// Messages that may come at once before that limit is felt.
    pub burst: u32,
    /// Messages shown to whoever joins.
    pub history: usize,
    /// A session that is not used for so long is over.
    pub session_ttl: Duration,
}

/// Rooms one session may be in.
const MOST_ROOMS: usize = 100;
/// Messages in one answer about the past.
const MOST_HISTORY: usize = 500;

/// Chat itself. Transports call it with what was typed and show what it answers.
#[derive(Debug)]
pub struct Chat {
    hub: Arc<Hub>,
    committer: Committer,
    presence: Arc<Presence>,
    connections: Connections,
    rules: Rules,
}

/// What chat stands on.
pub struct Parts {
    pub hub: Arc<Hub>,
    pub committer: Committer,
    pub presence: Arc<Presence>,
    pub rules: Rules,
}

impl Chat {
    pub fn new(parts: Parts) -> Self {
        let Parts {
            hub,
            committer,
            presence,
            rules,
        } = parts;
        Self {
            hub,
            committer,
            presence,
            connections: Connections::default(),
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

    /// Every room, with members and how many are online.
    pub async fn rooms(&self) -> Result<Vec<RoomSummary>, ChatError> {
        Ok(self.store().rooms().await?)
    }

    /// Everyone online, over all instances.
    pub async fn users(&self) -> Result<Vec<Online>, ChatError> {
        Ok(self.store().online().await?)
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
