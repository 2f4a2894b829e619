//! How large tables are and were, and who lives.
use chrono::{DateTime, Utc};
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqlitePool;

use super::ago;
use crate::store::LEASE;
use crate::store::embedded::Embedded;
use crate::store::upkeep::{DatabaseSize, KEEP_LOOKS, Living, Look, TableSize};

pub(super) async fn tables(pool: &SqlitePool) -> Result<Vec<TableSize>, sqlx::Error> {
    // Looks at every page, in one read that nobody who writes waits for.
    let sizes: Vec<(String, i64, i64)> = sqlx::query_as(
        "SELECT s.tbl_name, sum(p.pgsize), sum(CASE s.type WHEN 'index' THEN p.pgsize ELSE 0 END)
         FROM dbstat p JOIN sqlite_schema s ON s.name = p.name
         WHERE p.aggregate = 1 AND s.tbl_name NOT LIKE 'sqlite~_%' ESCAPE '~'
         GROUP BY s.tbl_name ORDER BY s.tbl_name",
    )
    .fetch_all(pool)
    .await?;
    let mut tables = Vec::new();
    for (name, bytes, index_bytes) in sizes {
        let count = format!("SELECT count(*) FROM \"{}\"", name.replace('"', "\"\""));
        tables.push(TableSize {
            rows: sqlx::query_scalar(AssertSqlSafe(count))
                .fetch_one(pool)
                .await?,
            exact: true,
            name,
            bytes,
            index_bytes,
            dead_rows: None,
        });
    }
    Ok(tables)
}

pub(super) async fn database(
    pool: &SqlitePool,
    of: &Embedded,
) -> Result<DatabaseSize, sqlx::Error> {
    let (page, pages, free): (i64, i64, i64) = sqlx::query_as(
        "SELECT page_size, page_count, freelist_count
         FROM pragma_page_size, pragma_page_count, pragma_freelist_count",
    )
    .fetch_one(pool)
    .await?;
    Ok(DatabaseSize {
        bytes: page * pages,
        file: Some(of.main().to_owned()),
        wal_bytes: Some(i64::try_from(of.log_bytes()).unwrap_or(i64::MAX)),
        free_bytes: Some(page * free),
    })
}

pub(super) async fn note(pool: &SqlitePool, tables: &[TableSize]) -> Result<(), sqlx::Error> {
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
    for table in tables {
        sqlx::query(
            "INSERT INTO table_sizes (name, rows, bytes) VALUES (?1, ?2, ?3)
             ON CONFLICT DO NOTHING",
        )
        .bind(&table.name)
        .bind(table.rows)
        .bind(table.bytes)
        .execute(&mut *tx)
        .await?;
    }
    sqlx::query(
        "DELETE FROM table_sizes WHERE seen_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?1)",
    )
    .bind(ago(KEEP_LOOKS))
    .execute(&mut *tx)
    .await?;
    tx.commit().await
}

pub(super) async fn looks(pool: &SqlitePool) -> Result<Vec<Look>, sqlx::Error> {
    let rows: Vec<(String, DateTime<Utc>, i64, i64)> =
        sqlx::query_as("SELECT name, seen_at, rows, bytes FROM table_sizes ORDER BY seen_at")
            .fetch_all(pool)
            .await?;
    let look = |(name, seen_at, rows, bytes)| Look {
        name,
        seen_at,
        rows,
        bytes,
    };
    Ok(rows.into_iter().map(look).collect())
}

pub(super) async fn living(pool: &SqlitePool) -> Result<Vec<Living>, sqlx::Error> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "SELECT name, pid FROM instances
         WHERE heartbeat_at > strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?1) ORDER BY name",
    )
    .bind(ago(LEASE))
    .fetch_all(pool)
    .await?;
    Ok(rows.into_iter().map(Living::from).collect())
}
