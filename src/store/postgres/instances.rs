//! An instance's heartbeat.
use chrono::{DateTime, Utc};

use super::connection::Connection;
use crate::store::instances::{ENTER_POSTGRES, entry};
use crate::store::presence::Beat;
use crate::store::sql::Arg;
use crate::store::{Instance, InstanceId};

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
    let enter = sqlx::query_with(ENTER_POSTGRES, Arg::postgres(&entry(Some(id), instance))?);
    connection.run(enter).await?;
    Ok(Beat::entered())
}
