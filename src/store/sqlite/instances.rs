//! Instances, and what is forgotten when its time is over.
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use super::{ago, span};
use crate::store::alive;
use crate::store::presence::Beat;
use crate::store::{Instance, InstanceId, NONCE_LIFE, NOTICE_LIFE, StoreError};

/// How long a dead instance's row is kept, for whoever looks into what happened.
const FORGET_INSTANCES: Duration = Duration::from_secs(3600);
/// Rows deleted by one statement, so that none holds up others however much there is to forget.
const PORTION: i64 = 1_000;

pub(super) async fn register(
    connection: &mut SqliteConnection,
    instance: &Instance,
) -> Result<InstanceId, StoreError> {
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query(
        "UPDATE sessions SET online = 0
         WHERE instance_id IN (SELECT id FROM instances WHERE name = ?1)",
    )
    .bind(&instance.name)
    .execute(&mut *tx)
    .await?;
    sqlx::query("DELETE FROM instances WHERE name = ?1")
        .bind(&instance.name)
        .execute(&mut *tx)
        .await?;
    let id = enter(&mut tx, None, instance).await?;
    tx.commit().await?;
    Ok(id)
}

pub(super) async fn enter(
    connection: &mut SqliteConnection,
    id: Option<InstanceId>,
    instance: &Instance,
) -> Result<InstanceId, StoreError> {
    Ok(sqlx::query_scalar(
        "INSERT INTO instances (id, name, pid, version, tcp_port, http_port)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING id",
    )
    .bind(id)
    .bind(&instance.name)
    .bind(instance.pid)
    .bind(instance.version)
    .bind(instance.tcp_port)
    .bind(instance.http_port)
    .fetch_one(connection)
    .await?)
}

pub(super) async fn move_sessions(
    connection: &mut SqliteConnection,
    from: InstanceId,
    to: InstanceId,
) -> Result<(), StoreError> {
    let query = sqlx::query("UPDATE sessions SET instance_id = ?2 WHERE instance_id = ?1");
    query.bind(from).bind(to).execute(connection).await?;
    Ok(())
}

pub(super) async fn heartbeat(
    connection: &mut SqliteConnection,
    id: InstanceId,
    instance: &Instance,
) -> Result<Beat, StoreError> {
    let rows: Vec<(DateTime<Utc>,)> = sqlx::query_as(
        "SELECT heartbeat_at FROM instances WHERE id = ?1;
         UPDATE instances SET heartbeat_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
         WHERE id = ?1 RETURNING heartbeat_at",
    )
    .bind(id)
    .fetch_all(&mut *connection)
    .await?;
    if let [(before,), (now,)] = rows[..] {
        return Ok(Beat::after(before, now));
    }
    enter(connection, Some(id), instance).await?;
    Ok(Beat::entered())
}

pub(super) async fn lively(
    connection: &mut SqliteConnection,
    within: Duration,
) -> Result<Vec<InstanceId>, StoreError> {
    let query = sqlx::query_scalar(concat!(
        "SELECT id FROM instances WHERE ",
        alive!(sqlite "heartbeat_at", "?1"),
        ""
    ));
    Ok(query.bind(span(within)).fetch_all(connection).await?)
}

pub(super) async fn retire(
    connection: &mut SqliteConnection,
    instance: InstanceId,
) -> Result<(), StoreError> {
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
    for sql in [
        "UPDATE sessions SET online = 0 WHERE instance_id = ?1",
        "DELETE FROM instances WHERE id = ?1",
    ] {
        sqlx::query(sql).bind(instance).execute(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// What is forgotten, and when.
pub(super) fn forgettable(session_life: Duration) -> [(&'static str, Duration); 4] {
    [
        (
            "DELETE FROM nonces WHERE (session_id, nonce) IN (
               SELECT session_id, nonce FROM nonces
               WHERE created_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?1) LIMIT ?2)",
            NONCE_LIFE,
        ),
        (
            "DELETE FROM instances WHERE id IN (SELECT id FROM instances
               WHERE heartbeat_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?1) LIMIT ?2)",
            FORGET_INSTANCES,
        ),
        (
            "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions
               WHERE last_used_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?1)
                 AND (online = 0 OR instance_id IS NULL) LIMIT ?2)",
            session_life,
        ),
        (
            "DELETE FROM notices WHERE (origin, n) IN (SELECT origin, n FROM notices
               WHERE created_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?1) LIMIT ?2)",
            NOTICE_LIFE,
        ),
    ]
}

/// Forgets a portion; true if there may be more.
pub(super) async fn forget(
    connection: &mut SqliteConnection,
    sql: &'static str,
    life: Duration,
) -> Result<bool, StoreError> {
    let query = sqlx::query(sql).bind(ago(life)).bind(PORTION);
    let forgotten = query.execute(connection).await?.rows_affected();
    Ok(forgotten >= PORTION.unsigned_abs())
}
