//! Finding what was said, in the rooms that the actor may read now.
use std::collections::HashMap;

use super::{Actor, Chat, ChatError, Outcome};
use crate::chat::direct::called;
use crate::chat::outcome::Found;
use crate::chat::rights::Stood;
use crate::delivery::fitting;
use crate::index::{Filters, Query};
use crate::model::{MessageId, RoomKey, RoomKind, RoomRef};
use crate::policy::Action;
use crate::search::Hit;

/// Messages in one answer: where nothing is asked, and at most.
const USUAL: usize = 20;
const MOST: usize = 100;
/// Rooms that are looked through for one actor; of more, the newest.
const MOST_ROOMS: usize = 50_000;
/// Direct rooms of one account that are looked through for the names by which it calls them.
const MOST_DIRECT: usize = 1_000;

/// What is asked for, as a client wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Searching {
    /// Words, phrases and filters.
    pub typed: String,
    /// Only messages with a smaller id.
    pub before: Option<MessageId>,
    pub limit: Option<usize>,
}

/// The rooms of a search.
struct Rooms {
    rooms: Vec<RoomRef>,
    /// There are more than are looked through.
    more: bool,
}

impl Chat {
    pub(in crate::chat) async fn search(
        &self,
        actor: &Actor,
        asked: Searching,
    ) -> Result<Outcome, ChatError> {
        let limit = asked.limit.unwrap_or(USUAL).clamp(1, MOST);
        let query = Query::parse(&asked.typed, self.clock().utc())?;
        // Before the rooms are read, which may be many: those that wait hold none, and what is refused costs little.
        let turn = self.searcher.turn().await?;
        let Rooms { rooms, more } = self.searched(actor, query.filters()).await?;
        let found = turn.find(&query, &rooms, asked.before, limit).await?;
        drop(rooms);
        let (mut hits, all_shown) = self.shown_hits(actor, found.hits).await?;
        let mut next = found.next;
        let fits = fitting(hits.iter().map(|hit| Some(&hit.entry)));
        if fits < hits.len() {
            hits.truncate(fits);
            next = hits.last().map(|hit| hit.entry.id);
        }
        Ok(Outcome::Found(Found {
            typed: asked.typed,
            hits,
            next,
            complete: found.complete && !more && all_shown,
        }))
    }

    /// The rooms that are looked through: those that are named, or all that the actor may read, without those
    /// that are left out.
    async fn searched(&self, actor: &Actor, filters: &Filters) -> Result<Rooms, ChatError> {
        let mut of = if filters.rooms.is_empty() {
            self.all_readable(actor).await?
        } else {
            let rooms = self.named(actor, &filters.rooms).await?;
            Rooms { rooms, more: false }
        };
        for name in &filters.not_rooms {
            // What there is not, or not for this actor, is left out anyway.
            if let Ok(left_out) = self.room_for(actor, name).await {
                of.rooms.retain(|room| room.key != left_out.key);
            }
        }
        Ok(of)
    }

    /// Those of these names.
    ///
    /// # Errors
    /// One that the actor may not read is refused as for anything else that is about it.
    async fn named(&self, actor: &Actor, names: &[String]) -> Result<Vec<RoomRef>, ChatError> {
        let mut rooms: Vec<RoomRef> = Vec::new();
        for name in names {
            let room = self.room_for(actor, name).await?;
            let place = self.allow_in(actor, Action::Read, room).await?;
            let room = place.room()?;
            if rooms.iter().all(|known| known.key != room.key) {
                rooms.push(room);
            }
        }
        Ok(rooms)
    }

    async fn all_readable(&self, actor: &Actor) -> Result<Rooms, ChatError> {
        let user = actor.session().and_then(|session| session.user());
        let address = actor.origin().address().map(|address| address.to_string());
        let turn = self.hub.turn().await?;
        let reached = self
            .store()
            .reach(user, address.as_deref(), MOST_ROOMS + 1)
            .await?;
        drop(turn);
        let more = reached.len() > MOST_ROOMS;
        let warrant = actor.warrant();
        let is_open = |room: &RoomRef| {
            let warrant = warrant.as_ref();
            warrant.is_none_or(|warrant| warrant.knows(room.key) && warrant.allows(Action::Read))
        };
        let readable = reached.into_iter().filter_map(|(room, stands)| {
            let reads = |stands| self.reads_as(&Stood::of(stands), actor.without());
            (is_open(&room) && reads(stands)).then_some(room)
        });
        Ok(Rooms {
            rooms: readable.take(MOST_ROOMS).collect(),
            more,
        })
    }

    /// What was found, as the actor calls the rooms. A search takes its time: what may not be read any more when
    /// it has ended is not shown.
    ///
    /// False where a direct room is so far back that its name is not known: what is in it is not shown, either.
    async fn shown_hits(
        &self,
        actor: &Actor,
        hits: Vec<Hit>,
    ) -> Result<(Vec<Hit>, bool), ChatError> {
        let mut all_shown = true;
        let mut rooms: HashMap<RoomKey, Option<RoomRef>> = HashMap::new();
        let mut directs: Option<HashMap<RoomKey, RoomRef>> = None;
        for hit in &hits {
            let key = hit.room.key;
            if rooms.contains_key(&key) {
                continue;
            }
            let mut room = Some(hit.room.clone());
            if !self.may_read(actor, &hit.room).await? {
                room = None;
            } else if hit.room.label().is_none()
                && self.stood(actor, &hit.room).await?.kind() == RoomKind::Direct
            {
                if directs.is_none() {
                    directs = Some(self.directs_as_called(actor).await?);
                }
                room = directs.as_ref().and_then(|of| of.get(&key)).cloned();
                all_shown &= room.is_some();
            }
            rooms.insert(key, room);
        }
        let mut shown = Vec::with_capacity(hits.len());
        for mut hit in hits {
            if let Some(Some(room)) = rooms.get(&hit.room.key) {
                hit.entry.room = room.shown().clone();
                hit.room = room.clone();
                shown.push(hit);
            }
        }
        Ok((shown, all_shown))
    }

    async fn directs_as_called(
        &self,
        actor: &Actor,
    ) -> Result<HashMap<RoomKey, RoomRef>, ChatError> {
        let user = actor.account()?.user;
        let all = self.store().directs_of(user, MOST_DIRECT).await?;
        let named = all.iter().map(|of| (of.room.key, called(of, user)));
        Ok(named.collect())
    }
}
