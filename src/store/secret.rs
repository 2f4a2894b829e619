//! Random values that instances share through the database.
use super::StoreError;
use crate::random;

/// The key under which instances prove to each other what they publish.
pub const BUS_KEY: &str = "bus";

/// A secret: 256 random bits.
pub type Secret = [u8; 32];

/// One that nobody has had before.
pub(super) fn random() -> Result<Secret, StoreError> {
    let failed = |e| StoreError::Unavailable(format!("cannot make a secret: {e}"));
    random::bytes().map_err(failed)
}

/// What a row holds. The error does not quote it.
pub(super) fn read(name: &str, value: &[u8]) -> Result<Secret, StoreError> {
    value.try_into().map_err(|_| {
        StoreError::Refused(format!(
            "the secret '{name}' has {} bytes, not 32; delete its row from the table secrets, \
             and a new one is made",
            value.len()
        ))
    })
}
