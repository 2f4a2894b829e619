//! Times as documents hold them: with milliseconds, here as everywhere.
use chrono::{DateTime, SubsecRound, Utc};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

pub(crate) fn read<'de, D: Deserializer<'de>>(from: D) -> Result<DateTime<Utc>, D::Error> {
    let text = String::deserialize(from)?;
    match DateTime::parse_from_rfc3339(&text) {
        Ok(time) => Ok(time.to_utc().trunc_subsecs(3)),
        Err(_) => Err(D::Error::custom(format!(
            "'{}' is no time as in 2024-01-14T09:15:00Z",
            text.chars().take(40).collect::<String>().escape_debug()
        ))),
    }
}

/// The same where it may be absent.
pub(crate) fn read_if<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<DateTime<Utc>>, D::Error> {
    read(from).map(Some)
}
