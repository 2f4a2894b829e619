//! An instance's heartbeat.
use chrono::{DateTime, Utc};
use sqlx::sqlite::SqliteConnection;

use crate::store::instances::{ENTER_SQLITE, entry};
use crate::store::presence::Beat;
use crate::store::sql::Arg;
use crate::store::{Instance, InstanceId, StoreError};

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
    let enter = sqlx::query_with(ENTER_SQLITE, Arg::sqlite(&entry(Some(id), instance))?);
    enter.execute(connection).await?;
    Ok(Beat::entered())
}
