//! `/join <room>`: the last messages first, then live ones, with no gap and no repeat between.
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::sync::Notify;

use super::{Chat, ChatError, Cursor, Effect, Reply, Session};
use crate::chat::{Code, MOST_ROOMS, Start, push_tight};
use crate::model::{Notice, RoomName, RoomRef, Seq};

/// Rooms that one client enters at once: what they need of the database is needed together.
const AT_ONCE: usize = 16;

impl Chat {
    pub(super) async fn join(
        &self,
        session: &Arc<Session>,
        name: &str,
        signal: Option<&Arc<Notify>>,
    ) -> Result<Reply, ChatError> {
        let room = self.room(name).await?;
        self.join_room(session, room, signal).await
    }

    pub(super) async fn join_room(
        &self,
        session: &Arc<Session>,
        room: RoomRef,
        signal: Option<&Arc<Notify>>,
    ) -> Result<Reply, ChatError> {
        if session.is_in(&room) {
            let text = format!(
                "you are in {} already; it is your current room now",
                room.name
            );
            session.state.lock().current = Some(room);
            return Ok(Reply::text(text));
        }
        self.enter(session, room, Start::Last(self.rules.history), signal)
            .await
    }

    /// Goes on reading `room` after message `seq`, as a client that was cut off asks for.
    pub async fn rejoin(
        &self,
        session: &Arc<Session>,
        name: &str,
        start: Start,
        signal: &Arc<Notify>,
    ) -> Result<Box<Cursor>, ChatError> {
        let room = self.room(name).await?;
        if session.is_in(&room) {
            let cursor = self.hub.read(&room, start, signal.clone()).await?;
            return Ok(Box::new(cursor));
        }
        match self.enter(session, room, start, Some(signal)).await?.effect {
            Effect::Joined(_, Some(cursor)) => Ok(cursor),
            _ => Err(ChatError::internal(&"a session that can't read joined")),
        }
    }

    /// The same for all rooms that a client names, a few at a time and in their order.
    pub async fn rejoin_all(
        &self,
        session: &Arc<Session>,
        rooms: Vec<(String, Start)>,
        signal: &Arc<Notify>,
    ) -> Vec<Result<Box<Cursor>, ChatError>> {
        let names = rooms
            .iter()
            .filter_map(|(room, _)| RoomName::parse(room).ok());
        let absent = match self.hub.absent(names.collect()).await {
            Ok(absent) => absent,
            Err(error) => {
                let failed = |_| Err(error.clone().into());
                return rooms.into_iter().map(failed).collect();
            }
        };
        let absent = &absent;
        let rejoining = rooms.into_iter().map(|(room, start)| async move {
            let name = RoomName::parse(&room)?;
            match absent.contains(&name) {
                true => Err(ChatError::no_such_room(&name)),
                false => self.rejoin(session, &room, start, signal).await,
            }
        });
        stream::iter(rejoining).buffered(AT_ONCE).collect().await
    }

    async fn enter(
        &self,
        session: &Arc<Session>,
        room: RoomRef,
        start: Start,
        signal: Option<&Arc<Notify>>,
    ) -> Result<Reply, ChatError> {
        may_enter(session)?;
        let mut cursor = match signal {
            Some(signal) => Some(Box::new(self.hub.read(&room, start, signal.clone()).await?)),
            None => None,
        };
        self.enter_in_store(session, &room).await?;
        {
            let mut state = session.state.lock();
            push_tight(&mut state.rooms, room.clone());
            state.current = Some(room.clone());
        }
        tracing::debug!(session = %session.key(), room = %room.name, "joined");
        let joined = Notice::joined(&room.name, &session.nickname());
        let text = format!("{} joined {}", session.nickname(), room.name);
        self.hub.announce(joined);
        // The reply says it to this one, also where a crowd's joins are summed up.
        cursor.iter_mut().for_each(|cursor| cursor.skip_notices());
        let last = self.last_seq(&room).await;
        Ok(Reply::text(text)
            .with_data(json!({ "room": room.name.as_str(), "last_seq": last }))
            .with_effect(Effect::Joined(room, cursor)))
    }

    /// Makes the session a member. A room in memory can be joined while the database is away;
    /// the membership is written when it is back.
    async fn enter_in_store(&self, session: &Session, room: &RoomRef) -> Result<(), ChatError> {
        match self.presence.join(session, room).await {
            Err(error)
                if error.code == Code::DatabaseUnavailable
                    && self
                        .hub
                        .served(room.id)
                        .is_some_and(|r| r.delivered().is_some()) =>
            {
                session.state.lock().stored = false;
                Ok(())
            }
            other => other,
        }
    }

    async fn last_seq(&self, room: &RoomRef) -> Option<Seq> {
        match self
            .hub
            .served(room.id)
            .and_then(|served| served.delivered())
        {
            Some(last) => Some(last),
            None => Some(self.store().room(&room.name).await.ok()??.1),
        }
    }
}

/// Whether the session has place for one more room.
pub(super) fn may_enter(session: &Session) -> Result<(), ChatError> {
    if session.rooms().len() < MOST_ROOMS {
        return Ok(());
    }
    let detail = format!("you are in {MOST_ROOMS} rooms; /leave one first");
    Err(ChatError::new(Code::TooManyRooms, detail))
}
