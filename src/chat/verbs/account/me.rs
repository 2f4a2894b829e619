//! The client's own identity, and its rooms.
use std::collections::HashMap;

use super::{Actor, Chat, ChatError, Outcome};
use crate::chat::direct::{called, title};
use crate::model::{Nickname, Role, RoomKey, RoomKind, RoomName, Seq, UserKey};
use crate::store::{Direct, ReadSoFar, RoomOf};

/// Direct rooms in one answer, those in which was spoken last.
const MOST_DIRECT: usize = 1_000;

/// A client as it is known here.
#[derive(Debug)]
pub struct Me {
    pub user: Option<UserKey>,
    pub nickname: Nickname,
    pub display_name: Option<String>,
    pub role: Role,
    pub rooms: Vec<MyRoom>,
}

/// A room that a client is in.
#[derive(Debug, Clone, PartialEq)]
pub struct MyRoom {
    pub name: RoomName,
    pub kind: RoomKind,
    pub role: Role,
    pub topic: Option<String>,
    /// The other people of a direct room.
    pub title: Option<String>,
    pub last_seq: Seq,
    pub tally: Tally,
}

/// How a client stands to what was said in a room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many messages there were, how many of them were read, and how many were not.
    pub last_number: i64,
    pub read_number: i64,
    pub unread: i64,
    /// How many that were not read name the client.
    pub mentions: i64,
    /// The client wants no calls from there.
    pub muted: bool,
}

impl Tally {
    /// Whether there is something that the client wants to be called for.
    pub fn calls(&self) -> bool {
        self.mentions > 0 || (self.unread > 0 && !self.muted)
    }
}

impl Chat {
    pub(in crate::chat) async fn me(&self, actor: &Actor) -> Result<Outcome, ChatError> {
        let session = actor.known()?;
        let (user, nickname, role) = (session.user(), session.nickname(), actor.role());
        let mut display_name = None;
        if let Some(account) = session.account() {
            let stored = self.store().account_of(account.user).await?;
            display_name = stored.and_then(|account| account.display_name);
        }
        let rooms = self.my_rooms(actor).await?;
        Ok(Outcome::Me(Me {
            user,
            nickname,
            display_name,
            role,
            rooms,
        }))
    }

    /// The rooms that the client is a member of, and how it stands to what was said there.
    pub(in crate::chat) async fn my_rooms(&self, actor: &Actor) -> Result<Vec<MyRoom>, ChatError> {
        let (session, role) = (actor.known()?, actor.role());
        let Some(user) = session.user() else {
            return Ok(Vec::new());
        };
        if session.account().is_some() {
            // What was marked a moment ago is seen at once.
            self.write_marks(self.hub.marks.of(user)).await?;
        }
        let read = self.store().readings(user).await?.into_iter();
        let read: HashMap<RoomKey, ReadSoFar> = read.map(|so_far| (so_far.room, so_far)).collect();
        let warrant = actor.warrant();
        let known = |room: RoomKey| warrant.as_ref().is_none_or(|of| of.knows(room));
        let joined = self.store().rooms_of(user).await?.into_iter();
        let joined = joined.filter(|of| known(of.room.key));
        let joined = joined.map(|of| (of.room.key, my_room(of, role)));
        let directs = self.store().directs_of(user, MOST_DIRECT).await?;
        let directs = directs.iter().filter(|direct| known(direct.room.key));
        let directs = directs.map(|direct| (direct.room.key, my_direct(direct, user)));
        let of_account = session.account().is_some();
        let rooms = joined.chain(directs).map(|(key, mut room)| {
            if let Some(so_far) = read.get(&key) {
                room.tally = tally(so_far, of_account);
            }
            room
        });
        Ok(rooms.collect())
    }
}

/// What a guest has read is not kept: nothing calls it.
fn tally(so_far: &ReadSoFar, of_account: bool) -> Tally {
    let last_number = so_far.last_number;
    if !of_account {
        return Tally {
            last_number,
            read_number: last_number,
            ..Tally::default()
        };
    }
    Tally {
        last_number,
        read_number: so_far.read_number,
        unread: so_far.unread(),
        mentions: so_far.mentions,
        muted: so_far.muted,
    }
}

fn my_room(of: RoomOf, role: Role) -> MyRoom {
    MyRoom {
        name: of.room.name,
        kind: of.kind,
        role: of.role.unwrap_or(role),
        topic: of.topic,
        title: None,
        last_seq: of.last_seq,
        tally: Tally::default(),
    }
}

fn my_direct(direct: &Direct, user: UserKey) -> MyRoom {
    MyRoom {
        name: called(direct, user).shown().clone(),
        kind: RoomKind::Direct,
        role: Role::Member,
        topic: None,
        title: Some(title(&direct.people, user)),
        last_seq: direct.last_seq,
        tally: Tally::default(),
    }
}
