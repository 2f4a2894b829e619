//! Answers to messages, and the threads that replies make.
use std::sync::Arc;

use super::history::Paged;
use super::{Actor, Chat, ChatError, Outcome};
use crate::chat::outcome::{ReadUpTo, Threads};
use crate::chat::{Changed, MOST_HISTORY, PageFrom, Place};
use crate::delivery::fitting;
use crate::model::{Entry, MessageKind, RoomRef, Seq, TransportKind, UserKey};
use crate::policy::Action;
use crate::store::{Interest, Operation, Stance, Thread};

/// Threads in one answer, where nothing is asked and at most.
const MOST_THREADS: usize = 100;
/// Replies in one answer where nothing is asked.
const REPLIES: usize = 50;

/// What a message may be beside its text, as the client wrote it: nothing, as most.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Beside {
    /// A message, in whose thread this is a reply.
    pub thread: Option<Seq>,
    /// The message that this answers.
    pub reply_to: Option<Seq>,
    /// `text`, `action` or `bot`.
    pub kind: Option<String>,
}

/// How a message is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answering {
    /// Among what is said in the room.
    InRoom,
    InThread,
}

/// The same, found to be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Checked {
    thread: Option<Seq>,
    reply_to: Option<Seq>,
    kind: MessageKind,
}

impl Checked {
    pub(super) fn say(self, content: Arc<str>) -> Operation {
        Operation::Say {
            content,
            kind: self.kind,
            thread: self.thread,
            reply_to: self.reply_to,
            mentions: None,
        }
    }
}

impl Chat {
    /// Looks whether the messages are there that one is to be beside, in memory or by one look at the
    /// store each, and whether one may.
    pub(super) async fn checked(
        &self,
        actor: &Actor,
        room: &RoomRef,
        beside: Beside,
    ) -> Result<Checked, ChatError> {
        let kind = kind(actor, beside.kind.as_deref())?;
        let mut thread = None;
        if let Some(seq) = beside.thread {
            self.allow_in(actor, Action::Thread, room.clone()).await?;
            thread = Some(self.replied_to(room, seq).await?);
        }
        if let Some(seq) = beside.reply_to {
            let message = self.hub.entry(room, seq).await?;
            self.is_there(room, seq, message.as_ref()).await?;
        }
        Ok(Checked {
            thread,
            reply_to: beside.reply_to,
            kind,
        })
    }

    /// The first message of the thread in which a message is. A thread goes on where that message is gone, or
    /// is in the archive alone.
    async fn replied_to(&self, room: &RoomRef, seq: Seq) -> Result<Seq, ChatError> {
        let (root, message) = self.root_of(room, seq).await?;
        let is_there = self.is_there(room, root, message.as_ref()).await;
        if is_there.is_err() && self.find_thread(room, None, root).await?.is_none() {
            is_there?;
        }
        Ok(root)
    }

    async fn is_there(
        &self,
        room: &RoomRef,
        seq: Seq,
        message: Option<&Entry>,
    ) -> Result<(), ChatError> {
        let Some(message) = message.and_then(|entry| entry.message()) else {
            return self.author_of(room, seq).await.map(drop);
        };
        match &message.details {
            Some(details) if details.gone.is_some() => Err(ChatError::NoSuchMessage),
            _ => Ok(()),
        }
    }

    /// Answers a message, and waits until that is visible.
    pub(in crate::chat) async fn answer(
        &self,
        actor: &Actor,
        place: Place,
        (target, how): (Seq, Answering),
        text: &str,
    ) -> Result<Outcome, ChatError> {
        let (room, stood) = place.stood()?;
        let beside = match how {
            Answering::InRoom => Beside {
                reply_to: Some(target),
                ..Beside::default()
            },
            Answering::InThread => Beside {
                thread: Some(target),
                ..Beside::default()
            },
        };
        let checked = self.checked(actor, &room, beside).await?;
        let say = |content| checked.say(content);
        let sending = self.hand_in(actor, room.clone(), &stood, (text, say), None);
        Ok(Outcome::Changed {
            what: Changed::Answered,
            room: room.shown().clone(),
            target: checked.thread.unwrap_or(target),
            receipt: sending.await?.done().await?,
        })
    }

    /// The threads of a room, the newest first.
    pub(in crate::chat) async fn threads(
        &self,
        actor: &Actor,
        place: Place,
        before: Option<Seq>,
        limit: Option<usize>,
    ) -> Result<Outcome, ChatError> {
        let (room, reader) = (place.room()?, self.reader(actor).await?);
        let limit = limit.unwrap_or(MOST_THREADS).clamp(1, MOST_THREADS);
        let _turn = self.hub.turn().await?;
        let mut threads = self
            .store()
            .threads(&room, reader, before, limit + 1)
            .await?;
        let fit = fitting(threads.iter().map(|thread| thread.message.as_ref())).min(limit);
        let more = threads.len() > fit;
        threads.truncate(fit);
        let next = threads.last().filter(|_| more).map(|last| last.last_seq);
        Ok(Outcome::Threads(Threads {
            room: room.shown().clone(),
            threads,
            next,
        }))
    }

    /// The replies in a thread. What is shown on a line to an account it has read.
    pub(in crate::chat) async fn thread(
        &self,
        actor: &Actor,
        place: Place,
        seq: Seq,
        (from, limit): (PageFrom, Option<usize>),
    ) -> Result<Outcome, ChatError> {
        let (room, reader) = (place.room()?, self.reader(actor).await?);
        let limit = limit.unwrap_or(REPLIES).clamp(1, MOST_HISTORY);
        let true_at = self.hub.stands_at(&room).await?;
        let (root, message) = self.root_of(&room, seq).await?;
        let found = self.find_thread(&room, reader, root).await?;
        let mut thread = match (found, &message) {
            (Some(thread), _) => thread,
            (None, Some(message)) => self.unanswered(&room, reader, message).await?,
            (None, None) => return Err(ChatError::NoSuchMessage),
        };
        thread.message = message;
        let of = Paged::Thread(root);
        let (replies, more) = self.page(&room, of, from, (limit, true_at)).await?;
        let newest = from == PageFrom::Before(None);
        if let (TransportKind::Tcp, true, Some(user)) = (actor.transport(), newest, reader)
            && let Some(last) = replies.last()
        {
            let read = ReadUpTo {
                room: room.clone(),
                thread: Some(root),
                seq: last.seq,
            };
            // Where too many wait it is counted as refused, and the thread is shown all the same.
            let _ = self.ask_mark(user, &read);
        }
        Ok(Outcome::Thread {
            room: room.shown().clone(),
            thread: Box::new(thread),
            replies,
            more,
            true_at,
        })
    }

    /// Follows or mutes the thread of a message, or does not any more.
    pub(in crate::chat) async fn stand_to_thread(
        &self,
        actor: &Actor,
        place: Place,
        seq: Seq,
        stance: Stance,
    ) -> Result<Outcome, ChatError> {
        let (room, user) = (place.room()?, actor.account()?.user);
        let (root, message) = self.root_of(&room, seq).await?;
        if message.is_none() && self.find_thread(&room, None, root).await?.is_none() {
            return Err(ChatError::NoSuchMessage);
        }
        let store = self.store();
        let interest = store.stand_to_thread(user, room.key, root, stance).await?;
        let room = room.shown().clone();
        Ok(Outcome::Stands {
            room,
            root,
            interest,
        })
    }

    /// The first message of the thread in which a message is: itself, unless it is a reply. `None` beside
    /// it where the database does not have that message.
    pub(super) async fn root_of(
        &self,
        room: &RoomRef,
        seq: Seq,
    ) -> Result<(Seq, Option<Entry>), ChatError> {
        let Some(entry) = self.hub.entry(room, seq).await? else {
            return Ok((seq, None));
        };
        let details = entry.message().and_then(|of| of.details.as_deref());
        match details.and_then(|details| details.thread) {
            Some(root) => Ok((root, self.hub.entry(room, root).await?)),
            None => Ok((seq, Some(entry))),
        }
    }

    /// The account by which it is told what was read and what is followed. What it marked a moment ago is
    /// seen at once.
    async fn reader(&self, actor: &Actor) -> Result<Option<UserKey>, ChatError> {
        let account = actor.session().and_then(|session| session.account());
        let user = account.map(|account| account.user);
        if let Some(user) = user {
            self.write_marks(self.hub.marks.of(user)).await?;
        }
        Ok(user)
    }

    async fn find_thread(
        &self,
        room: &RoomRef,
        reader: Option<UserKey>,
        root: Seq,
    ) -> Result<Option<Thread>, ChatError> {
        let _turn = self.hub.turn().await?;
        Ok(self.store().thread(room, reader, root).await?)
    }

    /// The thread of a message without replies.
    async fn unanswered(
        &self,
        room: &RoomRef,
        reader: Option<UserKey>,
        message: &Entry,
    ) -> Result<Thread, ChatError> {
        let mut interest = Interest::None;
        if let Some(user) = reader {
            let _turn = self.hub.turn().await?;
            let root = message.seq;
            interest = self.store().interest(user, room.key, root).await?;
        }
        Ok(Thread {
            root: message.seq,
            replies: 0,
            unread: 0,
            last_seq: message.seq,
            last_at: message.created_at,
            message: None,
            people: Vec::new(),
            interest,
        })
    }
}

fn kind(actor: &Actor, name: Option<&str>) -> Result<MessageKind, ChatError> {
    match name {
        None | Some("text") => Ok(MessageKind::Text),
        Some("action") => Ok(MessageKind::Action),
        Some("bot") if actor.warrant().is_some() => Ok(MessageKind::Bot),
        Some("bot") => {
            let why = "'kind' is bot for clients with a token alone; use text or action";
            Err(ChatError::BadRequest(why.to_owned()))
        }
        Some(_) => Err(ChatError::BadRequest(
            "'kind' is text, action or bot".to_owned(),
        )),
    }
}
