//! Make a room and join it.
use super::join::may_enter;
use super::{Actor, Chat, ChatError, Outcome, Session};
use crate::model::{RoomName, RoomRef, UserKey};

impl Chat {
    pub(in crate::chat) async fn create(
        &self,
        actor: &Actor,
        name: &str,
    ) -> Result<Outcome, ChatError> {
        let (session, name) = (actor.known()?, RoomName::parse(name)?);
        may_enter(session)?;
        let by = self.account(session).await?;
        self.may_create(&name, by).await?;
        let turn = self.hub.turn().await?;
        let made = self.store().create_room(&name, Some(by)).await?;
        drop(turn);
        let room = match made {
            Some(made) => made,
            None => self.adopt(name, by).await?,
        };
        let room = self.hub.remember(room);
        self.join_room(actor, room).await
    }

    /// Whether there is place for one more room, also of this user's. A room that is there already
    /// is told otherwise.
    async fn may_create(&self, name: &RoomName, by: UserKey) -> Result<(), ChatError> {
        let (all, today) = self.store().room_counts(by).await?;
        let limits = self.limiter.live();
        let room = || name.clone();
        let refused = if today >= limits.rooms_per_user_per_day() {
            ChatError::RoomsToday {
                room: room(),
                today,
            }
        } else if all >= limits.rooms() && self.find(name).await?.is_none() {
            ChatError::RoomsFull { room: room(), all }
        } else {
            return Ok(());
        };
        self.meters().limited_rooms.add(1);
        Err(refused)
    }

    /// The lobby may have come into being before a user created it; then the first to ask for
    /// it is its creator. Any other room has one already.
    async fn adopt(&self, name: RoomName, by: UserKey) -> Result<RoomRef, ChatError> {
        if name.is_lobby() {
            let lobby = self.room(name.as_str()).await?;
            if self.store().adopt_room(lobby.key, by).await? {
                return Ok(lobby);
            }
        }
        Err(ChatError::RoomExists(name))
    }

    /// The session's user, made now if it is a guest's first need of one.
    async fn account(&self, session: &Session) -> Result<UserKey, ChatError> {
        match session.user() {
            Some(user) => Ok(user),
            None => Ok(self.store().user(session.nickname().as_str()).await?),
        }
    }
}
