//! What is handed to the log, and the place that it is given there.
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::Rejected;
use crate::model::{
    Gone, Mention, MessageId, MessageKind, Nonce, Number, RoomId, RoomKey, Seq, UserKey,
};

/// An entry before it has a place: what the committer hands in.
#[derive(Debug, Clone)]
pub struct Draft {
    pub room: RoomKey,
    pub user: UserKey,
    pub operation: Operation,
    pub nonce: Option<Nonce>,
}

/// What an entry does. All but the first are about a message that there is, and are refused where it is
/// gone; its row changes with the same commit.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    Say {
        content: Arc<str>,
        kind: MessageKind,
        thread: Option<Seq>,
        reply_to: Option<Seq>,
        /// The accounts that it mentions.
        mentions: Option<Arc<[Mention]>>,
    },
    Edit {
        target: Seq,
        content: Arc<str>,
    },
    Delete {
        target: Seq,
        why: Gone,
    },
    /// What one draft of a batch does to a message's reactions and another too is one entry.
    React {
        target: Seq,
        emoji: Arc<str>,
        reaction: Giving,
    },
    Pin {
        target: Seq,
        pinned: bool,
    },
    /// The room's topic was changed to this, as it is to be shown: it is read where it stands.
    Topic {
        topic: Option<Arc<str>>,
    },
}

/// Whether a reaction is given or taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Giving {
    Given,
    TakenBack,
}

impl Operation {
    /// Something that is said, as most of what is.
    pub fn say(content: Arc<str>) -> Self {
        Self::Say {
            content,
            kind: MessageKind::Text,
            thread: None,
            reply_to: None,
            mentions: None,
        }
    }

    /// The same, which calls these people.
    pub fn calling(self, called: Option<Arc<[Mention]>>) -> Self {
        match self {
            Self::Say {
                content,
                kind,
                thread,
                reply_to,
                ..
            } => Self::Say {
                content,
                kind,
                thread,
                reply_to,
                mentions: called,
            },
            other => other,
        }
    }

    /// The message that it changes.
    pub fn target(&self) -> Option<Seq> {
        match self {
            Self::Say { .. } | Self::Topic { .. } => None,
            Self::Edit { target, .. }
            | Self::Delete { target, .. }
            | Self::React { target, .. }
            | Self::Pin { target, .. } => Some(*target),
        }
    }

    /// Whether it and another, in one room, can be done by one statement.
    pub fn goes_with(&self, other: &Self) -> bool {
        if self.target().is_none() || self.target() != other.target() {
            return true;
        }
        match (self, other) {
            (Self::React { emoji, .. }, Self::React { emoji: other, .. }) => emoji != other,
            _ => false,
        }
    }

    /// `messages.kind` of its row.
    pub(super) fn kind(&self) -> i16 {
        match self {
            Self::Say { kind, .. } => match kind {
                MessageKind::Text => 0,
                MessageKind::Action => 1,
                MessageKind::Bot => 2,
            },
            Self::Edit { .. } => 10,
            Self::Delete { .. } => 11,
            Self::React { .. } => 12,
            Self::Pin { .. } => 13,
            Self::Topic { .. } => 14,
        }
    }

    pub(crate) fn is_said(&self) -> bool {
        matches!(self, Self::Say { .. })
    }

    /// Whether its row says nothing but what is said.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(
            self,
            Self::Say {
                kind: MessageKind::Text,
                thread: None,
                reply_to: None,
                mentions: None,
                ..
            }
        )
    }

    /// Whether a text that was there is there no more.
    pub(super) fn takes_words_away(&self) -> bool {
        matches!(self, Self::Edit { .. } | Self::Delete { .. })
    }

    /// The text that a row gets by it.
    pub fn content(&self) -> &str {
        match self {
            Self::Say { content, .. } | Self::Edit { content, .. } => content,
            _ => "",
        }
    }

    pub(super) fn thread(&self) -> Option<Seq> {
        match self {
            Self::Say { thread, .. } => *thread,
            _ => None,
        }
    }

    /// The accounts that it mentions.
    pub(crate) fn mentions(&self) -> &[Mention] {
        match self {
            Self::Say { mentions, .. } => mentions.as_deref().unwrap_or_default(),
            _ => &[],
        }
    }

    pub(super) fn reply_to(&self) -> Option<Seq> {
        match self {
            Self::Say { reply_to, .. } => *reply_to,
            _ => None,
        }
    }

    /// `messages.gone` after it, and 1 for a message that is pinned.
    pub(super) fn state(&self) -> i16 {
        match self {
            Self::Delete { why, .. } => match why {
                Gone::Author => 1,
                Gone::Moderator => 2,
                Gone::Erased => 3,
            },
            Self::Pin { pinned, .. } => i16::from(*pinned),
            _ => 0,
        }
    }
}

/// The place a draft was given.
#[derive(Debug, Clone, PartialEq)]
pub struct Appended {
    pub id: MessageId,
    pub seq: Seq,
    pub number: Number,
    pub created_at: DateTime<Utc>,
    /// False where there is nothing new to show: the nonce was known, and the answer is the first one;
    /// or another draft's entry tells of this one, too.
    pub fresh: bool,
}

/// Answers the drafts about messages that are not there.
pub(super) fn refuse_missing(
    batch: &[Draft],
    missing: &HashSet<(RoomId, Seq)>,
    answers: &mut [Option<Result<Appended, Rejected>>],
) {
    for (draft, answer) in batch.iter().zip(answers) {
        let target = draft.operation.target();
        if target.is_some_and(|target| missing.contains(&(draft.room.id, target))) {
            answer.get_or_insert(Err(Rejected::NoSuchMessage));
        }
    }
}

/// Of the drafts that are to be stored, those of which another one's entry tells, by its index: reactions
/// to one message are one entry.
pub(super) fn riders(batch: &[Draft], open: impl Fn(usize) -> bool) -> HashMap<usize, usize> {
    let mut firsts: HashMap<(RoomKey, Seq), usize> = HashMap::new();
    let mut riders = HashMap::new();
    for (i, draft) in batch.iter().enumerate().filter(|(i, _)| open(*i)) {
        let Operation::React { target, .. } = draft.operation else {
            continue;
        };
        let first = *firsts.entry((draft.room, target)).or_insert(i);
        if first != i {
            riders.insert(i, first);
        }
    }
    riders
}
