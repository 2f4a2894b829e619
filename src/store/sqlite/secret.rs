//! Secrets: made once, whoever comes first.
use sqlx::sqlite::SqliteConnection;

use crate::store::StoreError;
use crate::store::secret::{Secret, random, read};

pub(super) async fn secret(
    connection: &mut SqliteConnection,
    name: &str,
) -> Result<Secret, StoreError> {
    sqlx::query("INSERT INTO secrets (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING")
        .bind(name)
        .bind(random()?.as_slice())
        .execute(&mut *connection)
        .await?;
    let value: Vec<u8> = sqlx::query_scalar("SELECT value FROM secrets WHERE name = ?1")
        .bind(name)
        .fetch_one(connection)
        .await?;
    read(name, &value)
}
