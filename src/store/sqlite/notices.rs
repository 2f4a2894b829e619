//! Notices on their way to other processes.
use sqlx::sqlite::SqliteConnection;

use super::ago;
use crate::store::StoreError;
use crate::store::notices::{Bulletin, MOST, NOTICE_LIFE};

pub(super) async fn tell(
    connection: &mut SqliteConnection,
    bulletin: &Bulletin,
) -> Result<(), StoreError> {
    sqlx::query(
        "DELETE FROM notices
           WHERE origin = ?1 AND created_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?4);
         INSERT OR IGNORE INTO notices (origin, n, body) VALUES (?1, ?2, ?3)",
    )
    .bind(bulletin.origin)
    .bind(bulletin.n)
    .bind(&bulletin.body)
    .bind(ago(NOTICE_LIFE))
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn told(
    connection: &mut SqliteConnection,
    origin: i64,
    known: &[(i64, i64)],
) -> Result<Vec<Bulletin>, StoreError> {
    let rows: Vec<(i64, i64, String)> = sqlx::query_as(
        "SELECT t.origin, t.n, t.body FROM notices t
         LEFT JOIN json_each(?2) k ON k.value ->> 0 = t.origin
         WHERE t.origin <> ?1 AND t.n > coalesce(k.value ->> 1, 0)
         ORDER BY t.origin, t.n LIMIT ?3",
    )
    .bind(origin)
    .bind(serde_json::to_string(known).unwrap_or_default())
    .bind(MOST)
    .fetch_all(connection)
    .await?;
    let bulletin = |(origin, n, body)| Bulletin { origin, n, body };
    Ok(rows.into_iter().map(bulletin).collect())
}
