//! Users and their sessions as they are looked up, of either kind of database.
use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;

use super::ask::{Ask, Statement, Turn};
use super::rooms::seen;
use super::sql::Arg;
use super::{
    ACCOUNT_SESSION_LIFE, InstanceId, LEASE, Online, Page, People, SessionRow, StoreError, Viewer,
    alive,
};
use crate::model::{RoomId, RoomRef, SessionKey, Uid, UserId, UserKey};

/// Whether the viewer of that parameter sees the session `s`: its account shares a workspace with the
/// viewer's, or it has no account and so is in the first workspace.
macro_rules! shares {
    ($n:literal) => {
        concat!(
            "($",
            $n,
            " = -1 OR s.account <> @true AND ($",
            $n,
            " IS NULL OR EXISTS (SELECT 1 FROM workspace_members v
                 WHERE v.workspace_id = 1 AND v.user_id = $",
            $n,
            ")) OR EXISTS (SELECT 1 FROM workspace_members w
                 WHERE w.user_id = s.user_id AND ($",
            $n,
            " IS NULL AND w.workspace_id = 1 OR EXISTS (SELECT 1 FROM workspace_members v
                   WHERE v.workspace_id = w.workspace_id AND v.user_id = $",
            $n,
            "))))"
        )
    };
}

#[async_trait]
impl<A: Ask> People for A {
    async fn user(&self, nickname: &str) -> Result<UserKey, StoreError> {
        // Nothing is written on PostgreSQL for one who is there. The empty update makes RETURNING
        // answer for one that another makes at this moment.
        let sql = self.either(
            r#"WITH found AS (
                 SELECT id, uid FROM users
                 WHERE lower(nickname COLLATE "C") = lower($1::text COLLATE "C")
               ), made AS (
                 INSERT INTO users (nickname) SELECT $1 WHERE NOT EXISTS (SELECT FROM found)
                 ON CONFLICT (lower(nickname COLLATE "C")) DO UPDATE SET nickname = users.nickname
                 RETURNING id, uid
               )
               SELECT id, uid FROM found UNION ALL SELECT id, uid FROM made"#,
            // Not RETURNING: its uid is given to a row after it is there.
            "SELECT id, uid FROM users WHERE nickname = $1",
        );
        let args = [nickname.into()];
        let make = (
            "INSERT INTO users (nickname) VALUES ($1) ON CONFLICT DO NOTHING",
            &args[..],
        );
        let find = (sql, &args[..]);
        let statements: [Statement<'_>; 2] = [make, find];
        let statements = self.either(&statements[1..], &statements[..]);
        let rows: Vec<(UserId, Uid)> = self.all(Turn::Repeatable, statements).await?;
        let (id, uid) = rows.first().copied().ok_or(sqlx::Error::RowNotFound)?;
        Ok(UserKey { id, uid })
    }

    async fn session(
        &self,
        key: &SessionKey,
        life: Duration,
    ) -> Result<Option<SessionRow>, StoreError> {
        let sql = concat!(
            "SELECT s.user_id, u.uid, s.account, s.nickname,
               s.online AND EXISTS (SELECT 1 FROM instances i WHERE i.id = s.instance_id AND ",
            alive!("i.heartbeat_at"),
            "), r.id, r.uid, r.name
             FROM sessions s LEFT JOIN users u ON u.id = s.user_id
               LEFT JOIN session_rooms sr ON sr.session_id = s.id
               LEFT JOIN rooms r ON r.id = sr.room_id
             WHERE s.id = $3 AND s.transport <> 'tcp' AND (s.last_used_at > @now($4)
               OR s.account = @true AND s.last_used_at > @now($5))
             ORDER BY r.id"
        );
        type Row = (
            Option<UserId>,
            Option<Uid>,
            bool,
            String,
            bool,
            Option<RoomId>,
            Option<Uid>,
            Option<String>,
        );
        let [ago, ahead] = alive::args(LEASE);
        let account_life = Arg::Ago(life.max(ACCOUNT_SESSION_LIFE));
        let args = [
            ago,
            ahead,
            key.as_str().into(),
            Arg::Ago(life),
            account_life,
        ];
        let rows: Vec<Row> = self.all(Turn::Read, &[(sql, &args)]).await?;
        let room = |row: &Row| Some(RoomRef::stored(row.5?, row.6?, row.7.as_ref()?));
        Ok(rows
            .first()
            .map(|row @ (_, _, account, nickname, online, ..)| SessionRow {
                user: UserKey::of(row.0, row.1),
                account: *account,
                nickname: nickname.as_str().into(),
                online: *online,
                rooms: rows.iter().filter_map(room).collect(),
            }))
    }

    async fn ended(
        &self,
        instance: InstanceId,
        sessions: &[SessionKey],
    ) -> Result<Vec<SessionKey>, StoreError> {
        /// Those of the asked that are not stored.
        macro_rules! ended {
            ($asked:literal) => {
                concat!(
                    "SELECT k.value FROM ",
                    $asked,
                    " WHERE NOT EXISTS (SELECT 1 FROM sessions WHERE id = k.value)
                       AND EXISTS (SELECT 1 FROM instances WHERE id = $4 AND ",
                    alive!("heartbeat_at"),
                    ")"
                )
            };
        }
        let sql = self.either(
            ended!("unnest($3::text[]) AS k (value)"),
            ended!("json_each($3) k"),
        );
        let asked: Vec<&str> = sessions.iter().map(SessionKey::as_str).collect();
        let [ago, ahead] = alive::args(LEASE);
        let args = [ago, ahead, asked.as_slice().into(), instance.into()];
        let gone: Vec<(String,)> = self.all(Turn::ReadAside, &[(sql, &args)]).await?;
        let gone: HashSet<String> = gone.into_iter().map(|(key,)| key).collect();
        let over = |key: &&SessionKey| gone.contains(key.as_str());
        Ok(sessions.iter().filter(over).cloned().collect())
    }

    async fn online(&self, page: &Page, viewer: Viewer) -> Result<Vec<Online>, StoreError> {
        let sql = concat!(
            "SELECT s.nickname, u.display_name, s.transport, i.name,
               (SELECT string_agg(r.name, ' ' ORDER BY @lower(r.name@c))
                FROM session_rooms sr JOIN rooms r ON r.id = sr.room_id
                WHERE sr.session_id = s.id AND ",
            seen!("6"),
            ")
             FROM sessions s JOIN instances i ON i.id = s.instance_id
               LEFT JOIN users u ON u.id = s.user_id
             WHERE s.online = @true AND ",
            alive!("i.heartbeat_at"),
            " AND @position(lower(s.nickname@c), lower($3@c)) > 0
               AND @lower(s.nickname@c) > @lower($4@c) AND ",
            shares!("6"),
            " ORDER BY @lower(s.nickname@c) LIMIT coalesce($5, 9223372036854775807)"
        );
        let [ago, ahead] = alive::args(LEASE);
        let (filter, after) = (page.filter.as_str().into(), page.after.as_str().into());
        let args = [ago, ahead, filter, after, page.limit.into(), viewer.arg()];
        type Row = (String, Option<String>, String, String, Option<String>);
        let rows: Vec<Row> = self.all(Turn::Read, &[(sql, &args)]).await?;
        let names = |rooms: String| rooms.split(' ').map(String::from).collect();
        let line = |(nickname, display_name, transport, instance, rooms): Row| Online {
            nickname,
            display_name,
            rooms: rooms.map(names).unwrap_or_default(),
            transport,
            instance,
        };
        Ok(rows.into_iter().map(line).collect())
    }

    async fn count_online(&self, filter: &str, viewer: Viewer) -> Result<u64, StoreError> {
        let sql = concat!(
            "SELECT count(*) FROM sessions s JOIN instances i ON i.id = s.instance_id
             WHERE s.online = @true AND ",
            alive!("i.heartbeat_at"),
            " AND @position(lower(s.nickname@c), lower($3@c)) > 0 AND ",
            shares!("4")
        );
        let [ago, ahead] = alive::args(LEASE);
        let args = [ago, ahead, filter.into(), viewer.arg()];
        let count: i64 = self.value(Turn::Read, &[(sql, &args)]).await?;
        Ok(count.unsigned_abs())
    }
}
