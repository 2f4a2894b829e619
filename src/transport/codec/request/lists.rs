//! Requests for lists of messages: where one is mentioned, and what is pinned in a room.
use serde::Deserialize;

use super::{Number, Wrong, whole};
use crate::chat::{Command, Target};

/// Messages that mention the client's account.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::transport) struct Mentions {
    /// The id of a message.
    before: Option<Number>,
    limit: Option<Number>,
}

/// Pinned messages of a room.
#[derive(Debug, Deserialize)]
pub(in crate::transport) struct Pins {
    room: String,
    /// The place of a message.
    before: Option<Number>,
    limit: Option<Number>,
}

impl Mentions {
    pub(super) fn command(self) -> Result<Command, Wrong> {
        Ok(Command::Mentions {
            before: whole("before", self.before)?,
            limit: whole("limit", self.limit)?,
        })
    }
}

impl Pins {
    pub(super) fn command(self) -> Result<Command, Wrong> {
        Ok(Command::Pins {
            room: Target::Named(self.room),
            before: whole("before", self.before)?,
            limit: whole("limit", self.limit)?,
        })
    }
}
