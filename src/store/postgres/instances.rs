//! Instances, and what is forgotten when its time is over.
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::connection::Connection;
use super::seconds;
use crate::store::alive;
use crate::store::presence::Beat;
use crate::store::{Instance, InstanceId, NONCE_LIFE, NOTICE_LIFE};

/// How long a dead instance's row is kept, for whoever looks into what happened.
const FORGET_INSTANCES: Duration = Duration::from_secs(3600);
/// A writer unused for so long belongs to no connection any more.
const FORGET_WRITERS: Duration = Duration::from_secs(24 * 3600);
/// Rows deleted by one statement, so that none takes long however much there is to forget.
const PORTION: i64 = 5_000;

pub(super) async fn register(
    connection: &mut Connection,
    instance: &Instance,
) -> Result<InstanceId, sqlx::Error> {
    let free = "UPDATE sessions SET online = false
        WHERE instance_id IN (SELECT id FROM instances WHERE name = $1)";
    connection
        .run(sqlx::query(free).bind(&instance.name))
        .await?;
    let supersede = "DELETE FROM instances WHERE name = $1";
    connection
        .run(sqlx::query(supersede).bind(&instance.name))
        .await?;
    enter(connection, None, instance).await
}

pub(super) async fn enter(
    connection: &mut Connection,
    id: Option<InstanceId>,
    instance: &Instance,
) -> Result<InstanceId, sqlx::Error> {
    let query = sqlx::query_as(
        "INSERT INTO instances (id, name, pid, version, tcp_port, http_port)
         VALUES (coalesce($1, nextval(pg_get_serial_sequence('instances', 'id'))),
           $2, $3, $4, $5, $6)
         RETURNING id",
    );
    let query = query
        .bind(id)
        .bind(&instance.name)
        .bind(i64::from(instance.pid))
        .bind(instance.version)
        .bind(i32::from(instance.tcp_port))
        .bind(i32::from(instance.http_port));
    let id = connection.one(query).await?;
    id.ok_or(sqlx::Error::RowNotFound)
}

pub(super) async fn move_sessions(
    connection: &mut Connection,
    from: InstanceId,
    to: InstanceId,
) -> Result<(), sqlx::Error> {
    let query = sqlx::query("UPDATE sessions SET instance_id = $2 WHERE instance_id = $1");
    connection.run(query.bind(from).bind(to)).await?;
    Ok(())
}

pub(super) async fn heartbeat(
    connection: &mut Connection,
    id: InstanceId,
    instance: &Instance,
) -> Result<Beat, sqlx::Error> {
    let beat = "WITH old AS (SELECT heartbeat_at FROM instances WHERE id = $1)
        UPDATE instances SET heartbeat_at = now() WHERE id = $1
        RETURNING (SELECT heartbeat_at FROM old), heartbeat_at";
    let rows: Vec<(DateTime<Utc>, DateTime<Utc>)> =
        connection.all(sqlx::query_as(beat).bind(id)).await?;
    if let Some((before, now)) = rows.first() {
        return Ok(Beat::after(*before, *now));
    }
    enter(connection, Some(id), instance).await?;
    Ok(Beat::entered())
}

pub(super) async fn lively(
    connection: &mut Connection,
    within: Duration,
) -> Result<Vec<InstanceId>, sqlx::Error> {
    let query = sqlx::query_as(concat!(
        "SELECT id FROM instances WHERE ",
        alive!(postgres "heartbeat_at", "$1"),
        ""
    ));
    let rows: Vec<(InstanceId,)> = connection.all(query.bind(seconds(within))).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

pub(super) async fn retire(
    connection: &mut Connection,
    instance: InstanceId,
) -> Result<(), sqlx::Error> {
    for sql in [
        "UPDATE sessions SET online = false WHERE instance_id = $1",
        "DELETE FROM instances WHERE id = $1",
    ] {
        connection.run(sqlx::query(sql).bind(instance)).await?;
    }
    Ok(())
}

/// What is forgotten, and when.
pub(super) fn forgettable(session_life: Duration) -> [(&'static str, Duration); 5] {
    [
        (
            "DELETE FROM nonces WHERE ctid = ANY (ARRAY(SELECT ctid FROM nonces
               WHERE created_at < now() - make_interval(secs => $1) LIMIT $2))",
            NONCE_LIFE,
        ),
        (
            "DELETE FROM instances WHERE ctid = ANY (ARRAY(SELECT ctid FROM instances
               WHERE heartbeat_at < now() - make_interval(secs => $1) LIMIT $2))",
            FORGET_INSTANCES,
        ),
        (
            "DELETE FROM sessions WHERE ctid = ANY (ARRAY(SELECT ctid FROM sessions
               WHERE last_used_at < now() - make_interval(secs => $1)
                 AND (NOT online OR instance_id IS NULL) LIMIT $2))",
            session_life,
        ),
        (
            "DELETE FROM writers WHERE ctid = ANY (ARRAY(SELECT ctid FROM writers
               WHERE used_at < now() - make_interval(secs => $1) LIMIT $2))",
            FORGET_WRITERS,
        ),
        (
            "DELETE FROM notices WHERE ctid = ANY (ARRAY(SELECT ctid FROM notices
               WHERE created_at < now() - make_interval(secs => $1) LIMIT $2))",
            NOTICE_LIFE,
        ),
    ]
}

/// Forgets a portion; true if there may be more.
pub(super) async fn forget(
    connection: &mut Connection,
    sql: &'static str,
    life: Duration,
) -> Result<bool, sqlx::Error> {
    let query = sqlx::query(sql).bind(seconds(life)).bind(PORTION);
    Ok(connection.run(query).await? >= PORTION.unsigned_abs())
}
