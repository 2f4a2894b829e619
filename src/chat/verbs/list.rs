//! `/list [filter]`: who is connected, over all instances, with their rooms.
use super::{Chat, ChatError, Reply, counted, shown_of};
use crate::chat::listed;

impl Chat {
    pub(super) async fn list(&self, filter: Option<String>) -> Result<Reply, ChatError> {
        let page = listed(filter, None, None);
        let users = self.users(&page).await?;
        let mut count = users.items.len();
        if users.next.is_some() {
            count = self.store().count_online(&page.filter).await? as usize;
        }
        let mut text = format!("{} online", counted(count, "user"));
        text.push_str(&shown_of("/list", users.items.len(), count));
        for user in &users.items {
            let rooms = match user.rooms.is_empty() {
                true => "in no room".to_owned(),
                false => format!("in {}", user.rooms.join(", ")),
            };
            text.push_str(&format!(
                "\n{} {rooms} ({}, {})",
                user.nickname, user.transport, user.instance
            ));
        }
        Ok(Reply::text(text).with_data(users.json()))
    }
}
