//! How large tables are and were.
use chrono::{DateTime, Utc};

use super::{DatabaseSize, KEEP_LOOKS, Look, SCAN, TableSize, Upkeep};
use crate::store::StoreError;
use crate::store::session::Database;
use crate::store::sql::{Arg, Sql};

/// Tables of more rows than this are not counted where the server knows about how many there are.
const COUNTED: i64 = 100_000;

/// The server's own count of live rows is kept by every commit, and lost in a crash: then the
/// planner's is nearer.
const OF_POSTGRES: &str =
    "SELECT c.relname::text, pg_total_relation_size(c.oid), pg_indexes_size(c.oid),
       greatest(coalesce(s.n_live_tup, 0), c.reltuples::bigint, 0), coalesce(s.n_dead_tup, 0)
     FROM pg_class c LEFT JOIN pg_stat_all_tables s ON s.relid = c.oid
     WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
     ORDER BY c.relname";
/// Looks at every page, in one read that holds up nothing that is written.
const OF_SQLITE: &str = "SELECT s.tbl_name, sum(p.pgsize),
       sum(CASE s.type WHEN 'index' THEN p.pgsize ELSE 0 END), NULL, NULL
     FROM dbstat p JOIN sqlite_schema s ON s.name = p.name
     WHERE p.aggregate = 1 AND s.tbl_name NOT LIKE 'sqlite~_%' ESCAPE '~'
     GROUP BY s.tbl_name ORDER BY s.tbl_name";

impl Upkeep {
    /// This schema's tables, by name.
    pub async fn tables(&self) -> Result<Vec<TableSize>, StoreError> {
        /// Name, bytes, bytes of indexes, and where the database has them: rows, and dead ones.
        type Row = (String, i64, i64, Option<i64>, Option<i64>);
        let sql = self.0.either(OF_POSTGRES, OF_SQLITE);
        let rows: Vec<Row> = self.0.all_within(SCAN, sql, &[]).await?;
        let mut tables = Vec::new();
        for (name, bytes, index_bytes, estimate, dead_rows) in rows {
            let large = estimate.filter(|rows| *rows > COUNTED);
            tables.push(TableSize {
                rows: match large {
                    Some(rows) => rows,
                    None => self.count(&name).await?,
                },
                exact: large.is_none(),
                name,
                bytes,
                index_bytes,
                dead_rows,
            });
        }
        Ok(tables)
    }

    async fn count(&self, table: &str) -> Result<i64, StoreError> {
        let rows: Vec<(i64,)> = self.0.all_within(SCAN, Sql::count(table), &[]).await?;
        Ok(rows.first().map_or(0, |(rows,)| *rows))
    }

    pub async fn size(&self) -> Result<DatabaseSize, StoreError> {
        let Database::Sqlite(_, embedded, _) = &self.0.database else {
            let size = "SELECT pg_database_size(current_database())";
            return Ok(DatabaseSize {
                bytes: self.0.one(size, &[]).await?,
                file: None,
                wal_bytes: None,
                free_bytes: None,
            });
        };
        let pages = "SELECT page_size, page_count, freelist_count
             FROM pragma_page_size, pragma_page_count, pragma_freelist_count";
        let pages: Option<(i64, i64, i64)> = self.0.first(pages, &[]).await?;
        let (page, pages, free) = pages.ok_or(sqlx::Error::RowNotFound)?;
        Ok(DatabaseSize {
            bytes: page * pages,
            file: Some(embedded.main().to_owned()),
            wal_bytes: Some(i64::try_from(embedded.log_bytes()).unwrap_or(i64::MAX)),
            free_bytes: Some(page * free),
        })
    }

    /// Writes down what was seen, for the next look, and forgets what was seen long ago.
    pub async fn note(&self, tables: &[TableSize]) -> Result<(), StoreError> {
        let enter = "INSERT INTO table_sizes (name, rows, bytes) VALUES ($1, $2, $3)
             ON CONFLICT DO NOTHING";
        let noted = async {
            let mut tx = self.0.begin_to_write().await?;
            for table in tables {
                let args = [
                    table.name.as_str().into(),
                    table.rows.into(),
                    table.bytes.into(),
                ];
                tx.run(enter, &args).await?;
            }
            let forget = "DELETE FROM table_sizes WHERE seen_at < @now($1)";
            tx.run(forget, &[Arg::Ago(KEEP_LOOKS)]).await?;
            Ok::<_, StoreError>(tx.commit().await?)
        };
        self.0.within(noted).await
    }

    /// What was seen before, oldest first.
    pub async fn looks(&self) -> Result<Vec<Look>, StoreError> {
        let sql = "SELECT name, seen_at, rows, bytes FROM table_sizes ORDER BY seen_at";
        let rows: Vec<(String, DateTime<Utc>, i64, i64)> = self.0.all(sql, &[]).await?;
        let look = |(name, seen_at, rows, bytes)| Look {
            name,
            seen_at,
            rows,
            bytes,
        };
        Ok(rows.into_iter().map(look).collect())
    }
}
