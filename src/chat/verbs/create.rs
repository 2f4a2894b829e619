//! `/create <room>`: make a room and join it.
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::join::may_enter;
use super::{Chat, ChatError, Reply, Session};
use crate::chat::Code;
use crate::model::{RoomName, RoomRef, UserId};

const AN_HOUR: Duration = Duration::from_secs(3600);

impl Chat {
    pub(super) async fn create(
        &self,
        session: &Arc<Session>,
        name: &str,
        signal: Option<&Arc<Notify>>,
    ) -> Result<Reply, ChatError> {
        let name = RoomName::parse(name)?;
        may_enter(session)?;
        let by = self.account(session).await?;
        self.may_create(&name, by).await?;
        let turn = self.hub.turn().await?;
        let made = self.store().create_room(&name, Some(by)).await?;
        drop(turn);
        let room = match made {
            Some(made) => made,
            None => self.adopt(&name, by).await?,
        };
        let room = self.hub.remember(room);
        self.join_room(session, room, signal).await
    }

    /// Whether there is place for one more room, also of this user's. A room that is there already
    /// is told otherwise.
    async fn may_create(&self, name: &RoomName, by: UserId) -> Result<(), ChatError> {
        let (all, today) = self.store().room_counts(by).await?;
        let rules = &self.rules;
        if today >= rules.rooms_per_user_per_day {
            let detail = format!(
                "cannot create '{name}': you have created {today} rooms in 24 hours, as many as you may"
            );
            self.meters().limited_rooms.add(1);
            return Err(ChatError::later(Code::RateLimited, detail, AN_HOUR));
        }
        if all >= rules.rooms && self.hub.find(name).await?.is_none() {
            let detail = format!(
                "cannot create '{name}': there are {all} rooms, as many as there may be (limits.rooms); join one"
            );
            self.meters().limited_rooms.add(1);
            return Err(ChatError::new(Code::TooManyRooms, detail));
        }
        Ok(())
    }

    /// The lobby may have come into being before anyone created it; then the first to ask for
    /// it is its creator. Any other room is somebody's already.
    async fn adopt(&self, name: &RoomName, by: UserId) -> Result<RoomRef, ChatError> {
        if name.is_lobby() {
            let lobby = self.room(name.as_str()).await?;
            if self.store().adopt_room(lobby.id, by).await? {
                return Ok(lobby);
            }
        }
        let detail = format!("there is a room '{name}' already; /join {name}");
        Err(ChatError::new(Code::RoomExists, detail))
    }

    /// The session's user, made now if it is a guest's first need of one.
    async fn account(&self, session: &Session) -> Result<UserId, ChatError> {
        match session.user() {
            Some(user) => Ok(user),
            None => Ok(self.store().user(session.nickname().as_str()).await?),
        }
    }
}
