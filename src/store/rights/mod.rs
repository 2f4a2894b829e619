//! What people may do where, and how instances learn that it changed.
mod stored;

pub(super) use stored::workspace_id;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::sql::Arg;
use super::{Record, StoreError};
use crate::model::{Role, RoomId, RoomKey, RoomKind, UserId, UserKey};

/// A person and a room, as they are stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Stands {
    pub kind: RoomKind,
    /// The first workspace, where people without an account are.
    pub main: bool,
    /// Seconds between two messages of one person; 0 is no limit.
    pub slow: u32,
    /// Actions that take another role here, as JSON.
    pub allow: Option<String>,
    pub topic: Option<String>,
    /// The room shows its readers.
    pub seen: bool,
    pub member: bool,
    /// The person has an account that is not disabled.
    pub account: bool,
    /// In the room alone.
    pub room_role: Option<Role>,
    /// In the room's workspace.
    pub workspace_role: Option<Role>,
    pub banned_until: Option<DateTime<Utc>>,
    pub muted_until: Option<DateTime<Utc>>,
}

/// An account and how it stands to a room.
#[derive(Debug, Clone, PartialEq)]
pub struct Stood {
    pub user: UserKey,
    pub nickname: String,
    pub stands: Stands,
}

/// What holds in a room, with all that is not as usual for single people.
#[derive(Debug, Clone, PartialEq)]
pub struct RoomRights {
    pub kind: RoomKind,
    /// It is in the first workspace.
    pub main: bool,
    pub slow: u32,
    pub allow: Option<String>,
    pub topic: Option<String>,
    pub seen: bool,
    /// The roles that hold in this room alone.
    pub roles: Vec<(UserId, Role)>,
    /// Those that hold.
    pub restrictions: Vec<Restrained>,
    /// There are more of these than are named.
    pub many: bool,
}

/// A restriction that holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Restrained {
    pub kind: Restraint,
    pub user: Option<UserId>,
    pub address: Option<String>,
    pub until: DateTime<Utc>,
}

/// That rights changed: of a user, in a room, of all in a room, or of a user everywhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changed {
    pub user: Option<UserId>,
    pub room: Option<RoomId>,
    /// What the user reads of the room ends, also where it may begin anew; of no user, the room was
    /// deleted.
    pub ends: bool,
}

/// With the arguments of a change.
pub(super) const CHANGED: &str =
    "INSERT INTO rights_changes (user_id, room_id, ends) SELECT $1, $2, $3 = 1";

impl Changed {
    pub fn of(user: UserKey) -> Self {
        let user = Some(user.id);
        Self {
            user,
            ..Self::default()
        }
    }

    pub fn of_all_in(room: RoomKey) -> Self {
        let room = Some(room.id);
        Self {
            room,
            ..Self::default()
        }
    }

    pub fn of_one_in(user: UserKey, room: RoomKey) -> Self {
        let (user, room) = (Some(user.id), Some(room.id));
        Self {
            user,
            room,
            ends: false,
        }
    }

    /// The room was deleted.
    pub fn of_deleted(room: RoomKey) -> Self {
        Self::of_all_in(room).ending()
    }

    /// The room that was deleted, if that is the change.
    pub fn deleted(&self) -> Option<RoomId> {
        self.room.filter(|_| self.ends && self.user.is_none())
    }

    /// What that user reads of the room ends, or what all do.
    pub fn ending(self) -> Self {
        Self { ends: true, ..self }
    }

    pub(super) fn args(self) -> [Arg<'static>; 3] {
        let ends = Arg::Number(Some(i64::from(self.ends)));
        [self.user.into(), self.room.into(), ends]
    }
}

/// Until when, where nothing says that it ends.
pub fn for_good() -> DateTime<Utc> {
    const YEAR_9999: i64 = 253_370_764_800;
    DateTime::from_timestamp(YEAR_9999, 0).unwrap_or_default()
}

named! {
    /// What a person is kept from. The names are part of the interface.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Restraint {
        /// From being in a room.
        Ban => "ban",
        /// From speaking in it.
        Mute => "mute",
    }
}

impl Restraint {
    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|kind| kind.as_str() == name)
    }

    /// What it is called when it is lifted.
    pub fn lifted(self) -> &'static str {
        match self {
            Self::Ban => "unban",
            Self::Mute => "unmute",
        }
    }

    /// The participle for its target: banned, muted.
    pub fn participle(self) -> &'static str {
        match self {
            Self::Ban => "banned",
            Self::Mute => "muted",
        }
    }
}

/// What keeps a person from something in a room.
#[derive(Debug, Clone, Copy)]
pub struct Restriction<'a> {
    pub kind: Restraint,
    pub room: RoomKey,
    pub user: UserKey,
    /// Of a guest, which comes back under another name.
    pub address: Option<&'a str>,
    pub until: DateTime<Utc>,
    pub why: Option<&'a str>,
    pub by: Option<UserKey>,
}

/// A workspace, counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Workspace {
    pub name: String,
    pub members: i64,
    pub rooms: i64,
    pub created_at: DateTime<Utc>,
}

/// What is to be otherwise of a room; `None` stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct RoomChange<'a> {
    /// An empty one is none.
    pub topic: Option<&'a str>,
    pub slow: Option<u32>,
    pub kind: Option<RoomKind>,
    /// As JSON; an empty text is as usual.
    pub allow: Option<&'a str>,
    pub seen: Option<bool>,
}

impl RoomChange<'_> {
    /// For the audit log.
    pub fn in_words(&self) -> String {
        let mut words = Vec::new();
        if let Some(topic) = self.topic {
            words.push(format!("topic: {topic}"));
        }
        if let Some(slow) = self.slow {
            words.push(format!("slow: {slow} s"));
        }
        if let Some(kind) = self.kind {
            words.push(format!("kind: {}", kind.as_str()));
        }
        if let Some(allow) = self.allow {
            words.push(format!("allow: {allow}"));
        }
        if let Some(seen) = self.seen {
            words.push(format!("seen: {seen}"));
        }
        words.join("; ")
    }
}

/// What people may do where.
#[async_trait]
pub trait Rights: Send + Sync + 'static {
    /// How a person, known by its user or its address alone, stands to a room; `None` if that is gone.
    async fn stands(
        &self,
        user: Option<UserKey>,
        address: Option<&str>,
        room: RoomKey,
    ) -> Result<Option<Stands>, StoreError>;

    /// How accounts of these nicknames stand to a room; those that there are not are not in it.
    async fn stand(&self, nicknames: &[&str], room: RoomKey) -> Result<Vec<Stood>, StoreError>;

    /// What holds in a room; `None` if that is gone.
    async fn room_rights(&self, room: RoomKey) -> Result<Option<RoomRights>, StoreError>;

    /// Changes with a greater number, in order. Numbers are given before commits: one that is less than
    /// another may come later.
    async fn rights_changed(&self, after: i64) -> Result<Vec<(i64, Changed)>, StoreError>;

    /// Makes a user a member of a room, or gives a member another role there.
    async fn add_member(
        &self,
        user: UserKey,
        room: RoomKey,
        role: Option<Role>,
        record: &Record<'_>,
    ) -> Result<(), StoreError>;

    /// Takes a user out of a room, with all its sessions.
    async fn remove_member(
        &self,
        user: UserKey,
        room: RoomKey,
        record: &Record<'_>,
    ) -> Result<(), StoreError>;

    async fn restrict(
        &self,
        restriction: &Restriction<'_>,
        record: &Record<'_>,
    ) -> Result<(), StoreError>;

    /// What a user is in a workspace; nothing where it is no member, or there is no such one.
    async fn workspace_role(
        &self,
        user: UserKey,
        workspace: &str,
    ) -> Result<Option<Role>, StoreError>;

    /// False if there is one of that name.
    async fn create_workspace(&self, name: &str, record: &Record<'_>) -> Result<bool, StoreError>;

    /// Each workspace with its members and rooms counted, by name.
    async fn workspaces(&self) -> Result<Vec<Workspace>, StoreError>;

    /// Gives a user a role in a workspace, or takes it out; false if there is no such workspace.
    async fn set_workspace_role(
        &self,
        user: UserKey,
        workspace: &str,
        role: Option<Role>,
        record: &Record<'_>,
    ) -> Result<bool, StoreError>;

    /// The user of that nickname, and how it is written, without making one.
    async fn find_user(&self, nickname: &str) -> Result<Option<(UserKey, String)>, StoreError>;

    /// From where a user's session was used last, where that was noted.
    async fn address_of(&self, user: UserKey) -> Result<Option<String>, StoreError>;

    async fn change_room(
        &self,
        room: RoomKey,
        change: &RoomChange<'_>,
        record: &Record<'_>,
    ) -> Result<(), StoreError>;

    /// Takes restrictions of a kind back; false if there are none.
    async fn lift(
        &self,
        kind: Restraint,
        user: UserKey,
        room: Option<RoomKey>,
        record: &Record<'_>,
    ) -> Result<bool, StoreError>;
}
