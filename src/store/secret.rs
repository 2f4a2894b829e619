//! Random values that instances share through the database.
use async_trait::async_trait;

use super::ask::{Ask, Statement, Turn};
use super::sql::Arg;
use super::{Secrets, StoreError};
use crate::random;

/// The key under which instances prove to each other what they publish.
pub const BUS_KEY: &str = "bus";

/// A secret: 256 random bits.
pub type Secret = [u8; 32];

/// One that never was before.
fn random() -> Result<Secret, StoreError> {
    let failed = |e| StoreError::Unavailable(format!("cannot make a secret: {e}"));
    random::bytes().map_err(failed)
}

/// What a row holds. The error does not quote it.
fn read(name: &str, value: &[u8]) -> Result<Secret, StoreError> {
    value.try_into().map_err(|_| {
        StoreError::Refused(format!(
            "the secret '{name}' has {} bytes, not 32; delete its row from the table secrets, \
             and a new one is made",
            value.len()
        ))
    })
}

#[async_trait]
impl<A: Ask> Secrets for A {
    /// What another has entered and not committed yet is waited for, and is seen by the second
    /// statement.
    async fn secret(&self, name: &str) -> Result<Secret, StoreError> {
        let ours = random()?;
        let enter = "INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        let look = "SELECT value FROM secrets WHERE name = $1";
        let entered = [name.into(), Arg::Bytes(&ours)];
        let looked = [name.into()];
        let statements: [Statement<'_>; 2] = [(enter, &entered), (look, &looked)];
        let value: Vec<u8> = self.value(Turn::Repeatable, &statements).await?;
        read(name, &value)
    }
}
