//! Give a member of a room another role in it.
use super::{Actor, Chat, ChatError, Outcome};
use crate::chat::Place;
use crate::model::{Role, plain_line};
use crate::store::{Changed, Record};

impl Chat {
    pub(in crate::chat) async fn give_role(
        &self,
        actor: &Actor,
        place: Place,
        nickname: &str,
        role: &str,
    ) -> Result<Outcome, ChatError> {
        let scene = self.scene(actor, place)?;
        let Some(role) = Role::named(role) else {
            let why = format!(
                "'{}' is no role: guest, member, moderator, admin or owner",
                plain_line(role)
            );
            return Err(ChatError::BadRequest(why));
        };
        let target = self.target_below(&scene, nickname).await?;
        self.allow_on(scene.role, role)?;
        if !target.has_account {
            let why = format!("{} has no account, and so no role", target.nickname);
            return Err(ChatError::BadRequest(why));
        }
        let record = Record {
            actor: scene.actor.as_str(),
            action: "role",
            target: Some(target.nickname.as_str()),
            room: Some(scene.room.name.as_str()),
            detail: Some(role.as_str()),
            ..Record::default()
        };
        self.store()
            .add_member(target.user, scene.room.key, Some(role), &record)
            .await?;
        let changed = Changed::of_one_in(target.user, scene.room.key);
        self.rights_changed_here(&changed);
        Ok(Outcome::RoleGiven {
            nickname: target.nickname,
            role,
            room: scene.room.name,
        })
    }
}
