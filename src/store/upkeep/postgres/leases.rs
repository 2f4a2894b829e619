//! Leases: what one at a time may do, across processes and machines.
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::postgres::PgPool;

use crate::store::upkeep::{AHEAD, Held};

pub(super) async fn take(
    pool: &PgPool,
    name: &str,
    holder: &str,
    life: Duration,
) -> Result<Result<(), Held>, sqlx::Error> {
    loop {
        let mut tx = pool.begin().await?;
        let taken = sqlx::query(
            "INSERT INTO leases (name, holder, until)
             VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
             WHERE leases.until <= clock_timestamp()
                OR leases.until > clock_timestamp() + make_interval(secs => $4)
                OR leases.holder = excluded.holder",
        )
        .persistent(false)
        .bind(name)
        .bind(holder)
        .bind(life.as_secs_f64())
        .bind((life + AHEAD).as_secs_f64())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
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
    pool: &PgPool,
    name: &str,
    holder: &str,
    life: Duration,
) -> Result<bool, sqlx::Error> {
    let mut tx = pool.begin().await?;
    let renewed = sqlx::query(
        "UPDATE leases SET until = clock_timestamp() + make_interval(secs => $3)
         WHERE name = $1 AND holder = $2",
    )
    .persistent(false)
    .bind(name)
    .bind(holder)
    .bind(life.as_secs_f64())
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(renewed.rows_affected() > 0)
}

pub(super) async fn release(pool: &PgPool, name: &str, holder: &str) -> Result<(), sqlx::Error> {
    let mut tx = pool.begin().await?;
    sqlx::query("DELETE FROM leases WHERE name = $1 AND holder = $2")
        .persistent(false)
        .bind(name)
        .bind(holder)
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}

pub(super) async fn held(pool: &PgPool, name: &str) -> Result<Option<Held>, sqlx::Error> {
    let mut tx = pool.begin().await?;
    let row: Option<(String, DateTime<Utc>)> = sqlx::query_as(
        "SELECT holder, until FROM leases WHERE name = $1 AND until > clock_timestamp()",
    )
    .persistent(false)
    .bind(name)
    .fetch_optional(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(row.map(Held::from))
}
