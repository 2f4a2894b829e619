//! The lines: what Server-Sent Events carry, with the name of the event and the epoch beside it.
use serde::Serialize;

use crate::model::{Entry, Epoch, RoomName, Seq, What};

/// A line, by the name of its event.
#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    event: &'static str,
    epoch: &'a Epoch,
    #[serde(flatten)]
    of: Of<'a>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Of<'a> {
    Entry(&'a Entry),
    /// These were deleted from the database; the archive may have them.
    Gap {
        room: &'a RoomName,
        from: Seq,
        to: Seq,
    },
    /// Of what was told of the room, only what is up to `last_seq` is still so.
    Reset {
        room: &'a RoomName,
        last_seq: Seq,
    },
}

impl<'a> Line<'a> {
    pub(super) fn entry(entry: &'a Entry, epoch: &'a Epoch) -> Self {
        let event = match &entry.what {
            What::Message(_) => "message",
            What::Event(event) => event.name(),
        };
        let of = Of::Entry(entry);
        Self { event, epoch, of }
    }

    pub(super) fn gap(room: &'a RoomName, epoch: &'a Epoch, from: Seq, to: Seq) -> Self {
        let (event, of) = ("gap", Of::Gap { room, from, to });
        Self { event, epoch, of }
    }

    pub(super) fn reset(room: &'a RoomName, epoch: &'a Epoch, last_seq: Seq) -> Self {
        let (event, of) = ("reset", Of::Reset { room, last_seq });
        Self { event, epoch, of }
    }

    pub(super) fn write(&self, to: &mut String) {
        // Strings and numbers into memory: there is nothing that could fail.
        let _ = serde_json::to_string(self).map(|line| {
            to.push_str(&line);
            to.push('\n');
        });
    }
}
