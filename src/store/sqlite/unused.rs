//! What was made and never used: it goes, so that nothing fills up that only was begun.
use sqlx::sqlite::SqliteConnection;

use super::ago;
use crate::model::{LOBBY, UserId};
use crate::store::StoreError;
use crate::store::unused::{LOOK_AT, ROOM_AGE, USER_AGE};

/// Rooms that somebody created, in which nothing was ever said and nobody is.
pub(super) async fn rooms(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM rooms WHERE last_seq = 0 AND created_by IS NOT NULL AND name <> ?2
           AND created_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?1)
           AND NOT EXISTS (SELECT 1 FROM room_members m WHERE m.room_id = rooms.id)
           AND NOT EXISTS (SELECT 1 FROM session_rooms s WHERE s.room_id = rooms.id)
           AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.room_id = rooms.id)",
    )
    .bind(ago(ROOM_AGE))
    .bind(LOBBY)
    .execute(connection)
    .await?;
    Ok(())
}

/// Of the users after `after`, a portion of those who said nothing, are in no room, have no
/// session and created nothing. Returns how far it looked; 0 at the end.
pub(super) async fn users(
    connection: &mut SqliteConnection,
    after: UserId,
) -> Result<UserId, StoreError> {
    let reached: Option<UserId> =
        sqlx::query_scalar("SELECT id FROM users WHERE id > ?1 ORDER BY id LIMIT 1 OFFSET ?2")
            .bind(after)
            .bind(LOOK_AT)
            .fetch_optional(&mut *connection)
            .await?;
    sqlx::query(
        "DELETE FROM users WHERE id > ?1 AND id <= ?2
           AND created_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?3)
           AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.user_id = users.id)
           AND NOT EXISTS (SELECT 1 FROM room_members m WHERE m.user_id = users.id)
           AND NOT EXISTS (SELECT 1 FROM rooms r WHERE r.created_by = users.id)
           AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.user_id = users.id)",
    )
    .bind(after)
    .bind(reached.map_or(i64::MAX, UserId::get))
    .bind(ago(USER_AGE))
    .execute(connection)
    .await?;
    Ok(reached.unwrap_or(UserId::new(0)))
}
