//! Read marks: setting them, counting what is unread, and listing the readers of a message.
use super::{Actor, Chat, ChatError, Outcome};
use crate::chat::lists::Listed;
use crate::chat::outcome::{Counted, ReadUpTo};
use crate::chat::{Gate, Marking, Place, Target};
use crate::delivery::MarksFull;
use crate::model::{Seq, UserKey};
use crate::policy::Action;
use crate::store::Mark;

/// Marks in one request.
const MOST_MARKS: usize = 100;
/// Readers of a message in one answer.
const MOST_SEEN: usize = 100;
/// Rooms in one answer about what was not read.
const MOST_UNREAD: usize = 100;

impl Chat {
    /// Marks rooms as read, or none of them. It is written within a second, and a mark that is less than
    /// what is marked already changes nothing.
    pub(in crate::chat) async fn mark_read(
        &self,
        actor: &Actor,
        marks: Vec<Marking>,
    ) -> Result<Outcome, ChatError> {
        let user = actor.account()?.user;
        if marks.len() > MOST_MARKS {
            let why = format!("at most {MOST_MARKS} rooms are marked at once");
            return Err(ChatError::BadRequest(why));
        }
        let mut read = Vec::with_capacity(marks.len());
        for Marking { room, thread, seq } in marks {
            let gate = Gate::Table(Action::Read);
            let room = self.pass(actor, gate, room.about()).await?.room()?;
            let seq = match seq {
                Some(seq) => seq,
                None => self.last_seq(&room).await?,
            };
            read.push(ReadUpTo { room, thread, seq });
        }
        for read in &read {
            self.ask_mark(user, read)?;
        }
        Ok(Outcome::Read(read))
    }

    /// Has a mark written within a second.
    pub(super) fn ask_mark(&self, user: UserKey, read: &ReadUpTo) -> Result<(), ChatError> {
        let mark = Mark {
            user,
            room: read.room.key,
            thread: read.thread,
            seq: read.seq,
        };
        let asked = self.hub.marks.ask(mark, read.room.shown());
        asked.map_err(|MarksFull| {
            self.meters().marks_refused.add(1);
            ChatError::QueueFull
        })
    }

    /// Has a room call the account no more, but for mentions, or call it again.
    pub(in crate::chat) async fn mute_room(
        &self,
        actor: &Actor,
        room: &Target,
        muted: bool,
    ) -> Result<Outcome, ChatError> {
        let user = actor.account()?.user;
        let gate = Gate::Table(Action::Read);
        let room = self.pass(actor, gate, room.about()).await?.room()?;
        self.store().set_muted(user, room.key, muted).await?;
        let room = room.shown().clone();
        Ok(Outcome::RoomMuted { room, muted })
    }

    /// The rooms in which something was said that was not read; of muted ones, those with a mention.
    pub(in crate::chat) async fn unread(&self, actor: &Actor) -> Result<Outcome, ChatError> {
        let mut rooms = self.my_rooms(actor).await?;
        rooms.retain(|room| room.tally.calls());
        rooms.truncate(MOST_UNREAD);
        Ok(Outcome::Unread(rooms))
    }

    /// The readers of a message.
    ///
    /// # Errors
    /// Says that it is not shown, unless the room turned it on, and where there is no such message.
    pub(in crate::chat) async fn seen(&self, place: Place, seq: Seq) -> Result<Outcome, ChatError> {
        let (room, stood) = place.stood()?;
        if !stood.shows_seen() {
            return Err(ChatError::NotShown(room.shown().clone()));
        }
        if seq < Seq::FIRST || seq > self.last_seq(&room).await? {
            return Err(ChatError::NoSuchMessage);
        }
        let (items, count) = self.store().seen_by(room.key, seq, MOST_SEEN).await?;
        Ok(Outcome::Seen(Counted {
            list: Listed { items, next: None },
            total: usize::try_from(count).unwrap_or(usize::MAX),
            filtered: false,
        }))
    }
}
