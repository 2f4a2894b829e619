//! Rooms, as an operator makes, sees and sets them: above every role.
use serde_json::Value;

use super::{ACTOR, PAGE, People, PeopleError};
use crate::model::{MAIN, Role, RoomKind, RoomName, RoomRef, Topic, UserKey};
use crate::policy::Overrides;
use crate::store::{Page, Record, RoomChange, RoomDetails, Viewer};

pub use crate::store::{Imposed, Member, RoomSummary};

/// What a room is to be.
#[derive(Debug, Clone)]
pub struct NewRoom {
    pub name: String,
    pub kind: RoomKind,
    pub topic: Option<String>,
    /// The account that owns it.
    pub owner: Option<String>,
}

/// A room as an operator sees it.
#[derive(Debug, Clone)]
pub struct Room {
    pub name: RoomName,
    pub of: RoomDetails,
    /// The bans and mutes that hold.
    pub restrictions: Vec<Imposed>,
}

fn about(topic: &Topic) -> RoomChange<'_> {
    RoomChange {
        topic: Some(topic.as_str()),
        ..RoomChange::default()
    }
}

impl People {
    /// Makes a room.
    ///
    /// # Errors
    /// Fails where there is one of that name, no workspace that the name says, or where the owner is no
    /// account of that workspace.
    pub async fn create_room(&self, new: &NewRoom) -> Result<Room, PeopleError> {
        let name = RoomName::parse(&new.name)?;
        let topic = new.topic.as_deref().map(Topic::parse).transpose()?;
        let owner = match &new.owner {
            Some(owner) => Some(self.insider(owner, &name).await?),
            None => None,
        };
        let owned = new.owner.as_ref().map(|owner| format!("owned by {owner}"));
        let detail = [Some(new.kind.as_str().to_owned()), owned];
        let detail = detail.into_iter().flatten().collect::<Vec<_>>().join(", ");
        let record = Record {
            actor: ACTOR,
            action: "create_room",
            detail: Some(&detail),
            ..Record::default()
        };
        let made = self
            .store
            .create_room(&name, new.kind, owner, Some(&record));
        let Some(room) = made.await? else {
            return Err(match self.store.room(&name).await? {
                Some(_) => PeopleError::RoomExists(name.as_str().to_owned()),
                None => PeopleError::NoWorkspace(name.workspace().unwrap_or(MAIN).to_owned()),
            });
        };
        if let Some(topic) = topic.filter(|topic| !topic.as_str().is_empty()) {
            self.change(&room, about(&topic)).await?;
        }
        self.described(room).await
    }

    /// All rooms by name, or those of one workspace.
    ///
    /// # Errors
    /// Fails where there is no such workspace.
    pub async fn rooms(&self, workspace: Option<&str>) -> Result<Vec<RoomSummary>, PeopleError> {
        let is_meant = |room: &RoomSummary| {
            let of = room.name.workspace().unwrap_or(MAIN);
            workspace.is_none_or(|workspace| of.eq_ignore_ascii_case(workspace))
        };
        let (mut found, mut page) = (Vec::new(), Page::default());
        page.limit = Some(PAGE);
        loop {
            let rooms = self.store.rooms(&page, Viewer::Server).await?;
            let is_last = rooms.len() < PAGE;
            if let Some(last) = rooms.last() {
                last.name.as_str().clone_into(&mut page.after);
            }
            found.extend(rooms.into_iter().filter(is_meant));
            if is_last {
                break;
            }
        }
        if let (Some(workspace), true) = (workspace, found.is_empty()) {
            let all = self.store.workspaces().await?;
            if !all
                .iter()
                .any(|one| one.name.eq_ignore_ascii_case(workspace))
            {
                return Err(PeopleError::NoWorkspace(workspace.to_owned()));
            }
        }
        Ok(found)
    }

    /// # Errors
    /// Fails where there is no room of that name.
    pub async fn show_room(&self, name: &str) -> Result<Room, PeopleError> {
        let room = self.room(name).await?;
        self.described(room).await
    }

    /// The members of a room, by nickname.
    ///
    /// # Errors
    /// Fails where there is no such room.
    pub async fn room_members(&self, name: &str) -> Result<Vec<Member>, PeopleError> {
        let room = self.room(name).await?;
        let mut found: Vec<Member> = Vec::new();
        loop {
            let after = found.last().map_or("", |last| &last.nickname);
            let page = self.store.members(room.key, after, PAGE).await?;
            let is_last = page.len() < PAGE;
            found.extend(page);
            if is_last {
                return Ok(found);
            }
        }
    }

    /// Makes an account a member of a room, perhaps with a role in it.
    ///
    /// # Errors
    /// Fails where there is no such room, or no such account in its workspace.
    pub async fn add_to_room(
        &self,
        name: &str,
        nickname: &str,
        role: Option<Role>,
    ) -> Result<(), PeopleError> {
        let (room, _) = self.changeable(name).await?;
        let user = self.insider(nickname, &room.name).await?;
        let record = Record {
            actor: ACTOR,
            action: if role.is_some() { "role" } else { "invite" },
            target: Some(nickname),
            room: Some(room.name.as_str()),
            detail: role.map(Role::as_str),
            ..Record::default()
        };
        let added = self.store.add_member(user, room.key, role, &record);
        Ok(added.await?)
    }

    /// Says what a room is about; an empty text takes that away.
    ///
    /// # Errors
    /// Fails where there is no such room, or the text is too long.
    pub async fn set_topic(&self, name: &str, topic: &str) -> Result<Room, PeopleError> {
        let topic = Topic::parse(topic)?;
        let (room, _) = self.changeable(name).await?;
        self.change(&room, about(&topic)).await?;
        self.described(room).await
    }

    /// Gives actions another least role in a room; null is the usual one.
    ///
    /// # Errors
    /// Fails where there is no such room, and says what is no action or no role.
    pub async fn override_roles(&self, name: &str, changes: &Value) -> Result<Room, PeopleError> {
        let (room, of) = self.changeable(name).await?;
        let allow = Overrides::stored(of.allow.as_deref()).changed(changes)?;
        let allow = allow.to_json().unwrap_or_default();
        let change = RoomChange {
            allow: Some(&allow),
            ..RoomChange::default()
        };
        self.change(&room, change).await?;
        self.described(room).await
    }

    /// Deletes a room with all that was said in it and is still in the database.
    ///
    /// # Errors
    /// Fails where there is no such room, or it is the one that is always there.
    pub async fn delete_room(&self, name: &str) -> Result<(), PeopleError> {
        let room = self.room(name).await?;
        if room.name.is_lobby() {
            return Err(PeopleError::Lobby(name.to_owned()));
        }
        let record = Record {
            actor: ACTOR,
            action: "delete_room",
            room: Some(room.name.as_str()),
            ..Record::default()
        };
        if self.store.delete_room(room.key, &record).await? {
            return Ok(());
        }
        Err(PeopleError::NoRoom(name.to_owned()))
    }

    async fn change(&self, room: &RoomRef, change: RoomChange<'_>) -> Result<(), PeopleError> {
        let detail = change.in_words();
        let record = Record {
            actor: ACTOR,
            action: "room",
            room: Some(room.name.as_str()),
            detail: Some(&detail),
            ..Record::default()
        };
        Ok(self.store.change_room(room.key, &change, &record).await?)
    }

    pub(super) async fn room(&self, name: &str) -> Result<RoomRef, PeopleError> {
        let found = self.store.room(&RoomName::stored(name)).await?;
        let room = found.map(|(room, _)| room);
        room.ok_or_else(|| PeopleError::NoRoom(name.to_owned()))
    }

    /// The same, if it is not a direct one.
    async fn changeable(&self, name: &str) -> Result<(RoomRef, RoomDetails), PeopleError> {
        let room = self.room(name).await?;
        let of = self.details(&room).await?;
        if of.kind == RoomKind::Direct {
            return Err(PeopleError::Direct(name.to_owned()));
        }
        Ok((room, of))
    }

    async fn details(&self, room: &RoomRef) -> Result<RoomDetails, PeopleError> {
        let gone = || PeopleError::NoRoom(room.name.as_str().to_owned());
        self.store.room_details(room.key).await?.ok_or_else(gone)
    }

    async fn described(&self, room: RoomRef) -> Result<Room, PeopleError> {
        let of = self.details(&room).await?;
        let restrictions = self.store.restrictions(room.key).await?;
        let name = room.name;
        Ok(Room {
            name,
            of,
            restrictions,
        })
    }

    /// An account of the workspace that a room's name says.
    async fn insider(&self, nickname: &str, room: &RoomName) -> Result<UserKey, PeopleError> {
        let account = self.account(nickname).await?;
        let workspace = room.workspace().unwrap_or(MAIN);
        let role = self.store.workspace_role(account.user, workspace).await?;
        if role.is_some() {
            return Ok(account.user);
        }
        Err(PeopleError::Outside {
            name: account.nickname,
            workspace: workspace.to_owned(),
        })
    }
}
