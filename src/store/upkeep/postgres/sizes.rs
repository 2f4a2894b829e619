//! How large tables are and were, and who lives.
use chrono::{DateTime, Utc};
use sqlx::postgres::PgPool;

use crate::store::LEASE;
use crate::store::upkeep::{DatabaseSize, KEEP_LOOKS, Living, Look, TableSize};

/// Tables of more rows than this are not counted.
const COUNTED: i64 = 100_000;

pub(super) async fn tables(pool: &PgPool) -> Result<Vec<TableSize>, sqlx::Error> {
    let mut tx = pool.begin().await?;
    // The server's own count of live rows is kept by every commit, and lost in a crash: then
    // the planner's is nearer.
    let rows: Vec<(String, i64, i64, i64, i64)> = sqlx::query_as(
        "SELECT c.relname::text, greatest(coalesce(s.n_live_tup, 0), c.reltuples::bigint, 0),
           pg_total_relation_size(c.oid), pg_indexes_size(c.oid), coalesce(s.n_dead_tup, 0)
         FROM pg_class c LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid
         WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
         ORDER BY c.relname",
    )
    .persistent(false)
    .fetch_all(&mut *tx)
    .await?;
    let mut tables = Vec::new();
    for (name, estimate, bytes, index_bytes, dead_rows) in rows {
        let exact = estimate <= COUNTED;
        let rows = match exact {
            true => {
                let count = format!("SELECT count(*) FROM {}", quoted(&name));
                let count = sqlx::query_scalar(sqlx::AssertSqlSafe(count));
                count.persistent(false).fetch_one(&mut *tx).await?
            }
            false => estimate,
        };
        tables.push(TableSize {
            name,
            rows,
            exact,
            bytes,
            index_bytes,
            dead_rows: Some(dead_rows),
        });
    }
    tx.commit().await?;
    Ok(tables)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

pub(super) async fn database(pool: &PgPool) -> Result<DatabaseSize, sqlx::Error> {
    let size = sqlx::query_scalar("SELECT pg_database_size(current_database())");
    let mut tx = pool.begin().await?;
    let bytes = size.persistent(false).fetch_one(&mut *tx).await?;
    tx.commit().await?;
    Ok(DatabaseSize {
        bytes,
        file: None,
        wal_bytes: None,
        free_bytes: None,
    })
}

pub(super) async fn note(pool: &PgPool, tables: &[TableSize]) -> Result<(), sqlx::Error> {
    let mut tx = pool.begin().await?;
    for table in tables {
        sqlx::query(
            "INSERT INTO table_sizes (name, rows, bytes) VALUES ($1, $2, $3)
             ON CONFLICT DO NOTHING",
        )
        .persistent(false)
        .bind(&table.name)
        .bind(table.rows)
        .bind(table.bytes)
        .execute(&mut *tx)
        .await?;
    }
    sqlx::query("DELETE FROM table_sizes WHERE seen_at < now() - make_interval(secs => $1)")
        .persistent(false)
        .bind(KEEP_LOOKS.as_secs_f64())
        .execute(&mut *tx)
        .await?;
    tx.commit().await
}

pub(super) async fn looks(pool: &PgPool) -> Result<Vec<Look>, sqlx::Error> {
    let mut tx = pool.begin().await?;
    let rows: Vec<(String, DateTime<Utc>, i64, i64)> =
        sqlx::query_as("SELECT name, seen_at, rows, bytes FROM table_sizes ORDER BY seen_at")
            .persistent(false)
            .fetch_all(&mut *tx)
            .await?;
    tx.commit().await?;
    let look = |(name, seen_at, rows, bytes)| Look {
        name,
        seen_at,
        rows,
        bytes,
    };
    Ok(rows.into_iter().map(look).collect())
}

pub(super) async fn living(pool: &PgPool) -> Result<Vec<Living>, sqlx::Error> {
    let mut tx = pool.begin().await?;
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT name, pid FROM instances
         WHERE heartbeat_at > clock_timestamp() - make_interval(secs => $1) ORDER BY name",
    )
    .persistent(false)
    .bind(LEASE.as_secs_f64())
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(rows.into_iter().map(Living::from).collect())
}
