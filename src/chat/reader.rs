//! All that one connection reads: a cursor for each room it is in, and what it asked for of the past.
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::rights::RightsAsOf;
use super::{Chat, ChatError, Cursor, End, Link, Next, Past, Slice, Start, Through, push_tight};
use crate::model::{RoomKey, RoomRef, Seq};
use crate::random;

/// How long a reader waits before it asks a failing store again, at least.
const AFTER_FAILURE: Duration = Duration::from_millis(250);
/// Up to so much later, so that readers do not come back all at once.
const SPREAD: Duration = Duration::from_millis(500);

/// The cursors of a connection, served in turn.
#[derive(Debug)]
pub struct Reader {
    chat: Arc<Chat>,
    link: Arc<Link>,
    /// Woken by what it reads.
    signal: Arc<Notify>,
    /// As of which change of rights it may read what it reads.
    allowed: u64,
    /// As of which change of what its session follows it reads that; none before the session is known.
    follows: Option<u64>,
    /// Read before anything else, as an answer that was asked for.
    past: Option<Box<Past>>,
    cursors: Vec<Cursor>,
    turn: usize,
    failed: bool,
    /// Nothing is to be read any more but what it has begun to read.
    over: bool,
}

impl Reader {
    /// Reads what was allowed as of `rights`, or later.
    pub fn new(chat: Arc<Chat>, link: Arc<Link>, signal: Arc<Notify>, rights: RightsAsOf) -> Self {
        let follows = match link.through {
            Through::Lines => Some(0),
            Through::WebSocket | Through::Events => None,
        };
        Self {
            signal,
            allowed: rights.0,
            follows,
            chat,
            link,
            past: None,
            cursors: Vec::new(),
            turn: 0,
            failed: false,
            over: false,
        }
    }

    pub fn add(&mut self, cursor: Cursor) {
        self.cursors.retain(|c| c.room().key != cursor.room().key);
        push_tight(&mut self.cursors, cursor);
    }

    /// Reads that first, at the pace of the connection.
    pub fn answer(&mut self, past: Box<Past>) {
        self.past = Some(past);
    }

    /// What is still to be read of an answer.
    pub fn answering(&self) -> Option<&Past> {
        self.past.as_deref()
    }

    /// The room is read to where it is now, and no further. That one left is for the others.
    pub fn end(&mut self, room: &RoomRef) {
        for cursor in self.cursors.iter_mut().filter(|c| c.room().key == room.key) {
            cursor.skip_notices();
            cursor.end_here();
        }
    }

    pub fn end_all(&mut self) {
        self.over = true;
        self.cursors.iter_mut().for_each(Cursor::end_here);
    }

    /// Ends everything at once, with that as the last entry of each room.
    pub fn close_all(&mut self, why: End) {
        self.past = None;
        self.cursors.iter_mut().for_each(|cursor| cursor.close(why));
    }

    /// True if nothing is read any more.
    pub fn is_empty(&self) -> bool {
        self.cursors.is_empty() && self.past.is_none()
    }

    /// Offers what comes next in one of the rooms.
    pub fn peek(&mut self, slices: &mut Vec<Slice>) -> Next {
        slices.clear();
        if self.is_to_follow() || self.allowed != self.chat.rights.generation() && !self.is_empty()
        {
            return Next::Behind;
        }
        match self.past.as_ref().map(|past| past.peek(slices)) {
            Some(Next::Ended) => self.past = None,
            Some(next) => return next,
            None => {}
        }
        let mut overall = Next::Idle;
        let mut asked = 0;
        while asked < self.cursors.len() {
            self.turn %= self.cursors.len();
            match self.cursors[self.turn].peek(slices) {
                Next::Some => return Next::Some,
                Next::Ended => {
                    self.cursors.swap_remove(self.turn);
                    continue;
                }
                Next::Behind => overall = Next::Behind,
                Next::Idle => {}
            }
            self.turn += 1;
            asked += 1;
        }
        self.tell_place();
        overall
    }

    /// Moves on over entries of a slice that `peek` offered last.
    pub fn advance(&mut self, slice: &Slice, entries: usize) {
        match &mut self.past {
            Some(past) => past.advance(slice, entries),
            None => self.cursors[self.turn].advance(slice, entries),
        }
    }

    /// Done with what `peek` offered: it is the next room's turn.
    pub fn next_turn(&mut self) {
        self.turn += 1;
    }

    /// Lets go of everything but the positions, while the peer takes nothing.
    pub fn park(&mut self) {
        self.past.iter_mut().for_each(|past| past.park());
        self.cursors.iter_mut().for_each(Cursor::park);
        self.tell_place();
    }

    /// Where it is in each room.
    pub fn places(&self) -> impl ExactSizeIterator<Item = (RoomKey, Seq)> {
        let place = |cursor: &Cursor| (cursor.room().key, cursor.next_seq());
        self.cursors.iter().map(place)
    }

    /// Whether a room is being read to an end that was set.
    pub fn is_leaving(&self) -> bool {
        self.cursors.iter().any(Cursor::is_ending)
    }

    /// Reads nothing any more, wherever it is.
    pub fn abandon(&mut self) {
        self.over = true;
        self.past = None;
        self.cursors = Vec::new();
    }

    /// Ends what may not be read any more, since rights have changed.
    async fn look_again(&mut self) -> Result<(), ChatError> {
        let generation = self.chat.rights.generation();
        let chat = self.chat.clone();
        let actor = chat.reader_of(&self.link);
        let ended = self.link.take_forbidden();
        let over = actor.session().is_some_and(|session| session.has_ended());
        for cursor in self.cursors.iter_mut().filter(|cursor| !cursor.is_ending()) {
            let room = cursor.room();
            let here = ended.contains(&room.key.id);
            if over || here || !chat.may_read(&actor, room).await? {
                if let Some(session) = actor.session() {
                    session.lose(room);
                }
                cursor.close(End::Forbidden);
            }
        }
        if let Some(past) = &self.past {
            let room = past.room();
            let here = ended.contains(&room.key.id);
            if over || here || !chat.may_read(&actor, room).await? {
                self.past = None;
            }
        }
        self.allowed = generation;
        Ok(())
    }

    fn is_to_follow(&self) -> bool {
        !self.over && self.follows != followed_by(&self.link)
    }

    /// Reads the direct rooms that its session follows by now, without being asked to.
    async fn follow(&mut self) -> Result<(), ChatError> {
        let chat = self.chat.clone();
        let actor = chat.reader_of(&self.link).reading(self.signal.clone());
        let Some(session) = actor.session().filter(|session| !session.has_ended()) else {
            self.follows = followed_by(&self.link);
            return Ok(());
        };
        chat.follow_directs_first(session).await?;
        let now = followed_by(&self.link);
        for followed in session.followed() {
            let known = self
                .cursors
                .iter()
                .any(|c| c.room().key == followed.room.key);
            let start = match self.follows {
                // Of what was there before this connection, only what comes.
                None => Start::Last(0),
                Some(before) if followed.change > before => Start::After(followed.from),
                // It is read already, or is not to be read any more.
                Some(_) => continue,
            };
            if !known && chat.may_read(&actor, &followed.room).await? {
                let cursor = chat.cursor(&actor, &followed.room, start).await?;
                self.add(*cursor);
            }
        }
        self.follows = now;
        Ok(())
    }

    /// Lets others know how far it is.
    fn tell_place(&self) {
        self.link.stands_at(self.places());
    }

    /// Reads from the store what a cursor is missing; may be dropped half way. A failing store
    /// is asked again after a while.
    ///
    /// In a box of its own, since who waits for it mostly waits for something else: every
    /// connection would have the room for it.
    pub async fn fetch(&mut self) {
        Box::pin(self.fetch_missing()).await;
    }

    async fn fetch_missing(&mut self) {
        if self.failed {
            tokio::time::sleep(AFTER_FAILURE + random::between(Duration::ZERO, SPREAD)).await;
        }
        self.failed = false;
        if self.is_to_follow() {
            self.failed = self.follow().await.is_err();
            return;
        }
        if self.allowed != self.chat.rights.generation() {
            self.failed = self.look_again().await.is_err();
            return;
        }
        let mut none = Vec::new();
        if let Some(past) = &mut self.past
            && past.peek(&mut none) == Next::Behind
        {
            self.failed = past.fetch().await.is_err();
            return;
        }
        for cursor in &mut self.cursors {
            none.clear();
            if cursor.peek(&mut none) == Next::Behind {
                self.failed |= cursor.fetch().await.is_err();
            }
        }
    }
}

/// How often what the connection's session follows has changed. A stream reads the room that it was asked
/// for, and follows nothing.
fn followed_by(link: &Link) -> Option<u64> {
    match link.through {
        Through::Lines | Through::WebSocket => link.session().map(|session| session.follows()),
        Through::Events => None,
    }
}
