//! Requests for lists: of messages that mention one, or are pinned in a room, and which part of any list.
use serde::Deserialize;

use super::{List, Number, Wrong, whole};
use crate::chat::{Asked, Command, PageFrom, Searching, Target};
use crate::model::Seq;

/// From where messages are paged.
#[derive(Debug, Deserialize)]
pub(in crate::transport) struct PagedFrom {
    before: Option<Number>,
    after: Option<Number>,
    around: Option<Number>,
}

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

/// Messages that are looked for.
#[derive(Debug, Deserialize)]
pub(in crate::transport) struct Search {
    q: String,
    /// Where the page before ended.
    cursor: Option<Number>,
    limit: Option<Number>,
}

impl Search {
    pub(super) fn command(self) -> Result<Command, Wrong> {
        Ok(Command::Search(Searching {
            typed: self.q,
            before: whole("cursor", self.cursor)?,
            limit: whole("limit", self.limit)?,
        }))
    }
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

impl List {
    pub(super) fn page(self) -> Result<Asked, Wrong> {
        Ok(Asked {
            limit: whole("limit", self.limit)?,
            filter: self.filter,
            cursor: self.cursor,
        })
    }

    pub(super) fn audit(mut self) -> Result<Command, Wrong> {
        Ok(Command::Audit {
            workspace: self.workspace.take(),
            page: self.page()?,
        })
    }
}

impl PagedFrom {
    pub(super) fn page(self) -> Result<PageFrom, Wrong> {
        Ok(match (self.before, self.after, self.around) {
            (before, None, None) => PageFrom::Before(whole("before", before)?),
            (None, Some(after), None) => PageFrom::After(place("after", after)?),
            (None, None, Some(around)) => PageFrom::Around(place("around", around)?),
            _ => {
                let wanted = "the only one of 'before', 'after' and 'around'";
                return Err(Wrong {
                    field: "after",
                    wanted,
                });
            }
        })
    }
}

fn place(field: &'static str, number: Number) -> Result<Seq, Wrong> {
    Ok(whole(field, Some(number))?.unwrap_or_default())
}
