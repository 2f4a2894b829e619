//! The messages that mention an account, in all rooms that it may read, the newest first.
use std::collections::HashMap;

use super::{Actor, Chat, ChatError, Outcome};
use crate::chat::direct::called;
use crate::delivery::fitting;
use crate::model::{Entry, MessageId, RoomKey, RoomKind, RoomRef, Seq, UserKey};
use crate::store::Mentioned;

/// Messages in one answer: where nothing is asked, and at most.
const USUAL: usize = 50;
const MOST: usize = 100;
/// How often the store is asked for more, where mentions are in rooms that the account may not read any
/// more.
const ROUNDS: usize = 5;
/// Direct rooms of one account that are looked through for the names by which it calls them.
const MOST_DIRECT: usize = 1_000;

/// The rooms of a page, each as the account calls it; `None` for one that it may not read.
type Readable = HashMap<RoomKey, Option<RoomRef>>;

impl Chat {
    pub(in crate::chat) async fn mentioned(
        &self,
        actor: &Actor,
        before: Option<MessageId>,
        limit: Option<usize>,
    ) -> Result<Outcome, ChatError> {
        let user = actor.account()?.user;
        let limit = limit.unwrap_or(USUAL).clamp(1, MOST);
        let mut readable = Readable::new();
        let (mut found, mut at, mut more) = (Vec::new(), before, true);
        for _ in 0..ROUNDS {
            let wanted = limit + 1 - found.len();
            let page = self.store().mentioned(user, at, wanted).await?;
            more = page.len() == wanted;
            at = page.last().map(|last| last.message).or(at);
            self.look_at_rooms(actor, user, &page, &mut readable)
                .await?;
            let may_read = |of: &Mentioned| matches!(readable.get(&of.room.key), Some(Some(_)));
            found.extend(page.into_iter().filter(may_read));
            if !more || found.len() > limit {
                break;
            }
        }
        let mut next = at.filter(|_| more);
        if found.len() > limit {
            found.truncate(limit);
            next = found.last().map(|last| last.message);
        }
        let mut messages = self.messages_of(&found, &readable).await?;
        let fits = fitting(messages.iter().map(Some));
        if fits < messages.len() {
            messages.truncate(fits);
            next = messages.last().map(|last| last.id);
        }
        Ok(Outcome::Mentioned { messages, next })
    }

    /// Finds out of each room of a page that is not known yet whether the account may read there.
    async fn look_at_rooms(
        &self,
        actor: &Actor,
        user: UserKey,
        page: &[Mentioned],
        readable: &mut Readable,
    ) -> Result<(), ChatError> {
        let mut directs: Option<HashMap<RoomKey, RoomRef>> = None;
        for one in page {
            let key = one.room.key;
            if readable.contains_key(&key) {
                continue;
            }
            let mut room = Some(one.room.clone());
            if one.kind == RoomKind::Direct {
                if directs.is_none() {
                    let all = self.store().directs_of(user, MOST_DIRECT).await?;
                    let named = all.iter().map(|of| (of.room.key, called(of, user)));
                    directs = Some(named.collect());
                }
                room = directs.as_ref().and_then(|of| of.get(&key)).cloned();
            }
            if let Some(known) = &room
                && !self.may_read(actor, known).await?
            {
                room = None;
            }
            readable.insert(key, room);
        }
        Ok(())
    }

    /// The messages in these places, in their order, read a room at a time.
    async fn messages_of(
        &self,
        places: &[Mentioned],
        readable: &Readable,
    ) -> Result<Vec<Entry>, ChatError> {
        let mut of_rooms: HashMap<RoomKey, Vec<Seq>> = HashMap::new();
        for place in places {
            of_rooms.entry(place.room.key).or_default().push(place.seq);
        }
        let mut found: HashMap<MessageId, Entry> = HashMap::new();
        for (key, seqs) in of_rooms {
            let Some(Some(room)) = readable.get(&key) else {
                continue;
            };
            let _turn = self.hub.turn().await?;
            for mut entry in self.store().messages_at(room, &seqs).await? {
                entry.room = room.shown().clone();
                found.insert(entry.id, entry);
            }
        }
        let places = places.iter();
        Ok(places
            .filter_map(|place| found.remove(&place.message))
            .collect())
    }
}
