//! An entry as a document holds it, of whatever version.
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::details::{Gone, Kind, Reaction, Replies};
use super::time;
use crate::model::{MessageId, Number, Seq};
use crate::store::history::{Details, EVENTS, Reacted, Root, Row, Spot};

/// An entry as a document holds it. Of a message the first four keys are enough.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Line {
    pub(crate) id: MessageId,
    /// Has to be there, and may be null: the author was deleted.
    #[serde(deserialize_with = "Option::deserialize")]
    pub(crate) user: Option<String>,
    pub(crate) content: String,
    #[serde(deserialize_with = "time::read")]
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) seq: Option<Seq>,
    pub(crate) number: Option<Number>,
    #[serde(default)]
    pub(crate) kind: Kind,
    pub(crate) target: Option<Seq>,
    pub(crate) thread: Option<Seq>,
    pub(crate) reply_to: Option<Seq>,
    #[serde(default, deserialize_with = "time::read_if")]
    pub(crate) edited_at: Option<DateTime<Utc>>,
    pub(crate) gone: Option<Gone>,
    #[serde(default, deserialize_with = "time::read_if")]
    pub(crate) pinned_at: Option<DateTime<Utc>>,
    pub(crate) reacted: Option<bool>,
    #[serde(default)]
    pub(crate) reactions: Vec<Reaction<'static>>,
    #[serde(default)]
    pub(crate) mentions: Vec<String>,
    pub(crate) replies: Option<Replies>,
}

impl Line {
    pub(crate) fn is_message(&self) -> bool {
        self.kind.0 < EVENTS
    }

    /// Takes its words away, and what goes with them.
    pub(crate) fn lose_words(&mut self, gone: i16) {
        self.content.clear();
        self.gone = Some(Gone(gone));
        (self.edited_at, self.pinned_at, self.reacted) = (None, None, None);
        self.reactions.clear();
        self.mentions.clear();
    }

    /// As it is stored; at `spot` where it names no place of its own. Of each name `person` gives the one
    /// that all share.
    pub(crate) fn into_row(self, spot: Spot, mut person: impl FnMut(&str) -> Arc<str>) -> Row {
        let spot = self.seq.map_or(spot, |seq| Spot {
            seq,
            number: self.number.unwrap_or(Number::new(seq.get())),
        });
        let reactions = self.reactions.into_iter().map(|reaction| Reacted {
            emoji: reaction.emoji.into_owned(),
            user: person(&reaction.user),
            at: reaction.at,
        });
        let reactions: Vec<Reacted> = reactions.collect();
        let root = self.replies.map(|replies| Root {
            replies: replies.count,
            last_seq: replies.last_seq,
            last_at: replies.last_at,
        });
        let details = Details {
            kind: self.kind.0,
            target: self.target,
            thread: self.thread,
            reply_to: self.reply_to,
            edited_at: self.edited_at,
            gone: self.gone.map(|gone| gone.0),
            pinned_at: self.pinned_at,
            reacted: self.reacted.unwrap_or(!reactions.is_empty()),
            reactions,
            mentions: self.mentions.iter().map(|name| person(name)).collect(),
            root,
        };
        Row {
            id: self.id,
            seq: spot.seq,
            number: spot.number,
            user: self.user.map(|name| person(&name)),
            content: self.content,
            created_at: self.created_at,
            details: (details != Details::default()).then(|| Box::new(details)),
        }
    }
}
