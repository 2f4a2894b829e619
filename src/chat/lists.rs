//! Lists of rooms and of who is online: a page at a time, since they may be long.
use super::outcome::Counted;
use super::terms::Total;
use super::{Actor, Chat, ChatError, Outcome};
use crate::store::{Online, Page, RoomSummary};

/// Entries of a list in one answer: where nothing is asked, and at most.
const USUAL: usize = 100;
const MOST: usize = 200;
/// A filter or cursor that is longer than any name finds nothing.
const LONGEST: usize = 64;

/// A page of a list, as a client asks for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    pub filter: Option<String>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    pub limit: Option<usize>,
}

/// A page of a list, and where the next begins if there is more.
#[derive(Debug)]
pub struct Listed<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

impl<T> Listed<T> {
    /// Of one more than was asked for: the last says only that there is more.
    pub(super) fn of(mut items: Vec<T>, limit: usize, name: impl Fn(&T) -> String) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(name);
        Self { items, next }
    }
}

impl Chat {
    /// Rooms, with members and how many are online.
    pub(super) async fn rooms(
        &self,
        actor: &Actor,
        asked: Asked,
        total: Total,
    ) -> Result<Outcome, ChatError> {
        let (mut page, limit) = page(asked);
        let (viewer, warrant) = (actor.viewer(), actor.warrant());
        page.only = warrant.and_then(|warrant| warrant.rooms.clone());
        let found = if finds_nothing(&page) {
            Vec::new()
        } else {
            self.store().rooms(&page, viewer).await?
        };
        let name = |room: &RoomSummary| room.name.as_str().to_owned();
        let list = Listed::of(found, limit, name);
        let mut count = list.items.len();
        if total == Total::Counted && list.next.is_some() && page.only.is_none() {
            count = self.store().count_rooms(&page.filter, viewer).await? as usize;
        }
        Ok(Outcome::Rooms(Counted::new(list, count, &page)))
    }

    /// Who is online, over all instances.
    pub(super) async fn users(
        &self,
        actor: &Actor,
        asked: Asked,
        total: Total,
    ) -> Result<Outcome, ChatError> {
        let (page, limit) = page(asked);
        let viewer = actor.viewer();
        let found = if finds_nothing(&page) {
            Vec::new()
        } else {
            self.store().online(&page, viewer).await?
        };
        let found = self.within_warrant(actor, found).await?;
        let list = Listed::of(found, limit, |user: &Online| user.nickname.clone());
        let mut count = list.items.len();
        if total == Total::Counted && list.next.is_some() {
            count = self.store().count_online(&page.filter, viewer).await? as usize;
        }
        Ok(Outcome::Users(Counted::new(list, count, &page)))
    }
}

impl Chat {
    /// The same without rooms that the actor's token is not for.
    async fn within_warrant(
        &self,
        actor: &Actor,
        mut found: Vec<Online>,
    ) -> Result<Vec<Online>, ChatError> {
        let warrant = actor.warrant();
        if let Some(rooms) = warrant.as_ref().and_then(|warrant| warrant.rooms.as_ref()) {
            let known = self.store().room_names(rooms).await?;
            let knows = |name: &String| known.iter().any(|(_, known)| known == name);
            found.iter_mut().for_each(|user| user.rooms.retain(knows));
        }
        Ok(found)
    }
}

impl<T> Counted<T> {
    fn new(list: Listed<T>, total: usize, page: &Page) -> Self {
        Self {
            list,
            total,
            filtered: !page.filter.is_empty(),
        }
    }
}

/// What is looked for, which is one more than is shown: that one says that there is more.
pub(super) fn page(asked: Asked) -> (Page, usize) {
    let limit = asked.limit.unwrap_or(USUAL).clamp(1, MOST);
    let page = Page {
        filter: asked.filter.unwrap_or_default(),
        after: asked.cursor.unwrap_or_default(),
        limit: Some(limit + 1),
        only: None,
    };
    (page, limit)
}

/// Also what no database would take for a text.
pub(super) fn finds_nothing(page: &Page) -> bool {
    [&page.filter, &page.after]
        .iter()
        .any(|text| text.len() > LONGEST || text.contains('\0'))
}
