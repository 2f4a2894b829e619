//! `/rooms [filter]`: the rooms, with members and how many are online.
use super::{Chat, ChatError, Reply, counted, shown_of};
use crate::chat::listed;

impl Chat {
    pub(super) async fn list_rooms(&self, filter: Option<String>) -> Result<Reply, ChatError> {
        let page = listed(filter, None, None);
        let rooms = self.rooms(&page).await?;
        let mut count = rooms.items.len();
        if rooms.next.is_some() {
            count = self.store().count_rooms(&page.filter).await? as usize;
        }
        let mut text = match (count, page.filter.is_empty()) {
            (0, true) => "no rooms yet; /join general, or /create one".to_owned(),
            _ => counted(count, "room"),
        };
        text.push_str(&shown_of("/rooms", rooms.items.len(), count));
        for room in &rooms.items {
            let members = counted(room.members as usize, "member");
            text.push_str(&format!(
                "\n{}: {members}, {} online",
                room.name, room.online
            ));
        }
        Ok(Reply::text(text).with_data(rooms.json()))
    }
}
