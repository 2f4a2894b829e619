//! Make a room and join it.
use super::join::may_enter;
use super::{Actor, Chat, ChatError, Outcome, Session};
use crate::model::{MAIN, Role, RoomKind, RoomName, RoomRef, Topic, UserKey};
use crate::policy::Action;
use crate::store::{Changed, Record, RoomChange};

impl Chat {
    pub(in crate::chat) async fn create(
        &self,
        actor: &Actor,
        name: &str,
        kind: RoomKind,
        topic: Option<&str>,
    ) -> Result<Outcome, ChatError> {
        let (session, name) = (actor.known()?, RoomName::parse(name)?);
        let topic = topic.map(super::order::topic).transpose()?;
        may_enter(session)?;
        self.may_create_in(actor, &name).await?;
        let by = self.account(session).await?;
        self.may_create(&name, by).await?;
        let turn = self.hub.turn().await?;
        let made = self
            .store()
            .create_room(&name, kind, Some(by), None)
            .await?;
        drop(turn);
        let room = match made {
            Some(made) => made,
            None => self.adopt(name, by).await?,
        };
        let room = self.hub.remember(room);
        if let Some(topic) = topic.as_ref().map(Topic::as_str) {
            self.set_first_topic(session, &room, topic).await?;
        }
        self.join(actor, room).await
    }

    async fn set_first_topic(
        &self,
        session: &Session,
        room: &RoomRef,
        topic: &str,
    ) -> Result<(), ChatError> {
        let nickname = session.nickname();
        let change = RoomChange {
            topic: Some(topic),
            ..RoomChange::default()
        };
        let detail = change.in_words();
        let record = Record {
            actor: nickname.as_str(),
            action: "room",
            room: Some(room.name.as_str()),
            detail: Some(&detail),
            ..Record::default()
        };
        let key = room.key;
        self.store().change_room(key, &change, &record).await?;
        self.rights_changed_here(&Changed::of_all_in(key));
        Ok(())
    }

    /// Whether the actor may make a room in the workspace that the name says. One from beyond its wall
    /// is told that there is none.
    async fn may_create_in(&self, actor: &Actor, name: &RoomName) -> Result<(), ChatError> {
        if actor.known()?.account().is_none() {
            return match name.workspace() {
                Some(workspace) => Err(ChatError::NoSuchWorkspace(workspace.to_owned())),
                None => Ok(()),
            };
        }
        let workspace = name.workspace().unwrap_or(MAIN);
        let role = self.role_in(actor, workspace).await?;
        self.allow_in_workspace(actor, role, Action::CreateRoom)
    }

    /// What the actor's account is in a workspace. One from beyond its wall is told that there is none.
    pub(super) async fn role_in(&self, actor: &Actor, workspace: &str) -> Result<Role, ChatError> {
        let user = actor.account()?.user;
        let role = self.store().workspace_role(user, workspace).await?;
        role.ok_or_else(|| ChatError::NoSuchWorkspace(workspace.to_owned()))
    }

    /// Whether there is place for one more room, also of this user's. A room that is there already
    /// is told otherwise.
    pub(in crate::chat) async fn may_create(
        &self,
        name: &RoomName,
        by: UserKey,
    ) -> Result<(), ChatError> {
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
