//! Looking at a Redis from outside: whether it carries, and what it says of itself.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::{MultiplexedConnection, SendError};
use redis::{AsyncConnectionConfig, PushInfo, PushKind, RedisError};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::link::Address;
use crate::bus::BusError;

/// What a server says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    pub version: String,
    pub replica: bool,
    pub used_memory: u64,
    /// 0 is no limit.
    pub max_memory: u64,
    pub clients: u64,
    pub most_clients: u64,
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

    /// Publishes on a channel that nobody else listens to, and hears it; how long that took.
    pub async fn round_trip(&mut self) -> Result<Duration, String> {
        let tag = getrandom::u64().map_err(|error| error.to_string())?;
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

    pub async fn facts(&mut self) -> Result<Facts, String> {
        let mut info = String::new();
        for section in ["server", "clients", "memory", "replication"] {
            let part: String = redis::cmd("INFO")
                .arg(section)
                .query_async(&mut self.connection)
                .await
                .map_err(text)?;
            info += &part;
        }
        let mut facts = read(&info);
        // Managed servers refuse this one; then there is nothing to say about it.
        let limits: Result<BTreeMap<String, String>, RedisError> = redis::cmd("CONFIG")
            .arg("GET")
            .arg("client-output-buffer-limit")
            .query_async(&mut self.connection)
            .await;
        facts.pubsub_limit = limits
            .ok()
            .and_then(|limits| pubsub_limit(limits.values().next()?));
        Ok(facts)
    }
}

fn text(error: RedisError) -> String {
    error.to_string()
}

fn read(info: &str) -> Facts {
    let field = |name: &str| {
        let value = info
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.map(str::trim)
    };
    let number = |name: &str| {
        let value = field(name).and_then(|value| value.parse().ok());
        value.unwrap_or(0)
    };
    let version = field("valkey_version").or(field("redis_version"));
    Facts {
        version: version.unwrap_or_default().to_owned(),
        replica: field("role") == Some("slave"),
        used_memory: number("used_memory"),
        max_memory: number("maxmemory"),
        clients: number("connected_clients"),
        most_clients: number("maxclients"),
        pubsub_limit: None,
    }
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
    fn what_it_says_is_read() {
        let facts = read(
            "# Server\r\nredis_version:7.0.15\r\nused_memory:1024\r\nused_memory_rss:9\r\n\
             connected_clients:12\r\nmaxclients:10000\r\nmaxmemory:0\r\nrole:master\r\n",
        );
        assert_eq!(facts.version, "7.0.15");
        assert_eq!((facts.used_memory, facts.max_memory), (1024, 0));
        assert_eq!((facts.clients, facts.most_clients), (12, 10_000));
        assert!(!facts.replica);
        let limits = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60";
        assert_eq!(pubsub_limit(limits), Some([33_554_432, 8_388_608, 60]));
        assert_eq!(pubsub_limit("normal 0 0 0"), None);
    }
}
