//! Secrets: made once, whoever comes first.
use super::connection::Connection;
use crate::store::secret::Secret;

/// The value of that name, `ours` where there was none. What another has entered and not committed
/// yet is waited for, and is seen by the second statement.
pub(super) async fn secret(
    connection: &mut Connection,
    name: &str,
    ours: &Secret,
) -> Result<Vec<u8>, sqlx::Error> {
    let enter = "INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    let enter = sqlx::query(enter).bind(name).bind(ours.as_slice());
    connection.run(enter).await?;
    let look = sqlx::query_as("SELECT value FROM secrets WHERE name = $1").bind(name);
    connection.one(look).await?.ok_or(sqlx::Error::RowNotFound)
}
