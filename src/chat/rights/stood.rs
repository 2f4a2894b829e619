//! How an actor stands to a room, with what the store said of it.
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::chat::RoomAs;
use crate::model::{Role, RoomKind};
use crate::policy::{Admission, Overrides, Restricted, Standing};
use crate::store::Stands;

/// How one actor stands to one room.
#[derive(Debug)]
pub(in crate::chat) struct Stood {
    stands: Stands,
    overrides: Overrides,
}

impl Stood {
    pub(in crate::chat) fn of(stands: Stands) -> Self {
        let overrides = Overrides::stored(stands.allow.as_deref());
        Self { stands, overrides }
    }

    /// What the actor is there; `without` is what it is where it has no account.
    pub(in crate::chat) fn role(&self, without: Role) -> Option<Role> {
        let of = &self.stands;
        if !of.account {
            return of.main.then_some(without);
        }
        if of.kind == RoomKind::Direct {
            return Some(Role::Member);
        }
        let workspace = of.workspace_role?;
        Some(of.room_role.unwrap_or(workspace))
    }

    pub(in crate::chat) fn kind(&self) -> RoomKind {
        self.stands.kind
    }

    pub(in crate::chat) fn topic(&self) -> Option<&str> {
        self.stands.topic.as_deref()
    }

    /// Whether the room shows its readers.
    pub(in crate::chat) fn shows_seen(&self) -> bool {
        self.stands.seen
    }

    pub(in crate::chat) fn settings(&self) -> RoomAs {
        RoomAs {
            kind: self.stands.kind,
            topic: self.stands.topic.clone(),
            slow: self.stands.slow,
            allow: self.overrides.clone(),
            seen: self.stands.seen,
        }
    }

    pub(in crate::chat) fn muted_until(&self) -> Option<DateTime<Utc>> {
        self.stands.muted_until
    }

    pub(in crate::chat) fn banned_until(&self) -> Option<DateTime<Utc>> {
        self.stands.banned_until
    }

    /// Between two messages of one person, unless it keeps order here.
    pub(in crate::chat) fn slow(&self) -> Option<Duration> {
        let slow = Duration::from_secs(u64::from(self.stands.slow));
        let keeps_order = self.role(Role::Guest) >= Some(Role::Moderator);
        (!slow.is_zero() && !keeps_order).then_some(slow)
    }

    /// The same for the table.
    pub(super) fn standing(
        &self,
        admission: Admission,
        without: Role,
        now: DateTime<Utc>,
    ) -> Standing<'_> {
        let holds = |until: Option<DateTime<Utc>>| until.is_some_and(|until| until > now);
        Standing {
            admission,
            role: self.role(without),
            kind: self.stands.kind,
            member: self.stands.member,
            restricted: Restricted {
                banned: holds(self.stands.banned_until),
                muted: holds(self.stands.muted_until),
            },
            overrides: &self.overrides,
        }
    }
}
