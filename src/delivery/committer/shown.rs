//! What was committed, as readers see it: here first, then by the bus.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::{Item, Outgoing};
use crate::bus::RoomChannel;
use crate::delivery::batcher::Waiting;
use crate::delivery::hub::Hub;
use crate::model::{
    Details, Entry, Event, Lineage, Message, Reactions, RoomKey, RoomRef, Seq, What,
};
use crate::store::{Appended, Operation, Rejected};

type Answered = Result<Appended, Rejected>;

/// What a batch adds to a room.
struct Shown {
    room: RoomRef,
    channel: RoomChannel,
    /// When the first of it was.
    accepted: Instant,
    entries: Vec<Entry>,
    /// Messages that were reacted to.
    reacted: Vec<Seq>,
}

/// Makes what is committed visible to readers here, then hands it to the bus.
pub(super) async fn show<T>(hub: &Arc<Hub>, batch: &[Waiting<Item, T>], answers: &[Answered]) {
    let mut rooms = gather(hub, batch, answers);
    let lineage = hub.lineage();
    // No room waits for what is read for another.
    rooms.retain(|key, shown| {
        let waits = !shown.reacted.is_empty();
        if !waits {
            present(hub, *key, shown, lineage.as_ref());
        }
        waits
    });
    for (key, mut shown) in rooms {
        if with_reactions(hub, &mut shown).await {
            present(hub, key, &mut shown, lineage.as_ref());
        } else if let (Some(room), Some(last)) = (hub.served(key), shown.entries.last()) {
            // They are stored: readers are given them as any other that this instance did not see.
            room.hear_of(last.seq);
            hub.catch_up_soon(room);
        }
    }
}

fn present(hub: &Arc<Hub>, key: RoomKey, shown: &mut Shown, lineage: Option<&Lineage>) {
    let entries = std::mem::take(&mut shown.entries);
    if let Some(room) = hub.served(key) {
        let taken = room.accept(entries.clone(), shown.accepted);
        hub.after(taken, room);
    }
    hub.bus.publish(&shown.channel, &entries, lineage);
}

fn gather<T>(
    hub: &Hub,
    batch: &[Waiting<Item, T>],
    answers: &[Answered],
) -> BTreeMap<RoomKey, Shown> {
    let mut rooms: BTreeMap<RoomKey, Shown> = BTreeMap::new();
    let mut count = 0;
    for (((outgoing, accepted), _), answer) in batch.iter().zip(answers) {
        if let Ok(stored) = answer
            && stored.fresh
        {
            count += 1;
            hub.meters
                .commit
                .record(hub.now().saturating_duration_since(*accepted));
            let shown = rooms.entry(outgoing.room.key).or_insert_with(|| Shown {
                room: outgoing.room.clone(),
                channel: RoomChannel::of(&outgoing.room, outgoing.kind),
                accepted: *accepted,
                entries: Vec::new(),
                reacted: Vec::new(),
            });
            if let Operation::React { target, .. } = outgoing.operation {
                shown.reacted.push(target);
            }
            shown.entries.push(committed(outgoing, stored));
        }
    }
    hub.meters.committed.add(count);
    hub.meters.batches.add(1);
    rooms
}

/// Puts into the entries about reactions what is reacted now; false where that cannot be read.
async fn with_reactions(hub: &Hub, shown: &mut Shown) -> bool {
    let Ok(mut found) = hub.log.reactions(&shown.room, &shown.reacted).await else {
        return false;
    };
    for entry in &mut shown.entries {
        if let What::Event(event) = &mut entry.what
            && let Event::Reacted { target, reactions } = Arc::make_mut(event)
        {
            *reactions = found.remove(target).unwrap_or_default();
        }
    }
    true
}

fn committed(outgoing: &Outgoing, stored: &Appended) -> Entry {
    Entry {
        id: stored.id,
        seq: stored.seq,
        number: stored.number,
        room: outgoing.room.name.clone(),
        user: outgoing.nickname.clone(),
        created_at: stored.created_at,
        what: what(&outgoing.operation, outgoing.author.display_name()),
    }
}

fn what(operation: &Operation, display_name: Option<&Arc<str>>) -> What {
    let event = match operation {
        Operation::Say { content, .. } if operation.is_plain() && display_name.is_none() => {
            return content.clone().into();
        }
        Operation::Say {
            content,
            kind,
            thread,
            reply_to,
            ..
        } => {
            let called = operation.mentions().iter();
            let details = Details {
                display_name: display_name.cloned(),
                kind: *kind,
                thread: *thread,
                reply_to: *reply_to,
                mentions: called.map(|mention| mention.nickname.clone()).collect(),
                ..Details::default()
            };
            return What::Message(Message {
                content: content.clone(),
                details: Some(Arc::new(details)),
            });
        }
        Operation::Edit { target, content } => Event::Edited {
            target: *target,
            content: Some(content.clone()),
        },
        Operation::Delete { target, .. } => Event::Deleted { target: *target },
        Operation::React { target, .. } => Event::Reacted {
            target: *target,
            reactions: Reactions::new(),
        },
        Operation::Pin { target, pinned } => Event::Pinned {
            target: *target,
            pinned: *pinned,
        },
        Operation::Topic { topic } => Event::Topic {
            topic: topic.clone(),
        },
    };
    What::Event(Arc::new(event))
}
