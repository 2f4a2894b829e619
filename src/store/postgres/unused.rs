//! What was made and never used: it goes, so that nothing fills up that only was begun.
use super::connection::Connection;
use super::seconds;
use crate::model::{LOBBY, UserId};
use crate::store::unused::{LOOK_AT, ROOM_AGE, USER_AGE};

/// Rooms that somebody created, in which nothing was ever said and nobody is.
pub(super) async fn rooms(connection: &mut Connection) -> Result<(), sqlx::Error> {
    let query = sqlx::query(
        r#"DELETE FROM rooms r WHERE last_seq = 0 AND created_by IS NOT NULL
             AND lower(name COLLATE "C") <> $2 AND created_at < now() - make_interval(secs => $1)
             AND NOT EXISTS (SELECT FROM room_members m WHERE m.room_id = r.id)
             AND NOT EXISTS (SELECT FROM session_rooms s WHERE s.room_id = r.id)
             AND NOT EXISTS (SELECT FROM messages m WHERE m.room_id = r.id)"#,
    );
    connection
        .run(query.bind(seconds(ROOM_AGE)).bind(LOBBY))
        .await?;
    Ok(())
}

/// Of the users after `after`, a portion of those who said nothing, are in no room, have no
/// session and created nothing. Returns how far it looked; 0 at the end.
pub(super) async fn users(
    connection: &mut Connection,
    after: UserId,
) -> Result<UserId, sqlx::Error> {
    let query = sqlx::query_as("SELECT id FROM users WHERE id > $1 ORDER BY id LIMIT 1 OFFSET $2");
    let rows: Vec<(UserId,)> = connection.all(query.bind(after).bind(LOOK_AT)).await?;
    let reached = rows.first().map(|(id,)| *id);
    let query = sqlx::query(
        "DELETE FROM users u WHERE id > $1 AND id <= $2
           AND created_at < now() - make_interval(secs => $3)
           AND NOT EXISTS (SELECT FROM sessions s WHERE s.user_id = u.id)
           AND NOT EXISTS (SELECT FROM room_members m WHERE m.user_id = u.id)
           AND NOT EXISTS (SELECT FROM rooms r WHERE r.created_by = u.id)
           AND NOT EXISTS (SELECT FROM messages m WHERE m.user_id = u.id)",
    );
    let query = query
        .bind(after)
        .bind(reached.map_or(i64::MAX, UserId::get));
    connection.run(query.bind(seconds(USER_AGE))).await?;
    Ok(reached.unwrap_or(UserId::new(0)))
}
