//! Rooms by their names: those that this instance has come to know, and else from the database.
use std::collections::HashSet;

use super::direct::is_address;
use super::{Actor, Chat, ChatError};
use crate::model::{LOBBY, RoomKind, RoomName, RoomRef};
use crate::store::StoreError;

impl Chat {
    /// The room that the actor calls by that name.
    ///
    /// # Errors
    /// Says that there is none, or what no room can be called.
    pub(super) async fn room_for(&self, actor: &Actor, name: &str) -> Result<RoomRef, ChatError> {
        if is_address(name) {
            if let Some(direct) = self.direct_room(actor, name).await? {
                return Ok(direct);
            }
            // One that an operator called so by hand may be there.
            let asked = RoomName::asked(name).0;
            let found = match &asked {
                Some(asked) => self.find(asked).await?,
                None => None,
            };
            let none = || ChatError::NoSuchRoom(asked.unwrap_or_else(|| RoomName::stored("@")));
            return found.ok_or_else(none);
        }
        self.room(name).await
    }

    /// The room of that name; the lobby comes into being when it is first asked for.
    ///
    /// # Errors
    /// Says that there is none, or what no room can be called.
    pub(super) async fn room(&self, name: &str) -> Result<RoomRef, ChatError> {
        let (asked, fits) = RoomName::asked(name);
        let Some(name) = asked else {
            fits?;
            return Err(ChatError::internal(&"a name that fits cannot be asked for"));
        };
        match self.find(&name).await? {
            Some(room) => Ok(room),
            None => {
                fits?;
                Err(ChatError::NoSuchRoom(name))
            }
        }
    }

    /// The room of that name, if there is one. The lobby is made if it is not there.
    pub(super) async fn find(&self, name: &RoomName) -> Result<Option<RoomRef>, StoreError> {
        if let Some(known) = self.hub.remembered(name) {
            return Ok(Some(known));
        }
        let _turn = self.hub.turn().await?;
        if let Some(known) = self.hub.remembered(name) {
            return Ok(Some(known));
        }
        let store = self.store();
        let mut found = store.room(name).await?;
        if found.is_none() && name.is_lobby() {
            store
                .create_room(&RoomName::stored(LOBBY), RoomKind::Public, None, None)
                .await?;
            found = store.room(name).await?;
        }
        Ok(found.map(|(room, _)| self.hub.remember(room)))
    }

    /// Of these names, those of no room; the others are remembered. They are looked up together.
    pub(super) async fn absent(
        &self,
        names: Vec<RoomName>,
    ) -> Result<HashSet<RoomName>, StoreError> {
        let unknown = |name: &RoomName| self.hub.remembered(name).is_none() && !name.is_lobby();
        let mut absent: HashSet<RoomName> = names.into_iter().filter(unknown).collect();
        if absent.is_empty() {
            return Ok(absent);
        }
        let asked: Vec<RoomName> = absent.iter().cloned().collect();
        let _turn = self.hub.turn().await?;
        for room in self.store().rooms_named(&asked).await? {
            absent.remove(&room.name);
            self.hub.remember(room);
        }
        Ok(absent)
    }
}
