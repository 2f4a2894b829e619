//! The client's own identity, and its rooms.
use super::{Actor, Chat, ChatError, Outcome};
use crate::model::{Nickname, Role, RoomKind, RoomName, Seq, UserKey};

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
        let rooms = match user {
            Some(user) => self.store().rooms_of(user).await?,
            None => Vec::new(),
        };
        let warrant = actor.warrant();
        let known = |of: &crate::store::RoomOf| {
            let warrant = warrant.as_ref();
            warrant.is_none_or(|warrant| warrant.knows(of.room.key))
        };
        let room = |of: crate::store::RoomOf| MyRoom {
            name: of.room.name,
            kind: of.kind,
            role: of.role.unwrap_or(role),
            topic: of.topic,
            last_seq: of.last_seq,
        };
        Ok(Outcome::Me(Me {
            user,
            nickname,
            display_name,
            role,
            rooms: rooms.into_iter().filter(known).map(room).collect(),
        }))
    }
}
