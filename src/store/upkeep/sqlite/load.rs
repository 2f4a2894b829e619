//! What there is to trim.
use chrono::{DateTime, Utc};
use sqlx::sqlite::SqlitePool;

use crate::model::{RoomId, format_time};
use crate::store::upkeep::AHEAD;

pub(super) async fn crowded(
    pool: &SqlitePool,
    keep: usize,
    before: DateTime<Utc>,
) -> Result<Vec<RoomId>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT r.id FROM rooms r
         WHERE (SELECT m.created_at FROM messages m WHERE m.room_id = r.id
             AND m.created_at <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?3)
             ORDER BY m.seq LIMIT 1) < ?2
           AND EXISTS (SELECT 1 FROM messages m WHERE m.room_id = r.id
             ORDER BY m.seq DESC LIMIT 1 OFFSET ?1)",
    )
    .bind(i64::try_from(keep).unwrap_or(i64::MAX))
    .bind(format_time(before))
    .bind(super::ahead(AHEAD))
    .fetch_all(pool)
    .await
}

pub(super) async fn dated_ahead(pool: &SqlitePool) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT count(*) FROM messages WHERE created_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?1)",
    )
    .bind(super::ahead(AHEAD))
    .fetch_one(pool)
    .await
}
