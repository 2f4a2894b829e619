//! The lines: what Server-Sent Events carry, with the name of the event and the epoch beside it.
use serde::Serialize;

use crate::model::{Epoch, Message, RoomName, Seq};

#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Line<'a> {
    Message {
        epoch: &'a Epoch,
        #[serde(flatten)]
        message: &'a Message,
    },
    /// These were deleted from the database; the archive may have them.
    Gap {
        epoch: &'a Epoch,
        room: &'a RoomName,
        from: Seq,
        to: Seq,
    },
    /// Of what was told of the room, only what is up to `last_seq` is still so.
    Reset {
        epoch: &'a Epoch,
        room: &'a RoomName,
        last_seq: Seq,
    },
}

impl<'a> Line<'a> {
    pub(super) fn message(message: &'a Message, epoch: &'a Epoch) -> Self {
        Self::Message { epoch, message }
    }

    pub(super) fn gap(room: &'a RoomName, epoch: &'a Epoch, from: Seq, to: Seq) -> Self {
        Self::Gap {
            epoch,
            room,
            from,
            to,
        }
    }

    pub(super) fn reset(room: &'a RoomName, epoch: &'a Epoch, last_seq: Seq) -> Self {
        Self::Reset {
            epoch,
            room,
            last_seq,
        }
    }

    pub(super) fn write(&self, to: &mut String) {
        // Strings and numbers into memory: there is nothing that could fail.
        let _ = serde_json::to_string(self).map(|line| {
            to.push_str(&line);
            to.push('\n');
        });
    }
}
