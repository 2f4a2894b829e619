//! Be in a room: the last messages first, then live ones, with no gap and no repeat between.
use std::sync::Arc;

use futures_util::{StreamExt, stream};

use super::{Actor, Chat, ChatError, Outcome, Session};
use crate::chat::direct::is_address;
use crate::chat::outcome::Joined;
use crate::chat::{Code, Cursor, MOST_ROOMS, Start, push_tight};
use crate::model::{Notice, RoomName, RoomRef, Seq};
use crate::policy::Action;

/// Rooms that one client enters at once: what they need of the database is needed together.
const AT_ONCE: usize = 16;

/// The rooms that a connection goes on reading, each in the place where it was asked for.
type Rejoined = Vec<Result<Box<Cursor>, ChatError>>;

impl Chat {
    pub(in crate::chat) async fn join(
        &self,
        actor: &Actor,
        room: RoomRef,
    ) -> Result<Outcome, ChatError> {
        let session = actor.known()?;
        if room.label().is_some() {
            return self.join_direct(actor, room).await;
        }
        if session.is_in(&room) {
            session.state.lock().current = Some(room.clone());
            return Ok(Outcome::AlreadyIn(room));
        }
        let start = Start::Last(self.rules.history);
        Ok(Outcome::Joined(self.enter(actor, room, start).await?))
    }

    /// A direct room is its people's, online or not: nothing is entered, and none of them is told.
    async fn join_direct(&self, actor: &Actor, room: RoomRef) -> Result<Outcome, ChatError> {
        let session = actor.known()?;
        let cursor = match actor.signal() {
            Some(_) => {
                let start = Start::Last(self.rules.history);
                Some(self.cursor(actor, &room, start).await?)
            }
            None => None,
        };
        session.state.lock().current = Some(room.clone());
        let last_seq = self.last_seq(&room).await.ok();
        let nickname = session.nickname();
        Ok(Outcome::Joined(Joined {
            room,
            nickname,
            last_seq,
            cursor,
        }))
    }

    /// Goes on reading rooms where a client that was cut off asks for, a few at a time and in
    /// their order.
    pub(in crate::chat) async fn rejoin_all(
        &self,
        actor: &Actor,
        rooms: Vec<(String, Start)>,
    ) -> Result<Rejoined, ChatError> {
        let session = actor.known()?;
        let names = rooms
            .iter()
            .filter_map(|(room, _)| RoomName::parse(room).ok());
        let absent = match self.absent(names.collect()).await {
            Ok(absent) => absent,
            Err(error) => {
                let failed = |_| Err(error.clone().into());
                return Ok(rooms.into_iter().map(failed).collect());
            }
        };
        let absent = &absent;
        let rejoining = rooms.into_iter().map(|(room, start)| async move {
            if is_address(&room) {
                return self.rejoin(actor, session, &room, start).await;
            }
            let name = RoomName::parse(&room)?;
            if absent.contains(&name) {
                return Err(ChatError::NoSuchRoom(name));
            }
            self.rejoin(actor, session, &room, start).await
        });
        Ok(stream::iter(rejoining).buffered(AT_ONCE).collect().await)
    }

    async fn rejoin(
        &self,
        actor: &Actor,
        session: &Arc<Session>,
        name: &str,
        start: Start,
    ) -> Result<Box<Cursor>, ChatError> {
        let room = self.room_for(actor, name).await?;
        let place = self.allow_in(actor, Action::Read, room).await?;
        let room = place.room()?;
        if session.is_in(&room) || room.label().is_some() {
            return self.cursor(actor, &room, start).await;
        }
        let cursor = self.enter(actor, room, start).await?.cursor;
        let unread = || ChatError::internal(&"a session that cannot read has joined");
        cursor.ok_or_else(unread)
    }

    async fn enter(&self, actor: &Actor, room: RoomRef, start: Start) -> Result<Joined, ChatError> {
        let session = actor.known()?;
        may_enter(session)?;
        let mut cursor = match actor.signal() {
            Some(_) => Some(self.cursor(actor, &room, start).await?),
            None => None,
        };
        self.enter_in_store(session, &room).await?;
        {
            let mut state = session.state.lock();
            push_tight(&mut state.rooms, room.clone());
            state.current = Some(room.clone());
        }
        tracing::debug!(session = %session.key(), room = %room.name, "joined");
        let nickname = session.nickname();
        self.hub.announce(Notice::joined(&room.name, &nickname));
        // The answer says it to this one, also where a crowd's joins are summed up.
        cursor.iter_mut().for_each(|cursor| cursor.skip_notices());
        let last_seq = self.last_seq(&room).await.ok();
        Ok(Joined {
            room,
            nickname,
            last_seq,
            cursor,
        })
    }

    /// Makes the session a member. A room in memory can be joined while the database is away;
    /// the membership is written when it is back.
    async fn enter_in_store(&self, session: &Session, room: &RoomRef) -> Result<(), ChatError> {
        match self.presence.join(session, room).await {
            Err(error)
                if error.code() == Code::DatabaseUnavailable
                    && self
                        .hub
                        .served(room.key)
                        .is_some_and(|r| r.delivered().is_some()) =>
            {
                session.goes_away();
                Ok(())
            }
            other => other,
        }
    }

    /// Where a room stands.
    pub(super) async fn last_seq(&self, room: &RoomRef) -> Result<Seq, ChatError> {
        let served = self.hub.served(room.key);
        if let Some(last) = served.and_then(|served| served.delivered()) {
            return Ok(last);
        }
        let found = self.store().room(&room.name).await?;
        let (_, last) = found.ok_or_else(|| ChatError::NoSuchRoom(room.shown().clone()))?;
        Ok(last)
    }
}

/// Whether the session has place for one more room.
pub(super) fn may_enter(session: &Session) -> Result<(), ChatError> {
    if session.rooms().len() < MOST_ROOMS {
        Ok(())
    } else {
        Err(ChatError::InTooManyRooms)
    }
}
