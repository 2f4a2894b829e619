//! What a session may do at most that was opened by a token, and for which token that is.
use std::collections::HashMap;

use chrono::{DateTime, Utc};
use parking_lot::Mutex;

use crate::auth::secret::Digest;
use crate::model::{RoomKey, SessionKey, Uid};
use crate::policy::{Action, Scopes};
use crate::store::TokenOf;

/// A cap on what the session's account may do.
#[derive(Debug)]
pub(super) struct Warrant {
    pub(super) token: i64,
    scopes: Scopes,
    /// The only rooms that there are for it.
    pub(super) rooms: Option<Vec<Uid>>,
    pub(super) expires_at: Option<DateTime<Utc>>,
}

impl Warrant {
    pub(super) fn of(token: &TokenOf) -> Self {
        Self {
            token: token.id,
            scopes: Scopes::stored(&token.scopes),
            rooms: token.rooms.clone(),
            expires_at: token.expires_at,
        }
    }

    pub(super) fn has_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    pub(super) fn allows(&self, action: Action) -> bool {
        self.scopes.allow(action)
    }

    /// What is about no room. To make one, or to read of all, is beyond a token for some rooms.
    pub(super) fn allows_anywhere(&self, action: Action) -> bool {
        let everywhere = self.rooms.is_none() || matches!(action, Action::See | Action::Read);
        everywhere && self.allows(action)
    }

    /// Whether the room is there for it.
    pub(super) fn knows(&self, room: RoomKey) -> bool {
        self.knows_of(room.uid)
    }

    pub(super) fn knows_of(&self, room: Uid) -> bool {
        let rooms = self.rooms.as_ref();
        rooms.is_none_or(|rooms| rooms.contains(&room))
    }
}

/// The sessions of tokens that were shown here, by the tokens' digests: a token that is known costs no
/// query.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<HashMap<[u8; 32], SessionKey>>);

/// So many are known at a time.
const MOST: usize = 10_000;

impl Known {
    pub(super) fn get(&self, digest: &Digest) -> Option<SessionKey> {
        self.0.lock().get(digest.as_bytes()).cloned()
    }

    /// Where there are too many all are forgotten: each costs a query at its next request.
    pub(super) fn insert(&self, digest: &Digest, session: SessionKey) {
        let mut known = self.0.lock();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(*digest.as_bytes(), session);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{RoomId, UserId, UserKey};

    fn warrant(scopes: &str, rooms: Option<&[i64]>) -> Warrant {
        let user = UserKey {
            id: UserId::new(1),
            uid: Uid::new(1),
        };
        Warrant::of(&TokenOf {
            id: 7,
            user,
            nickname: "buildbot".into(),
            name: "ci".into(),
            scopes: scopes.into(),
            rooms: rooms.map(|uids| uids.iter().map(|uid| Uid::new(*uid)).collect()),
            created_at: DateTime::default(),
            expires_at: Some(DateTime::default()),
            last_used_at: None,
        })
    }

    #[test]
    fn a_token_for_some_rooms_knows_no_others_and_makes_none() {
        let room = |uid| RoomKey {
            id: RoomId::new(1),
            uid: Uid::new(uid),
        };
        let some = warrant("read write manage", Some(&[4, 5]));
        assert!(some.knows(room(5)) && !some.knows(room(6)));
        assert!(some.allows(Action::Topic) && !some.allows_anywhere(Action::CreateRoom));
        assert!(some.allows_anywhere(Action::See));
        let all = warrant("manage", None);
        assert!(all.knows(room(6)) && all.allows_anywhere(Action::CreateRoom));
        assert!(!all.allows(Action::Write));
        assert!(!warrant("", None).allows(Action::Read));
    }

    #[test]
    fn a_token_ends_at_its_time() {
        let warrant = warrant("read", None);
        assert!(warrant.has_expired(DateTime::default()));
        let before = DateTime::<Utc>::default() - chrono::Duration::milliseconds(1);
        assert!(!warrant.has_expired(before));
    }
}
