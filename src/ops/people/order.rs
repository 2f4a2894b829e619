//! Order in a room, as an operator keeps it: above every role.
use std::time::Duration;

use super::{ACTOR, People, PeopleError};
use crate::clock::{Clock, SystemClock};
use crate::model::{RoomKey, UserKey};
use crate::store::{Record, Restriction, for_good};

pub use crate::store::Restraint;

/// The target: a person and a room.
#[derive(Debug, Clone)]
pub struct Whom {
    pub nickname: String,
    pub room: String,
}

/// The target as it is stored.
struct Found {
    user: UserKey,
    nickname: String,
    room: RoomKey,
    room_name: String,
}

impl Found {
    fn record<'a>(&'a self, action: &'a str, why: Option<&'a str>) -> Record<'a> {
        Record {
            actor: ACTOR,
            action,
            target: Some(&self.nickname),
            room: Some(&self.room_name),
            why,
            ..Record::default()
        }
    }
}

impl People {
    /// Bans or mutes, for a time or for good.
    ///
    /// # Errors
    /// Fails where there is no such person or room.
    pub async fn restrict(
        &self,
        whom: &Whom,
        kind: Restraint,
        length: Option<Duration>,
        why: Option<&str>,
    ) -> Result<(), PeopleError> {
        let found = self.find(whom).await?;
        let until = match length.map(chrono::Duration::from_std).transpose() {
            Ok(Some(length)) => SystemClock
                .utc()
                .checked_add_signed(length)
                .ok_or(PeopleError::TooLong)?,
            Ok(None) => for_good(),
            Err(_) => return Err(PeopleError::TooLong),
        };
        let restriction = Restriction {
            kind,
            room: found.room,
            user: found.user,
            address: None,
            until: until.min(for_good()),
            why,
            by: None,
        };
        let record = found.record(kind.as_str(), why);
        Ok(self.store.restrict(&restriction, &record).await?)
    }

    /// Takes a ban or mute back; false where there is none.
    ///
    /// # Errors
    /// Fails where there is no such person or room.
    pub async fn lift(&self, whom: &Whom, kind: Restraint) -> Result<bool, PeopleError> {
        let found = self.find(whom).await?;
        let record = found.record(kind.lifted(), None);
        let lifted = self.store.lift(kind, found.user, Some(found.room), &record);
        Ok(lifted.await?)
    }

    /// Ends what a person reads of a room.
    ///
    /// # Errors
    /// Fails where there is no such person or room.
    pub async fn kick(&self, whom: &Whom, why: Option<&str>) -> Result<(), PeopleError> {
        let found = self.find(whom).await?;
        let record = found.record("kick", why);
        let removed = self.store.remove_member(found.user, found.room, &record);
        Ok(removed.await?)
    }

    async fn find(&self, whom: &Whom) -> Result<Found, PeopleError> {
        let user = self.store.find_user(&whom.nickname).await?;
        let (user, nickname) = user.ok_or_else(|| PeopleError::NoUser(whom.nickname.clone()))?;
        let room = self.room(&whom.room).await?;
        Ok(Found {
            user,
            nickname,
            room: room.key,
            room_name: room.name.as_str().to_owned(),
        })
    }
}
