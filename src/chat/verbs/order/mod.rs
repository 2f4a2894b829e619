//! Moderation of a room: its members, its bans and mutes, and its settings.
mod delete;
mod invite;
mod kick;
mod members;
mod remove;
mod restrict;
mod role;
mod room;

use std::sync::Arc;

use super::{Actor, Chat, ChatError, Outcome};
use crate::chat::Place;
use crate::chat::rights::Stood;
use crate::model::{Nickname, Role, RoomRef, UserKey, plain_line};

pub use invite::Inviting;
pub use restrict::{Length, Lifting, Restricting};
pub(super) use room::topic;
pub use room::{RoomAs, Settings};

/// Characters in a reason, at most.
const LONGEST_REASON: usize = 500;

/// A reason as it is kept: one line, which any terminal may show.
fn reason(typed: Option<&str>) -> Result<Option<String>, ChatError> {
    let Some(reason) = typed.map(|typed| plain_line(typed.trim())) else {
        return Ok(None);
    };
    if reason.chars().count() > LONGEST_REASON {
        let why = format!("a reason has at most {LONGEST_REASON} characters");
        return Err(ChatError::BadRequest(why));
    }
    Ok(Some(reason).filter(|reason| !reason.is_empty()))
}

/// The target of a moderation command.
struct Target {
    user: UserKey,
    nickname: Nickname,
    role: Role,
    has_account: bool,
    is_member: bool,
}

/// The room of a moderation command, and the moderator.
struct Scene {
    room: RoomRef,
    stood: Arc<Stood>,
    actor: Nickname,
    role: Role,
}

impl Chat {
    fn scene(&self, actor: &Actor, place: Place) -> Result<Scene, ChatError> {
        let (room, stood) = place.stood()?;
        let role = stood.role(actor.without()).unwrap_or(Role::Guest);
        let actor = actor.known()?.nickname();
        Ok(Scene {
            room,
            stood,
            actor,
            role,
        })
    }

    /// The person of that nickname, as it stands to the room; one from beyond the workspace's wall is as
    /// one that is not there.
    async fn target(&self, scene: &Scene, nickname: &str) -> Result<Target, ChatError> {
        let nickname = Nickname::parse_old(nickname)?;
        let unknown = || ChatError::NoSuchUser(nickname.clone());
        let (user, stored) = self
            .store()
            .find_user(nickname.as_str())
            .await?
            .ok_or_else(unknown)?;
        let stands = self
            .store()
            .stands(Some(user), None, scene.room.key)
            .await?
            .ok_or_else(|| ChatError::NoSuchRoom(scene.room.name.clone()))?;
        let (has_account, is_member) = (stands.account, stands.member);
        let role = Stood::of(stands).role(Role::Guest).ok_or_else(unknown)?;
        Ok(Target {
            user,
            nickname: Nickname::stored(&stored),
            role,
            has_account,
            is_member,
        })
    }

    /// The same, if what is to be done may be done to it.
    async fn target_below(&self, scene: &Scene, nickname: &str) -> Result<Target, ChatError> {
        let target = self.target(scene, nickname).await?;
        self.allow_on(scene.role, target.role)?;
        Ok(target)
    }
}
