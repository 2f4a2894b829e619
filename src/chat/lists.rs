//! Lists of rooms and of people: a page at a time, since they may be long.
use serde_json::{Value, json};

use super::{Chat, ChatError};
use crate::store::{Online, Page, RoomSummary};

/// Entries of a list in one answer: where nothing is asked, and at most.
const USUAL: usize = 100;
const MOST: usize = 200;
/// A filter or cursor that is longer than any name finds nothing.
const LONGEST: usize = 64;

/// A page of a list, and where the next begins if there is more.
#[derive(Debug)]
pub struct Listed<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

/// A page as a client asks for it.
pub fn listed(filter: Option<String>, cursor: Option<String>, limit: Option<usize>) -> Page {
    Page {
        filter: filter.unwrap_or_default(),
        after: cursor.unwrap_or_default(),
        limit: limit.unwrap_or(USUAL).clamp(1, MOST),
    }
}

impl<T> Listed<T> {
    /// Of one more than was asked for: the last says only that there is more.
    fn of(mut items: Vec<T>, limit: usize, name: impl Fn(&T) -> String) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(name);
        Self { items, next }
    }
}

impl Chat {
    /// Rooms, with members and how many are online.
    pub async fn rooms(&self, page: &Page) -> Result<Listed<RoomSummary>, ChatError> {
        if finds_nothing(page) {
            return Ok(Listed::of(Vec::new(), page.limit, |_| String::new()));
        }
        let found = self.store().rooms(&one_more(page)).await?;
        let name = |room: &RoomSummary| room.name.as_str().to_owned();
        Ok(Listed::of(found, page.limit, name))
    }

    /// Who is online, over all instances.
    pub async fn users(&self, page: &Page) -> Result<Listed<Online>, ChatError> {
        if finds_nothing(page) {
            return Ok(Listed::of(Vec::new(), page.limit, |_| String::new()));
        }
        let found = self.store().online(&one_more(page)).await?;
        Ok(Listed::of(found, page.limit, |user| user.nickname.clone()))
    }
}

fn one_more(page: &Page) -> Page {
    Page {
        limit: page.limit + 1,
        ..page.clone()
    }
}

/// Also what no database would take for a text.
fn finds_nothing(page: &Page) -> bool {
    [&page.filter, &page.after]
        .iter()
        .any(|text| text.len() > LONGEST || text.contains('\0'))
}

impl Listed<RoomSummary> {
    /// For programs, over every transport.
    pub fn json(&self) -> Value {
        let room = |room: &RoomSummary| {
            json!({
                "name": room.name.as_str(), "members": room.members,
                "online": room.online, "last_seq": room.last_seq,
            })
        };
        let rooms: Vec<_> = self.items.iter().map(room).collect();
        with_next(json!({ "rooms": rooms }), &self.next)
    }
}

impl Listed<Online> {
    /// For programs, over every transport.
    pub fn json(&self) -> Value {
        let user = |user: &Online| {
            json!({
                "nickname": user.nickname, "rooms": user.rooms,
                "transport": user.transport, "instance": user.instance,
            })
        };
        let users: Vec<_> = self.items.iter().map(user).collect();
        with_next(json!({ "users": users }), &self.next)
    }
}

fn with_next(mut list: Value, next: &Option<String>) -> Value {
    if let Some(next) = next {
        list["next"] = next.as_str().into();
    }
    list
}
