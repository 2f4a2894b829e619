//! `/list`: who is connected, over all instances, with their rooms.
use serde_json::json;

use super::{Chat, ChatError, Reply, counted};

impl Chat {
    pub(super) async fn list(&self) -> Result<Reply, ChatError> {
        let users = self.users().await?;
        let mut text = format!("{} online", counted(users.len(), "user"));
        for user in &users {
            let rooms = match user.rooms.is_empty() {
                true => "in no room".to_owned(),
                false => format!("in {}", user.rooms.join(", ")),
            };
            text.push_str(&format!(
                "\n{} {rooms} ({}, {})",
                user.nickname, user.transport, user.instance
            ));
        }
        let users: Vec<_> = users
            .iter()
            .map(|u| {
                json!({
                    "nickname": u.nickname, "rooms": u.rooms,
                    "transport": u.transport, "instance": u.instance,
                })
            })
            .collect();
        Ok(Reply::text(text).with_data(json!({ "users": users })))
    }
}
