//! Places in rooms: what is read from where, and where a room stands.
use crate::model::{Epoch, RoomKey, RoomKind, RoomVersion, Seq, UserKey};

/// Which entries of a room a page holds. Pages are ascending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The first after this place. A hole among them means that rows were deleted.
    After(Seq),
    /// The same without what was put back from an archive: that is no news, but a hole in it.
    News(Seq),
    /// The newest messages, with the events since the first of them; of very many the last.
    Newest,
    /// The last messages before this place, or of all, without events.
    Before(Option<Seq>),
    /// The last of the pinned messages before this place, or of all.
    Pinned(Option<Seq>),
    /// The first messages after this place, without events.
    Since(Seq),
    /// The last replies in the thread of this message before a place, or of all.
    Replies(Seq, Option<Seq>),
    /// The first replies in the thread of this message after a place.
    RepliesSince(Seq, Seq),
}

/// What an instance knows of a room: the last `seq` it delivered, and how the room's older
/// messages were then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    pub room: RoomKey,
    pub seq: Seq,
    pub version: RoomVersion,
}

/// Where a room stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub room: RoomKey,
    pub last_seq: Seq,
    /// What was put back from an archive ends here: up to it nothing is news.
    pub replayed_seq: Seq,
    pub version: RoomVersion,
    pub kind: RoomKind,
}

/// Where rooms stand, and in which epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct Heads {
    pub epoch: Epoch,
    pub rooms: Vec<Head>,
    /// Those that are not there, and that nothing deleted; a room with another uid may have the id.
    pub gone: Vec<RoomKey>,
    /// Those that were deleted.
    pub deleted: Vec<RoomKey>,
}

/// The author of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authored {
    /// `None` where the user is deleted.
    pub user: Option<UserKey>,
    pub nickname: String,
    /// Whether the entry is a message that still has its text.
    pub is_said: bool,
}

/// Where some consecutive messages of a room lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub first: Seq,
    pub last: Seq,
    pub count: usize,
    /// There are older ones.
    pub more: bool,
}
