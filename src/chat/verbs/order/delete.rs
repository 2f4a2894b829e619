//! Delete a room with all that was said in it.
use super::{Actor, Chat, ChatError, Outcome};
use crate::chat::Place;
use crate::store::{Changed, Record};

impl Chat {
    pub(in crate::chat) async fn delete_room(
        &self,
        actor: &Actor,
        place: Place,
    ) -> Result<Outcome, ChatError> {
        let scene = self.scene(actor, place)?;
        let room = scene.room.name;
        if room.is_lobby() {
            let why = format!("'{room}' is always there, and cannot be deleted");
            return Err(ChatError::BadRequest(why));
        }
        let record = Record {
            actor: scene.actor.as_str(),
            action: "delete_room",
            room: Some(room.as_str()),
            ..Record::default()
        };
        let key = scene.room.key;
        if !self.store().delete_room(key, &record).await? {
            return Err(ChatError::NoSuchRoom(room));
        }
        self.rights_changed_here(&Changed::of_deleted(key));
        Ok(Outcome::RoomDeleted(room))
    }
}
