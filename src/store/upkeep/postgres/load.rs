//! What there is to trim, and whether anybody waits.
use chrono::{DateTime, Utc};
use sqlx::postgres::PgPool;

use crate::model::RoomId;
use crate::store::upkeep::AHEAD;

pub(super) async fn crowded(
    pool: &PgPool,
    keep: usize,
    before: DateTime<Utc>,
) -> Result<Vec<RoomId>, sqlx::Error> {
    let mut tx = pool.begin().await?;
    let rooms = sqlx::query_scalar(
        "SELECT r.id FROM rooms r
         WHERE (SELECT m.created_at FROM messages m WHERE m.room_id = r.id
             AND m.created_at <= now() + make_interval(secs => $3) ORDER BY m.seq LIMIT 1) < $2
           AND EXISTS (SELECT FROM messages m WHERE m.room_id = r.id
             ORDER BY m.seq DESC OFFSET $1 LIMIT 1)",
    )
    .persistent(false)
    .bind(i64::try_from(keep).unwrap_or(i64::MAX))
    .bind(before)
    .bind(AHEAD.as_secs_f64())
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(rooms)
}

pub(super) async fn dated_ahead(pool: &PgPool) -> Result<i64, sqlx::Error> {
    let mut tx = pool.begin().await?;
    let count = sqlx::query_scalar(
        "SELECT count(*) FROM messages WHERE created_at > now() + make_interval(secs => $1)",
    )
    .persistent(false)
    .bind(AHEAD.as_secs_f64())
    .fetch_one(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(count)
}

pub(super) async fn waiting(pool: &PgPool) -> Result<u64, sqlx::Error> {
    let mut tx = pool.begin().await?;
    let waiting: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active'
           AND wait_event_type = 'Lock'
           AND application_name NOT LIKE 'discordctl cleanup%'",
    )
    .persistent(false)
    .fetch_one(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(u64::try_from(waiting).unwrap_or(0))
}
