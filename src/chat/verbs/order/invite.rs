//! Let an account into a room.
use super::{Actor, Chat, ChatError, Outcome};
use crate::chat::Place;
use crate::store::{Changed, Record};

impl Chat {
    pub(in crate::chat) async fn invite(
        &self,
        actor: &Actor,
        place: Place,
        nickname: &str,
    ) -> Result<Outcome, ChatError> {
        let scene = self.scene(actor, place)?;
        let target = self.target(&scene, nickname).await?;
        if !target.has_account {
            let why = format!(
                "{} has no account: guests are in public rooms",
                target.nickname
            );
            return Err(ChatError::BadRequest(why));
        }
        let record = Record {
            actor: scene.actor.as_str(),
            action: "invite",
            target: Some(target.nickname.as_str()),
            room: Some(scene.room.name.as_str()),
            ..Record::default()
        };
        if !target.is_member {
            self.store()
                .add_member(target.user, scene.room.key, None, &record)
                .await?;
            let changed = Changed::of_one_in(target.user, scene.room.key);
            self.rights_changed_here(&changed);
        }
        Ok(Outcome::Invited {
            nickname: target.nickname,
            room: scene.room.name,
        })
    }
}
