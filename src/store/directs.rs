//! Direct rooms: each is named by its people, and its people never change. Of either kind of database.
use async_trait::async_trait;

use super::StoreError;
use super::ask::{Ask, Statement, Turn};
use super::sql::Arg;
use crate::model::{RoomId, RoomName, RoomRef, Seq, Uid, UserId, UserKey};

/// One of the people of a direct room.
#[derive(Debug, Clone, PartialEq)]
pub struct Participant {
    pub user: UserKey,
    pub nickname: String,
    pub display_name: Option<String>,
    /// It has an account that is not disabled, in a workspace of the asking user.
    pub within_reach: bool,
}

/// A direct room with its people, by nickname.
#[derive(Debug, Clone, PartialEq)]
pub struct Direct {
    pub room: RoomRef,
    pub last_seq: Seq,
    pub people: Vec<Participant>,
}

/// The direct rooms of accounts.
#[async_trait]
pub trait Directs: Send + Sync + 'static {
    /// Those of a user in which was spoken last, at most `limit`, the newest first.
    async fn directs_of(&self, user: UserKey, limit: usize) -> Result<Vec<Direct>, StoreError>;

    /// Those of these nicknames that accounts have, as `of` may reach them.
    async fn participants(
        &self,
        of: UserKey,
        nicknames: &[&str],
    ) -> Result<Vec<Participant>, StoreError>;

    /// Whether all of these users are in one workspace.
    async fn share_a_workspace(&self, people: &[UserKey]) -> Result<bool, StoreError>;

    /// The direct room of that name, made now with these people if there is none; `None` where the name
    /// is another room's.
    async fn open_direct(
        &self,
        name: &RoomName,
        people: &[UserKey],
        by: UserKey,
    ) -> Result<Option<RoomRef>, StoreError>;
}

type Person = (UserId, Uid, String, Option<String>, bool);

fn participant((id, uid, nickname, display_name, within_reach): Person) -> Participant {
    Participant {
        user: UserKey { id, uid },
        nickname,
        display_name,
        within_reach,
    }
}

#[async_trait]
impl<A: Ask> Directs for A {
    async fn directs_of(&self, user: UserKey, limit: usize) -> Result<Vec<Direct>, StoreError> {
        let sql = "WITH mine AS (
               SELECT r.id, r.uid, r.name, r.last_seq,
                 coalesce((SELECT s.id FROM messages s WHERE s.room_id = r.id
                   ORDER BY s.seq DESC LIMIT 1), 0) AS newest
               FROM room_members m JOIN rooms r ON r.id = m.room_id
                 JOIN users u ON u.id = m.user_id
               WHERE m.user_id = $1 AND u.uid = $2 AND r.kind = 'direct'
               ORDER BY newest DESC, r.id DESC LIMIT $3)
             SELECT d.id, d.uid, d.name, d.last_seq, p.id, p.uid, p.nickname, p.display_name
             FROM mine d JOIN room_members o ON o.room_id = d.id JOIN users p ON p.id = o.user_id
             ORDER BY d.newest DESC, d.id DESC, @lower(p.nickname@c)";
        type Row = (
            RoomId,
            Uid,
            String,
            Seq,
            UserId,
            Uid,
            String,
            Option<String>,
        );
        let args = [
            user.id.into(),
            user.uid.into(),
            Arg::Number(i64::try_from(limit).ok()),
        ];
        let rows: Vec<Row> = self.all(Turn::Read, &[(sql, &args)]).await?;
        let mut directs: Vec<Direct> = Vec::new();
        for (id, uid, name, last_seq, user, user_uid, nickname, display_name) in rows {
            if directs.last().is_none_or(|last| last.room.key.id != id) {
                directs.push(Direct {
                    room: RoomRef::stored(id, uid, &name),
                    last_seq,
                    people: Vec::new(),
                });
            }
            let one = participant((user, user_uid, nickname, display_name, true));
            directs
                .last_mut()
                .into_iter()
                .for_each(|direct| direct.people.push(one.clone()));
        }
        Ok(directs)
    }

    async fn participants(
        &self,
        of: UserKey,
        nicknames: &[&str],
    ) -> Result<Vec<Participant>, StoreError> {
        let sql = "SELECT u.id, u.uid, u.nickname, u.display_name,
               u.disabled_at IS NULL AND EXISTS (SELECT 1 FROM workspace_members a
                 JOIN workspace_members b ON b.workspace_id = a.workspace_id
                 WHERE a.user_id = u.id AND b.user_id = $2)
             FROM users u WHERE @lower(u.nickname@c) @in($1) AND u.registered_at IS NOT NULL
             ORDER BY @lower(u.nickname@c)";
        let keys: Vec<String> = nicknames.iter().map(|n| n.to_ascii_lowercase()).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let args = [keys.as_slice().into(), of.id.into()];
        let rows: Vec<Person> = self.all(Turn::Read, &[(sql, &args)]).await?;
        Ok(rows.into_iter().map(participant).collect())
    }

    async fn share_a_workspace(&self, people: &[UserKey]) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM workspace_members WHERE user_id @in($1)
             GROUP BY workspace_id HAVING count(*) = $2)";
        let ids: Vec<i64> = people.iter().map(|user| user.id.get()).collect();
        let args = [Arg::Numbers(&ids), Arg::Number(Some(ids.len() as i64))];
        self.value(Turn::Read, &[(sql, &args)]).await
    }

    async fn open_direct(
        &self,
        name: &RoomName,
        people: &[UserKey],
        by: UserKey,
    ) -> Result<Option<RoomRef>, StoreError> {
        let failed = |error| StoreError::Unavailable(format!("cannot make a room's uid: {error}"));
        let uid = Uid::random().map_err(failed)?;
        let ids: Vec<i64> = people.iter().map(|user| user.id.get()).collect();
        let make: [Arg<'_>; 4] = [
            name.as_str().into(),
            uid.into(),
            by.id.into(),
            by.uid.into(),
        ];
        let made: [Arg<'_>; 3] = [Arg::Numbers(&ids), name.as_str().into(), uid.into()];
        let statements: [Statement<'_>; 5] = [
            (
                "INSERT INTO rooms (name, uid, created_by, kind)
                 SELECT $1, $2, u.id, 'direct' FROM users u WHERE u.id = $3 AND u.uid = $4
                 ON CONFLICT DO NOTHING",
                &make,
            ),
            (
                "INSERT INTO room_members (room_id, user_id)
                 SELECT r.id, u.id FROM rooms r, users u
                 WHERE u.id @in($1) AND @lower(r.name@c) = @lower($2@c) AND r.uid = $3",
                &made,
            ),
            // All that is said there is for them, also before they look into it.
            (
                "INSERT INTO read_marks (user_id, room_id)
                 SELECT u.id, r.id FROM rooms r, users u
                 WHERE u.id @in($1) AND @lower(r.name@c) = @lower($2@c) AND r.uid = $3",
                &made,
            ),
            (
                "INSERT INTO rights_changes (user_id, room_id)
                 SELECT u.id, r.id FROM rooms r, users u
                 WHERE u.id @in($1) AND @lower(r.name@c) = @lower($2@c) AND r.uid = $3",
                &made,
            ),
            (
                "SELECT id, uid, name FROM rooms
                 WHERE @lower(name@c) = @lower($1@c) AND kind = 'direct'",
                &make[..1],
            ),
        ];
        let found: Vec<(RoomId, Uid, String)> = self.all(Turn::Once, &statements).await?;
        let found = found.first();
        Ok(found.map(|(id, uid, name)| RoomRef::stored(*id, *uid, name)))
    }
}
