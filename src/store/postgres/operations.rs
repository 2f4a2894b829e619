//! What a batch does to messages that there are, by column: for the statement with which it is appended.
use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::QueryAs;

use crate::model::{RoomId, Seq, Uid, UserId};
use crate::store::{Draft, Giving, Operation};

/// The further columns of all rows of a batch, and what it does to messages that there are.
#[derive(Debug, Default)]
pub(super) struct Changes<'b> {
    kind: Vec<i16>,
    target: Vec<Option<Seq>>,
    thread: Vec<Option<Seq>>,
    reply_to: Vec<Option<Seq>>,
    state: Vec<i16>,
    /// The messages that are to be there.
    target_rooms: Vec<RoomId>,
    targets: Vec<Seq>,
    reaction_rooms: Vec<RoomId>,
    reaction_targets: Vec<Seq>,
    emoji: Vec<&'b str>,
    reaction_users: Vec<UserId>,
    given: Vec<bool>,
    called_in: Vec<RoomId>,
    called_at: Vec<i64>,
    called: Vec<UserId>,
    called_uids: Vec<Uid>,
}

impl<'b> Changes<'b> {
    /// Adds the columns of a row that is laid out in that place of its room.
    pub(super) fn push(&mut self, room: RoomId, place: i64, operation: &Operation) {
        for mention in operation.mentions() {
            self.called_in.push(room);
            self.called_at.push(place);
            self.called.push(mention.user.id);
            self.called_uids.push(mention.user.uid);
        }
        self.kind.push(operation.kind());
        self.target.push(operation.target());
        self.thread.push(operation.thread());
        self.reply_to.push(operation.reply_to());
        self.state.push(operation.state());
    }

    /// Adds what a draft does to another message, also where another draft's row tells of it.
    pub(super) fn do_to_others(&mut self, draft: &'b Draft) {
        let (room, operation) = (draft.room.id, &draft.operation);
        let Some(target) = operation.target() else {
            return;
        };
        self.target_rooms.push(room);
        self.targets.push(target);
        if let Operation::React {
            emoji, reaction, ..
        } = operation
        {
            self.reaction_rooms.push(room);
            self.reaction_targets.push(target);
            self.emoji.push(emoji);
            self.reaction_users.push(draft.user.id);
            self.given.push(*reaction == Giving::Given);
        }
    }

    /// Whether one of them is a reply in a thread.
    pub(super) fn has_replies(&self) -> bool {
        self.thread.iter().any(Option::is_some)
    }

    /// Whether a draft is about the message in that place of those that are to be there.
    pub(super) fn is_about(&self, at: usize, draft: &Draft) -> bool {
        let about = (self.target_rooms.get(at), self.targets.get(at));
        about == (Some(&draft.room.id), draft.operation.target().as_ref())
    }

    pub(super) fn bind<'q, T>(
        &'q self,
        query: QueryAs<'q, Postgres, T, PgArguments>,
    ) -> QueryAs<'q, Postgres, T, PgArguments> {
        query
            .bind(&self.kind)
            .bind(&self.target)
            .bind(&self.thread)
            .bind(&self.reply_to)
            .bind(&self.target_rooms)
            .bind(&self.targets)
            .bind(&self.state)
            .bind(&self.reaction_rooms)
            .bind(&self.reaction_targets)
            .bind(&self.emoji)
            .bind(&self.reaction_users)
            .bind(&self.given)
            .bind(&self.called_in)
            .bind(&self.called_at)
            .bind(&self.called)
            .bind(&self.called_uids)
    }
}
