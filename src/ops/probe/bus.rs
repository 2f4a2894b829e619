//! Redis or Valkey, as seen from here: whether it carries a message, and what it says of itself.
use std::time::Duration;

use super::super::deadline::Deadline;
use crate::bus::{BusError, Facts, Info, Inspector};
use crate::config::RedisUrl;

/// For one look of a monitor, connecting included.
const WATCHED: Duration = Duration::from_secs(2);

/// How long a message took to be published and received, on a channel of its own.
///
/// # Errors
/// Why it was not received.
pub(in crate::ops) async fn carries(
    url: &RedisUrl,
    deadline: Deadline,
) -> Result<Duration, String> {
    let asked = async { open(url, deadline).await?.round_trip().await };
    deadline
        .bound(asked)
        .await
        .unwrap_or_else(|late| Err(late.to_string()))
}

/// The same, and what each server says of itself and its settings.
///
/// # Errors
/// Why either is not known.
pub(in crate::ops) async fn tells(
    url: &RedisUrl,
    deadline: Deadline,
) -> Result<(Duration, Vec<Facts>), String> {
    let asked = async {
        let mut inspector = open(url, deadline).await?;
        Ok((inspector.round_trip().await?, inspector.facts().await?))
    };
    deadline
        .bound(asked)
        .await
        .unwrap_or_else(|late| Err(late.to_string()))
}

async fn open(url: &RedisUrl, deadline: Deadline) -> Result<Inspector, String> {
    Inspector::open(url.expose(), deadline.left()).await
}

/// One that is looked at again and again, over one connection as long as that lasts.
pub(in crate::ops) struct Watched {
    url: RedisUrl,
    inspector: Option<Inspector>,
}

impl Watched {
    /// # Errors
    /// Where that is no URL.
    pub(in crate::ops) fn new(url: RedisUrl) -> Result<Self, BusError> {
        Inspector::check(url.expose())?;
        let inspector = None;
        Ok(Self { url, inspector })
    }

    /// What the server says of itself now; ends within some seconds.
    ///
    /// # Errors
    /// What Redis or the system said, without the address.
    pub(in crate::ops) async fn look(&mut self) -> Result<Info, String> {
        let mut inspector = match self.inspector.take() {
            Some(inspector) => inspector,
            None => Inspector::open(self.url.expose(), WATCHED).await?,
        };
        let info = inspector.info().await?;
        self.inspector = Some(inspector);
        Ok(info)
    }
}
