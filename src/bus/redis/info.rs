//! What a Redis or Valkey says of itself.
use redis::RedisError;
use redis::aio::MultiplexedConnection;
use serde::Serialize;

/// What it answers to `INFO`; what it leaves out is nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Info {
    pub version: String,
    #[serde(skip)]
    pub replica: bool,
    pub used_memory_bytes: u64,
    /// 0 is no limit.
    pub max_memory_bytes: u64,
    pub clients: u64,
    #[serde(skip)]
    pub most_clients: u64,
    /// Rooms that some instance listens to.
    pub channels: u64,
    pub commands_per_second: u64,
    pub evicted_keys: u64,
}

impl Info {
    pub(super) async fn ask(connection: &mut MultiplexedConnection) -> Result<Self, RedisError> {
        let text: String = redis::cmd("INFO").query_async(connection).await?;
        Ok(Self::read(&text))
    }

    /// Of several servers as if they were one; nothing of none.
    pub(super) fn sum(all: impl IntoIterator<Item = Self>) -> Self {
        let add = |sum: Self, one: Self| Self {
            version: sum.version,
            replica: sum.replica || one.replica,
            used_memory_bytes: sum.used_memory_bytes + one.used_memory_bytes,
            max_memory_bytes: sum.max_memory_bytes + one.max_memory_bytes,
            clients: sum.clients + one.clients,
            most_clients: sum.most_clients + one.most_clients,
            channels: sum.channels + one.channels,
            commands_per_second: sum.commands_per_second + one.commands_per_second,
            evicted_keys: sum.evicted_keys + one.evicted_keys,
        };
        all.into_iter().reduce(add).unwrap_or_default()
    }

    fn read(text: &str) -> Self {
        let field = |name: &str| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.map(str::trim)
        };
        let number = |name: &str| {
            let value = field(name).and_then(|value| value.parse().ok());
            value.unwrap_or(0)
        };
        let version = field("valkey_version").or(field("redis_version"));
        Self {
            version: version.unwrap_or_default().to_owned(),
            replica: field("role") == Some("slave"),
            used_memory_bytes: number("used_memory"),
            max_memory_bytes: number("maxmemory"),
            clients: number("connected_clients"),
            most_clients: number("maxclients"),
            commands_per_second: number("instantaneous_ops_per_sec"),
            evicted_keys: number("evicted_keys"),
            channels: number("pubsub_channels") + number("pubsubshard_channels"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_says_is_read_and_what_it_leaves_out_is_nothing() {
        let info = Info::read(
            "# Server\r\nredis_version:7.0.15\r\nused_memory:1024\r\nused_memory_rss:9\r\n\
             connected_clients:12\r\nmaxclients:10000\r\npubsub_channels:3\r\nrole:master\r\n\
             pubsubshard_channels:2\r\n",
        );
        assert_eq!(info.version, "7.0.15");
        assert_eq!((info.used_memory_bytes, info.max_memory_bytes), (1024, 0));
        assert_eq!((info.clients, info.most_clients), (12, 10_000));
        assert_eq!((info.channels, info.replica), (5, false));
        assert!(Info::read("role:slave\r\n").replica);
        let two = Info::sum([info.clone(), info.clone()]);
        assert_eq!((two.version, two.clients), (info.version, 24));
        assert_eq!(Info::read("-NOPERM"), Info::default());
    }
}
