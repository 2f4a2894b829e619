//! The members of a room, a page at a time.
use super::{Chat, ChatError, Outcome};
use crate::chat::Place;
use crate::chat::lists::{Asked, Listed, finds_nothing, page};
use crate::store::Member;

impl Chat {
    pub(in crate::chat) async fn members(
        &self,
        place: Place,
        asked: Asked,
    ) -> Result<Outcome, ChatError> {
        let room = place.room()?;
        let (page, limit) = page(asked);
        let found = if finds_nothing(&page) {
            Vec::new()
        } else {
            let more = self.store().members(room.key, &page.after, limit + 1);
            more.await?
        };
        let list = Listed::of(found, limit, |member: &Member| member.nickname.clone());
        Ok(Outcome::Members(list))
    }
}
