//! What a client makes of what it is given: a copy of the room's messages, from some place on.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::rows::{State, told};
use crate::model::{Entry, Event, Seq, What};

#[derive(Debug, Default)]
pub(super) struct Replica {
    /// It has all from here on.
    pub(super) from: Seq,
    pub(super) messages: BTreeMap<Seq, State>,
    /// Of a page, what lies beyond the place from which it is read on: that comes once more.
    ahead: BTreeSet<Seq>,
    /// The last that it was told, if it was.
    pub(super) topic: Option<Option<Arc<str>>>,
}

impl Replica {
    /// Begins with a page of messages that is true at the place that is read on from.
    pub(super) fn begin(&mut self, page: &[Entry], true_at: Seq) {
        // A page of few messages may lie beyond that place altogether.
        let first = page.first().map_or(Seq::MAX, |first| first.seq);
        self.from = first.min(true_at.next());
        page.iter().for_each(|entry| self.take(entry));
        let ahead = page.iter().map(|entry| entry.seq);
        self.ahead = ahead.filter(|seq| *seq > true_at).collect();
    }

    /// # Panics
    /// Where an event is about a message that should be here and is not.
    pub(super) fn take(&mut self, entry: &Entry) {
        let event = match &entry.what {
            What::Message(message) => {
                let known = self.messages.insert(entry.seq, State::of(message));
                let ahead = self.ahead.remove(&entry.seq);
                assert!(known.is_none() || ahead, "{entry:?} comes twice");
                return;
            }
            What::Event(event) => &**event,
        };
        if let Event::Topic { topic } = event {
            self.topic = Some(topic.clone());
        }
        let Some(target) = event.target() else { return };
        let Some(state) = self.messages.get_mut(&target) else {
            assert!(
                target < self.from,
                "{entry:?} is about nothing that was given"
            );
            return;
        };
        match event {
            Event::Edited {
                content: Some(content),
                ..
            } => {
                state.content = content.to_string();
                state.edited_at = Some(entry.created_at);
            }
            // That it is gone is told by an event of its own.
            Event::Edited { content: None, .. } | Event::Topic { .. } | Event::Void => {}
            Event::Deleted { .. } => {
                *state = State {
                    gone: true,
                    ..State::default()
                };
            }
            Event::Reacted { reactions, .. } => state.reactions = told(reactions),
            Event::Pinned { pinned, .. } => state.pinned = *pinned,
        }
    }
}
