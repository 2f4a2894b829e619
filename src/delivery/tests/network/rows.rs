//! The rows of the simulation's log: each message with all that it was, and events, which are filled
//! when they are read.
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::model::{
    Details, Entry, Event, Gone, Message, MessageId, Number, Reaction, Reactions, RoomName, Seq,
    UserKey, What,
};
use crate::store::{Giving, Operation};

/// What a message is: its text, and what was done to it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct State {
    pub(super) content: String,
    pub(super) edited_at: Option<DateTime<Utc>>,
    pub(super) gone: bool,
    pub(super) pinned: bool,
    /// By emoji, the first that was given first.
    pub(super) reactions: Vec<(String, Vec<String>)>,
}

impl State {
    /// A message as it was told.
    pub(super) fn of(message: &Message) -> Self {
        let details = message.details.as_deref().cloned().unwrap_or_default();
        Self {
            content: message.content.to_string(),
            edited_at: details.edited_at,
            gone: details.gone.is_some(),
            pinned: details.pinned,
            reactions: told(&details.reactions),
        }
    }

    fn message(&self) -> Message {
        let details = Details {
            edited_at: self.edited_at,
            gone: self.gone.then_some(Gone::Author),
            pinned: self.pinned,
            reactions: self.reactions(),
            ..Details::default()
        };
        Message {
            content: self.content.as_str().into(),
            details: (details != Details::default()).then(|| Arc::new(details)),
        }
    }

    pub(super) fn reactions(&self) -> Reactions {
        let reaction = |(emoji, users): &(String, Vec<String>)| {
            let users: Vec<Arc<str>> = users.iter().map(|user| user.as_str().into()).collect();
            let count = users.len() as u64;
            (emoji.as_str().into(), Reaction { count, users })
        };
        self.reactions.iter().map(reaction).collect()
    }

    /// This after `operation` of `user`.
    fn after(mut self, operation: &Operation, user: &str, now: DateTime<Utc>) -> Self {
        match operation {
            Operation::Edit { content, .. } => {
                self.content = content.to_string();
                self.edited_at = Some(now);
            }
            Operation::Delete { .. } => {
                self = Self {
                    gone: true,
                    ..Self::default()
                };
            }
            Operation::React {
                emoji, reaction, ..
            } => self.react(emoji, user, *reaction),
            Operation::Pin { pinned, .. } => self.pinned = *pinned,
            Operation::Say { .. } | Operation::Topic { .. } => {}
        }
        self
    }

    fn react(&mut self, emoji: &str, user: &str, reaction: Giving) {
        let at = self.reactions.iter().position(|(of, _)| of == emoji);
        let at = at.unwrap_or_else(|| {
            self.reactions.push((emoji.to_owned(), Vec::new()));
            self.reactions.len() - 1
        });
        let users = &mut self.reactions[at].1;
        users.retain(|other| other != user);
        if reaction == Giving::Given {
            users.push(user.to_owned());
        }
        self.reactions.retain(|(_, users)| !users.is_empty());
    }
}

/// Reactions as they were told.
pub(super) fn told(reactions: &Reactions) -> Vec<(String, Vec<String>)> {
    let names = |of: &Reaction| of.users.iter().map(|user| user.to_string()).collect();
    let each = reactions.iter();
    each.map(|(emoji, of)| (emoji.to_string(), names(of)))
        .collect()
}

enum Stored {
    /// What it was from which place on.
    Message(Vec<(Seq, State)>),
    Event(Operation),
}

struct Row {
    id: MessageId,
    number: Number,
    user: Arc<str>,
    created_at: DateTime<Utc>,
    /// In simulated time.
    committed: Duration,
    what: Stored,
}

/// One room.
pub(super) struct Rows {
    name: RoomName,
    rows: Vec<Row>,
    /// What it was from which place on.
    topics: Vec<(Seq, Option<Arc<str>>)>,
}

/// What a commit adds.
pub(super) struct New<'n> {
    pub(super) id: MessageId,
    pub(super) user: UserKey,
    pub(super) operation: &'n Operation,
    pub(super) now: DateTime<Utc>,
    pub(super) committed: Duration,
}

impl Rows {
    pub(super) fn new(name: RoomName) -> Self {
        Self {
            name,
            rows: Vec::new(),
            topics: vec![(Seq::START, None)],
        }
    }

    pub(super) fn last(&self) -> Seq {
        Seq::new(self.rows.len() as i64)
    }

    /// The last that was committed by that time.
    pub(super) fn last_by(&self, time: Duration) -> Seq {
        let by_then = self.rows.partition_point(|row| row.committed <= time);
        Seq::new(by_then as i64)
    }

    pub(super) fn events(&self) -> u64 {
        let events = self.rows.iter().map(|row| &row.what);
        events.filter(|of| matches!(of, Stored::Event(_))).count() as u64
    }

    fn row(&self, seq: Seq) -> Option<&Row> {
        self.rows
            .get(usize::try_from(seq.get()).ok()?.checked_sub(1)?)
    }

    fn versions(&self, seq: Seq) -> Option<&Vec<(Seq, State)>> {
        match &self.row(seq)?.what {
            Stored::Message(versions) => Some(versions),
            Stored::Event(_) => None,
        }
    }

    pub(super) fn state(&self, seq: Seq) -> Option<&State> {
        self.versions(seq)?.last().map(|(_, state)| state)
    }

    /// The message there or the next before it.
    pub(super) fn message_before(&self, seq: Seq) -> Option<Seq> {
        let places = (1..=seq.min(self.last()).get()).rev().map(Seq::new);
        let mut messages = places.filter(|seq| self.versions(*seq).is_some());
        messages.next()
    }

    pub(super) fn topic(&self) -> Option<Arc<str>> {
        self.topics.last().and_then(|(_, topic)| topic.clone())
    }

    /// Adds a row, and does to another what it says; `None` where the message that it is about is not
    /// there. `seq` is that of the row that tells of it already, if one does.
    pub(super) fn commit(&mut self, new: &New<'_>, told_by: Option<Seq>) -> Option<(Seq, Number)> {
        let user: Arc<str> = format!("writer-{}", new.user.id.get()).into();
        let place = told_by.unwrap_or_else(|| self.last().next());
        if let Some(target) = new.operation.target() {
            if self.state(target).is_none_or(|state| state.gone) {
                return None;
            }
            let at = target.get() as usize - 1;
            if let Stored::Message(versions) = &mut self.rows[at].what {
                let now = versions.last().map(|(_, state)| state.clone());
                let after = now.unwrap_or_default();
                versions.push((place, after.after(new.operation, &user, new.now)));
            }
        }
        if let Operation::Topic { topic } = new.operation {
            self.topics.push((place, topic.clone()));
        }
        let before = self.rows.last().map_or(0, |row| row.number.get());
        if let Some(row) = told_by.and_then(|seq| self.row(seq)) {
            return Some((place, row.number));
        }
        let (said, what) = match new.operation {
            Operation::Say { content, .. } => {
                let content = content.to_string();
                let state = State {
                    content,
                    ..State::default()
                };
                (1, Stored::Message(vec![(place, state)]))
            }
            other => (0, Stored::Event(other.clone())),
        };
        let number = Number::new(before + said);
        self.rows.push(Row {
            id: new.id,
            number,
            user,
            created_at: new.now,
            committed: new.committed,
            what,
        });
        Some((place, number))
    }

    /// The entry there, as it is now.
    pub(super) fn entry(&self, seq: Seq) -> Option<Entry> {
        let row = self.row(seq)?;
        let what = match &row.what {
            Stored::Message(versions) => What::Message(versions.last()?.1.message()),
            Stored::Event(operation) => What::Event(Arc::new(self.event(operation))),
        };
        Some(Entry {
            id: row.id,
            seq,
            number: row.number,
            room: self.name.clone(),
            user: row.user.clone(),
            created_at: row.created_at,
            what,
        })
    }

    fn event(&self, operation: &Operation) -> Event {
        let now = |target: &Seq| self.state(*target).cloned().unwrap_or_default();
        match operation {
            Operation::Edit { target, .. } => {
                let now = now(target);
                Event::Edited {
                    target: *target,
                    content: (!now.gone).then(|| now.content.as_str().into()),
                }
            }
            Operation::Delete { target, .. } => Event::Deleted { target: *target },
            Operation::React { target, .. } => Event::Reacted {
                target: *target,
                reactions: now(target).reactions(),
            },
            Operation::Pin { target, .. } => Event::Pinned {
                target: *target,
                pinned: now(target).pinned,
            },
            Operation::Topic { .. } => Event::Topic {
                topic: self.topic(),
            },
            Operation::Say { .. } => Event::Void,
        }
    }

    pub(super) fn entries(&self, wanted: impl Fn(Seq) -> bool) -> Vec<Entry> {
        let places = (1..=self.last().get()).map(Seq::new);
        let wanted = places.filter(|seq| wanted(*seq));
        wanted.filter_map(|seq| self.entry(seq)).collect()
    }

    /// Whether an entry is what is stored in its place, at some time since its own: each part of it
    /// for itself, because a store reads one after another.
    pub(super) fn vouches_for(&self, entry: &Entry) -> bool {
        let Some(stored) = self.entry(entry.seq) else {
            return false;
        };
        let same = |e: &Entry| (e.id, e.number, e.user.clone(), e.created_at, e.room.clone());
        same(&stored) == same(entry)
            && match &entry.what {
                What::Message(message) => self.was(entry.seq, &State::of(message)),
                What::Event(event) => self.happened(entry.seq, event),
            }
    }

    fn was(&self, seq: Seq, told: &State) -> bool {
        let any = |part: &dyn Fn(&State) -> bool| self.since(seq, seq).any(part);
        any(&|was| was.content == told.content)
            && any(&|was| was.edited_at == told.edited_at)
            && any(&|was| was.gone == told.gone)
            && any(&|was| was.pinned == told.pinned)
            && any(&|was| was.reactions == told.reactions)
    }

    /// What a message was from a place on.
    fn since(&self, target: Seq, place: Seq) -> impl Iterator<Item = &State> {
        let versions = self.versions(target).into_iter().flatten();
        let since = versions.filter(move |(seq, _)| *seq >= place);
        since.map(|(_, state)| state)
    }

    fn happened(&self, seq: Seq, event: &Event) -> bool {
        let mut since = event
            .target()
            .into_iter()
            .flat_map(|target| self.since(target, seq));
        match event {
            Event::Edited { content, .. } => since.any(|was| match content {
                Some(content) => !was.gone && was.content == **content,
                None => was.gone,
            }),
            Event::Deleted { .. } => since.any(|was| was.gone),
            Event::Reacted { reactions, .. } => {
                let reactions = told(reactions);
                since.any(|was| was.reactions == reactions)
            }
            Event::Pinned { pinned, .. } => since.any(|was| was.pinned == *pinned),
            Event::Topic { topic } => {
                let mut since = self.topics.iter().filter(|(at, _)| *at >= seq);
                since.any(|(_, was)| was == topic)
            }
            Event::Void => false,
        }
    }
}
