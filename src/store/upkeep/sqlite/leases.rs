//! Leases: what one at a time may do, across processes.
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::sqlite::SqlitePool;

use super::ahead;
use crate::store::upkeep::{AHEAD, Held};

pub(super) async fn take(
    pool: &SqlitePool,
    name: &str,
    holder: &str,
    life: Duration,
) -> Result<Result<(), Held>, sqlx::Error> {
    loop {
        let taken = sqlx::query(
            "INSERT INTO leases (name, holder, until)
             VALUES (?1, ?2, strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?3))
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
             WHERE leases.until <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
                OR leases.until > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?4)
                OR leases.holder = excluded.holder",
        )
        .bind(name)
        .bind(holder)
        .bind(ahead(life))
        .bind(ahead(life + AHEAD))
        .execute(pool)
        .await?;
        if taken.rows_affected() > 0 {
            return Ok(Ok(()));
        }
        // Gone since: then it can be had.
        if let Some(held) = held(pool, name).await? {
            return Ok(Err(held));
        }
    }
}

pub(super) async fn renew(
    pool: &SqlitePool,
    name: &str,
    holder: &str,
    life: Duration,
) -> Result<bool, sqlx::Error> {
    let renewed = sqlx::query(
        "UPDATE leases SET until = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?3)
         WHERE name = ?1 AND holder = ?2",
    )
    .bind(name)
    .bind(holder)
    .bind(ahead(life))
    .execute(pool)
    .await?;
    Ok(renewed.rows_affected() > 0)
}

pub(super) async fn release(
    pool: &SqlitePool,
    name: &str,
    holder: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM leases WHERE name = ?1 AND holder = ?2")
        .bind(name)
        .bind(holder)
        .execute(pool)
        .await?;
    Ok(())
}

pub(super) async fn held(pool: &SqlitePool, name: &str) -> Result<Option<Held>, sqlx::Error> {
    let row: Option<(String, DateTime<Utc>)> = sqlx::query_as(
        "SELECT holder, until FROM leases
         WHERE name = ?1 AND until > strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
    )
    .bind(name)
    .fetch_optional(pool)
    .await?;
    Ok(row.map(Held::from))
}
