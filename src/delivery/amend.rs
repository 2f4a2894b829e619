//! What events do to the entries before them that are in memory: so they are as their rows are, and a text
//! that was deleted is not kept.
use std::collections::HashMap;

use crate::model::{Entry, Seq, What};

/// Events, by the message that they are about; those about the room are under none.
#[derive(Debug, Default)]
pub(super) struct Amendments<'e> {
    by_target: HashMap<Option<Seq>, Vec<&'e Entry>>,
    /// The oldest message that one is about, or the first place where one is about the room.
    oldest: Seq,
}

impl<'e> Amendments<'e> {
    pub(super) fn of(entries: impl Iterator<Item = &'e Entry>) -> Self {
        let mut by_target: HashMap<_, Vec<&Entry>> = HashMap::new();
        let mut oldest = Seq::MAX;
        for entry in entries.filter(|entry| !entry.is_message()) {
            oldest = oldest.min(entry.about().unwrap_or(Seq::START));
            by_target.entry(entry.about()).or_default().push(entry);
        }
        Self { by_target, oldest }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_target.is_empty()
    }

    /// Whether they may change something of entries up to that place.
    pub(super) fn reach(&self, last: Seq) -> bool {
        last >= self.oldest
    }

    /// The entry after those of them that come later; `None` where they change nothing of it.
    pub(super) fn applied_to(&self, entry: &Entry) -> Option<Entry> {
        let mut changed: Option<Entry> = None;
        for later in self.by_target.get(&entry.about())? {
            let What::Event(event) = &later.what else {
                continue;
            };
            let now = changed.as_ref().unwrap_or(entry);
            if later.seq > now.seq
                && let Some(after) = now.after(later.created_at, event)
            {
                changed = Some(after);
            }
        }
        changed
    }
}

/// Does to each of consecutive entries what later ones among them do to it.
pub(super) fn each_other(entries: &mut [Entry]) {
    if entries.iter().all(Entry::is_message) {
        return;
    }
    let events: Vec<Entry> = entries
        .iter()
        .filter(|of| !of.is_message())
        .cloned()
        .collect();
    let amendments = Amendments::of(events.iter());
    for entry in entries {
        if let Some(after) = amendments.applied_to(entry) {
            *entry = after;
        }
    }
}
