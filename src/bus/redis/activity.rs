//! What Redis tells about itself, for whoever watches it.
use redis::RedisError;
use redis::aio::MultiplexedConnection;

use super::link::Address;
use crate::bus::BusError;

/// How a Redis or Valkey is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Activity {
    pub version: String,
    pub used_memory_bytes: u64,
    /// 0 is no limit.
    pub max_memory_bytes: u64,
    pub clients: u64,
    pub commands_per_second: u64,
    pub evicted_keys: u64,
    /// Rooms that some instance listens to.
    pub channels: u64,
}

/// Watches one server; connects when it is asked and is not connected.
pub struct Observer {
    address: Address,
    connection: Option<MultiplexedConnection>,
}

impl Observer {
    pub fn new(url: &str) -> Result<Self, BusError> {
        Ok(Self {
            address: Address::parse(url)?,
            connection: None,
        })
    }

    /// Ends within some two seconds. The error is what Redis or the system said, without the
    /// address.
    pub async fn look(&mut self) -> Result<Activity, String> {
        let looked = self.ask().await;
        if looked.is_err() {
            self.connection = None;
        }
        looked.map_err(|error| error.to_string())
    }

    async fn ask(&mut self) -> Result<Activity, RedisError> {
        let mut connection = match &self.connection {
            Some(connection) => connection.clone(),
            None => self.address.for_questions().await?,
        };
        let info: String = redis::cmd("INFO").query_async(&mut connection).await?;
        self.connection = Some(connection);
        Ok(read(&info))
    }
}

fn read(info: &str) -> Activity {
    let field = |name: &str| {
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.map(str::trim)
    };
    let number = |name: &str| {
        field(name)
            .and_then(|value| value.parse().ok())
            .unwrap_or(0)
    };
    let version = field("valkey_version").or(field("redis_version"));
    Activity {
        version: version.unwrap_or_default().to_owned(),
        used_memory_bytes: number("used_memory"),
        max_memory_bytes: number("maxmemory"),
        clients: number("connected_clients"),
        commands_per_second: number("instantaneous_ops_per_sec"),
        evicted_keys: number("evicted_keys"),
        channels: number("pubsub_channels"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_says_is_read_and_what_it_leaves_out_is_nothing() {
        let activity = read(
            "# Server\r\nredis_version:7.0.15\r\nused_memory:1024\r\nused_memory_rss:9\r\n\
                             connected_clients:12\r\npubsub_channels:3\r\n",
        );
        assert_eq!(activity.version, "7.0.15");
        assert_eq!((activity.used_memory_bytes, activity.clients), (1024, 12));
        assert_eq!((activity.channels, activity.max_memory_bytes), (3, 0));
        assert_eq!(read("-NOPERM"), Activity::default());
    }
}
