//! The client's own identity, and its rooms.
use super::{Actor, Chat, ChatError, Outcome};
use crate::chat::direct::{called, title};
use crate::model::{Nickname, Role, RoomKey, RoomKind, RoomName, Seq, UserKey};
use crate::store::{Direct, RoomOf};

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
        let warrant = actor.warrant();
        let known = |room: RoomKey| warrant.as_ref().is_none_or(|of| of.knows(room));
        let mut rooms = Vec::new();
        if let Some(user) = user {
            let joined = self.store().rooms_of(user).await?.into_iter();
            let joined = joined.filter(|of| known(of.room.key));
            rooms.extend(joined.map(|of| my_room(of, role)));
            let directs = self.store().directs_of(user, MOST_DIRECT).await?;
            let directs = directs.iter().filter(|direct| known(direct.room.key));
            rooms.extend(directs.map(|direct| my_direct(direct, user)));
        }
        Ok(Outcome::Me(Me {
            user,
            nickname,
            display_name,
            role,
            rooms,
        }))
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
    }
}
