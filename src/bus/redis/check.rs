//! Looking at a Redis from outside: whether it carries, and what it says of itself.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::{MultiplexedConnection, SendError};
use redis::{AsyncConnectionConfig, PushInfo, PushKind, RedisError};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::info::Info;
use super::link::Address;
use crate::bus::BusError;
use crate::random;

/// What a server says of itself, and of its settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    pub info: Info,
    /// `hard soft seconds` of a subscriber's output buffer, 0 being no limit; `None` where it
    /// does not tell.
    pub pubsub_limit: Option<[u64; 3]>,
}

/// One connection to a Redis. Nothing here waits longer than `within`; no text holds the address.
pub struct Inspector {
    connection: MultiplexedConnection,
    heard: Arc<Notify>,
    within: Duration,
}

impl Inspector {
    /// Whether that is a URL at all.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(url: &str) -> Result<(), BusError> {
        Address::parse(url).map(drop)
    }

    pub async fn open(url: &str, within: Duration) -> Result<Self, String> {
        let address = Address::parse(url).map_err(|error: BusError| error.to_string())?;
        let heard = Arc::new(Notify::new());
        let ear = heard.clone();
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(within))
            .set_response_timeout(Some(within))
            .set_push_sender(move |push: PushInfo| -> Result<(), SendError> {
                if push.kind == PushKind::Message {
                    ear.notify_one();
                }
                Ok(())
            });
        let connection = address.connect(&config).await.map_err(text)?;
        Ok(Self {
            connection,
            heard,
            within,
        })
    }

    /// Publishes on a channel that has no other listener, and hears it; how long that took.
    pub async fn round_trip(&mut self) -> Result<Duration, String> {
        let tag = random::number().map_err(|error| error.to_string())?;
        let channel = format!("discordctl:check:{tag:016x}");
        self.connection.subscribe(&channel).await.map_err(text)?;
        let start = Instant::now();
        redis::cmd("PUBLISH")
            .arg(&channel)
            .arg("")
            .exec_async(&mut self.connection)
            .await
            .map_err(text)?;
        let heard = tokio::time::timeout(self.within, self.heard.notified()).await;
        match heard {
            Ok(()) => Ok(start.elapsed()),
            Err(_) => Err(format!(
                "what was published did not come back within {:?}",
                self.within
            )),
        }
    }

    /// What the server says of itself.
    ///
    /// # Errors
    /// What Redis or the system said.
    pub async fn info(&mut self) -> Result<Info, String> {
        Info::ask(&mut self.connection).await.map_err(text)
    }

    pub async fn facts(&mut self) -> Result<Facts, String> {
        let info = self.info().await?;
        // Managed servers refuse this one; then there is nothing to say about it.
        let limits: Result<BTreeMap<String, String>, RedisError> = redis::cmd("CONFIG")
            .arg("GET")
            .arg("client-output-buffer-limit")
            .query_async(&mut self.connection)
            .await;
        let limits = limits.ok();
        Ok(Facts {
            info,
            pubsub_limit: limits.and_then(|limits| pubsub_limit(limits.values().next()?)),
        })
    }
}

fn text(error: RedisError) -> String {
    error.to_string()
}

/// Of `normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60`.
fn pubsub_limit(limits: &str) -> Option<[u64; 3]> {
    let mut words = limits.split_ascii_whitespace();
    words.find(|word| *word == "pubsub")?;
    let mut number = || words.next()?.parse().ok();
    Some([number()?, number()?, number()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_subscribers_is_found() {
        let limits = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60";
        assert_eq!(pubsub_limit(limits), Some([33_554_432, 8_388_608, 60]));
        assert_eq!(pubsub_limit("normal 0 0 0"), None);
    }
}
