//! Put a person out of a room; into a public one it may come back.
use super::{Actor, Chat, ChatError, Outcome, reason};
use crate::chat::Place;
use crate::model::Notice;
use crate::store::{Changed, Record};

impl Chat {
    pub(in crate::chat) async fn kick(
        &self,
        actor: &Actor,
        place: Place,
        nickname: &str,
        why: Option<&str>,
    ) -> Result<Outcome, ChatError> {
        let (scene, why) = (self.scene(actor, place)?, reason(why)?);
        let target = self.target_below(&scene, nickname).await?;
        let record = Record {
            actor: scene.actor.as_str(),
            action: "kick",
            target: Some(target.nickname.as_str()),
            room: Some(scene.room.name.as_str()),
            why: why.as_deref(),
            ..Record::default()
        };
        self.store()
            .remove_member(target.user, scene.room.key, &record)
            .await?;
        let changed = Changed::of_one_in(target.user, scene.room.key);
        self.rights_changed_here(&changed);
        self.hub.announce(Notice::Removed {
            room: scene.room.name.clone(),
            nickname: target.nickname.shared(),
            by: scene.actor.shared(),
        });
        Ok(Outcome::Kicked {
            nickname: target.nickname,
            room: scene.room.name,
        })
    }
}
