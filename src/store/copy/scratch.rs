//! A database to try something in, beside the real one, gone afterwards.
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use super::find;
use crate::random;
use crate::store::servers::Found;
use crate::store::{StoreError, pg_url};

const PREFIX: &str = "discordctl_drill_";

/// A PostgreSQL database of its own. To be dropped with [`Scratch::end`]; one that a killed
/// process left is dropped by the next.
pub struct Scratch {
    admin: PgConnection,
    /// Shows others that it is in use.
    inside: PgConnection,
    name: String,
    pub url: String,
}

impl Scratch {
    /// Makes one on the server of `url`, whose user must be allowed to.
    pub async fn make(url: &str) -> Result<Self, StoreError> {
        let Found {
            connection: mut admin,
            options,
            ..
        } = find(url).await?;
        drop_stale(&mut admin).await?;
        let random = random::bytes()
            .map_err(|error| StoreError::Unavailable(format!("no random numbers: {error}")))?;
        let name = format!("{PREFIX}{:08x}", u32::from_be_bytes(random));
        run(
            &mut admin,
            &format!("CREATE DATABASE {name} TEMPLATE template0"),
        )
        .await?;
        let inside = options.database(&name).connect().await?;
        let url = pg_url::parse(url)?.with_database(&name).expose();
        Ok(Self {
            admin,
            inside,
            name,
            url,
        })
    }

    pub async fn end(mut self) -> Result<(), StoreError> {
        self.inside.close().await?;
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        run(&mut self.admin, &drop).await?;
        Ok(self.admin.close().await?)
    }
}

/// Drops those that have no connection.
async fn drop_stale(admin: &mut PgConnection) -> Result<(), StoreError> {
    let stale: Vec<String> = sqlx::query_scalar(
        "SELECT datname::text FROM pg_database d WHERE datname LIKE 'discordctl~_drill~_%' ESCAPE '~'
           AND NOT EXISTS (SELECT 1 FROM pg_stat_activity a WHERE a.datid = d.oid)",
    )
    .fetch_all(&mut *admin)
    .await?;
    for name in stale {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if name.chars().all(plain) {
            // Another may have come meanwhile; then it is theirs.
            let _ = run(admin, &format!("DROP DATABASE IF EXISTS {name}")).await;
        }
    }
    Ok(())
}

async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), StoreError> {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await?;
    Ok(())
}
