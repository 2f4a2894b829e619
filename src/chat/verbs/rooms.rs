//! `/rooms`: every room, with members and how many are online.
use serde_json::json;

use super::{Chat, ChatError, Reply, counted};

impl Chat {
    pub(super) async fn list_rooms(&self) -> Result<Reply, ChatError> {
        let rooms = self.rooms().await?;
        let mut text = match rooms.is_empty() {
            true => "no rooms yet; /join general, or /create one".to_owned(),
            false => counted(rooms.len(), "room"),
        };
        for room in &rooms {
            let members = counted(room.members as usize, "member");
            text.push_str(&format!(
                "\n{}: {members}, {} online",
                room.name, room.online
            ));
        }
        let rooms: Vec<_> = rooms
            .iter()
            .map(|r| {
                json!({
                    "name": r.name.as_str(), "members": r.members,
                    "online": r.online, "last_seq": r.last_seq,
                })
            })
            .collect();
        Ok(Reply::text(text).with_data(json!({ "rooms": rooms })))
    }
}
