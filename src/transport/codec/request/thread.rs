//! Requests about threads, and about what was read.
use serde::Deserialize;

use super::lists::PagedFrom;
use super::{Mark, Number, Of, Wrong, whole};
use crate::chat::{Command, Marking, Stance, Target};

/// A part of a room's threads.
#[derive(Debug, Deserialize)]
pub(in crate::transport) struct ThreadsOf {
    room: String,
    before: Option<Number>,
    limit: Option<Number>,
}

/// A part of a thread.
#[derive(Debug, Deserialize)]
pub(in crate::transport) struct InThread {
    #[serde(flatten)]
    of: Of,
    #[serde(flatten)]
    from: PagedFrom,
    limit: Option<Number>,
}

/// How far rooms were read, and threads.
pub(super) fn mark_read(marks: Vec<Mark>) -> Result<Command, Wrong> {
    let marks: Result<_, _> = marks.into_iter().map(Mark::marking).collect();
    Ok(Command::MarkRead(marks?))
}

impl Mark {
    fn marking(self) -> Result<Marking, Wrong> {
        Ok(Marking {
            room: Target::Named(self.room),
            thread: whole("thread", self.thread)?,
            seq: whole("seq", Some(self.seq))?,
        })
    }
}

impl ThreadsOf {
    pub(super) fn command(self) -> Result<Command, Wrong> {
        Ok(Command::Threads {
            before: whole("before", self.before)?,
            limit: whole("limit", self.limit)?,
            room: Target::Named(self.room),
        })
    }
}

impl InThread {
    pub(super) fn command(self) -> Result<Command, Wrong> {
        let (from, limit) = (self.from.page()?, whole("limit", self.limit)?);
        let (room, seq) = self.of.message()?;
        Ok(Command::Thread {
            room,
            seq,
            from,
            limit,
        })
    }
}

impl Of {
    pub(super) fn stand(self, stance: Stance) -> Result<Command, Wrong> {
        let (room, seq) = self.message()?;
        Ok(Command::Stand { room, seq, stance })
    }
}
