//! Bans and mutes: imposed for a time or for good, and lifted.
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{Actor, Chat, ChatError, Outcome, Target, reason};
use crate::chat::Place;
use crate::model::{Notice, client_network, format_time};
use crate::store::{Changed, Record, Restraint, Restriction, for_good};

/// For how long something is imposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    For(Duration),
    Until(DateTime<Utc>),
    Forever,
}

/// A restriction and its target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restricting {
    pub kind: Restraint,
    pub nickname: String,
    pub length: Length,
    pub why: Option<String>,
}

/// A restriction to lift, and its target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifting {
    pub kind: Restraint,
    pub nickname: String,
}

impl Chat {
    pub(in crate::chat) async fn restrict(
        &self,
        actor: &Actor,
        place: Place,
        restricting: &Restricting,
    ) -> Result<Outcome, ChatError> {
        let scene = self.scene(actor, place)?;
        let why = reason(restricting.why.as_deref())?;
        let target = self.target_below(&scene, &restricting.nickname).await?;
        let until = self.until(restricting.length)?;
        let address = self.address_of(&target).await?;
        let ends = (until < for_good()).then(|| format!("until {}", format_time(until)));
        let restriction = Restriction {
            kind: restricting.kind,
            room: scene.room.key,
            user: target.user,
            address: address.as_deref(),
            until,
            why: why.as_deref(),
            by: actor.known()?.user(),
        };
        let record = Record {
            actor: scene.actor.as_str(),
            action: restricting.kind.as_str(),
            target: Some(target.nickname.as_str()),
            room: Some(scene.room.name.as_str()),
            why: why.as_deref(),
            detail: ends.as_deref(),
        };
        self.store().restrict(&restriction, &record).await?;
        let changed = Changed::of_one_in(target.user, scene.room.key);
        self.rights_changed_here(&changed);
        if restricting.kind == Restraint::Ban {
            self.hub.announce(Notice::Removed {
                room: scene.room.name.clone(),
                nickname: target.nickname.shared(),
                by: scene.actor.shared(),
            });
        }
        Ok(Outcome::Restricted {
            kind: restricting.kind,
            nickname: target.nickname,
            room: scene.room.name,
            until: (until < for_good()).then_some(until),
        })
    }

    pub(in crate::chat) async fn lift(
        &self,
        actor: &Actor,
        place: Place,
        lifting: &Lifting,
    ) -> Result<Outcome, ChatError> {
        let scene = self.scene(actor, place)?;
        let target = self.target(&scene, &lifting.nickname).await?;
        let record = Record {
            actor: scene.actor.as_str(),
            action: lifting.kind.lifted(),
            target: Some(target.nickname.as_str()),
            room: Some(scene.room.name.as_str()),
            ..Record::default()
        };
        let lifted = self
            .store()
            .lift(lifting.kind, target.user, Some(scene.room.key), &record)
            .await?;
        if !lifted {
            let why = format!(
                "{} is not {} here",
                target.nickname,
                lifting.kind.participle()
            );
            return Err(ChatError::BadRequest(why));
        }
        let changed = Changed::of_one_in(target.user, scene.room.key);
        self.rights_changed_here(&changed);
        Ok(Outcome::Lifted {
            kind: lifting.kind,
            nickname: target.nickname,
            room: scene.room.name,
        })
    }

    fn until(&self, length: Length) -> Result<DateTime<Utc>, ChatError> {
        let now = self.clock().utc();
        let until = match length {
            Length::Forever => for_good(),
            Length::Until(until) => until,
            Length::For(length) => {
                let length = chrono::Duration::from_std(length).ok();
                length
                    .and_then(|length| now.checked_add_signed(length))
                    .unwrap_or_else(for_good)
            }
        };
        if until <= now {
            let why = "cannot restrict until a time that is over";
            return Err(ChatError::BadRequest(why.into()));
        }
        Ok(until.min(for_good()))
    }

    /// A guest comes back under another name, so that its address stands for it where it has one of
    /// its own.
    async fn address_of(&self, target: &Target) -> Result<Option<String>, ChatError> {
        if target.has_account {
            return Ok(None);
        }
        let address = self.store().address_of(target.user).await?;
        let address = address.and_then(|address| address.parse().ok());
        Ok(address.map(|address| client_network(address).to_string()))
    }
}
