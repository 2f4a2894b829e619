//! One connection to Redis, for publishing and for hearing. Every wait on it has an end.
use std::sync::Arc;
use std::time::Duration;

use redis::aio::{MultiplexedConnection, SendError};
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ProtocolVersion, PushInfo, PushKind, RedisError,
    Value,
};
use tokio::sync::Notify;

use super::inbox::Inbox;
use crate::bus::BusError;
use crate::model::url::redis::RedisUrl;

/// The longest that anything may take: a Redis that is stopped answers nothing at all, and
/// shows it no other way.
const DEADLINE: Duration = Duration::from_millis(750);
/// Channels subscribed to by one command, so that ten thousand rooms do not have to fit into
/// one deadline.
const CHANNELS: usize = 256;

/// Where Redis is and how to log in. `Display` shows the first only.
#[derive(Debug)]
pub(super) struct Address(Client);

/// Why a connection is given up.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    #[error("{0}")]
    Redis(#[from] RedisError),
    #[error("the connection was closed")]
    Closed,
    #[error("connected, but deaf: probes that were published did not come back")]
    Deaf,
}

impl Address {
    pub(super) fn parse(url: &str) -> Result<Self, BusError> {
        // The library would leave out what it does not know.
        let known: Result<RedisUrl, _> = url.parse();
        known.map_err(|error| BusError::Url {
            reason: error.to_string(),
        })?;
        let client = Self::client(url).map_err(|error| {
            // What the library says comes first; what follows it may quote from the address.
            let said = error.to_string();
            let reason = said.split(" - ").next().unwrap_or_default().to_owned();
            BusError::Url { reason }
        })?;
        match client.get_connection_info().addr() {
            ConnectionAddr::TcpTls { insecure: true, .. } => Err(BusError::Url {
                reason: "certificates are always checked, so #insecure has no meaning".into(),
            }),
            _ => Ok(Self(client)),
        }
    }

    /// Without TCP_NODELAY, which is not the library's default, a publish may sit 40 ms in the
    /// kernel. RESP3 because it carries messages and answers over one connection.
    fn client(url: &str) -> Result<Client, RedisError> {
        let info = Client::open(url)?.get_connection_info().clone();
        if let ConnectionAddr::TcpTls { .. } = info.addr() {
            // Said outright, since rustls panics when two dependencies bring two providers.
            // An error says that there is a provider already, which is as well.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let resp3 = info
            .redis_settings()
            .clone()
            .set_protocol(ProtocolVersion::RESP3)
            .set_lib_name(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        let nodelay = TcpSettings::default().set_nodelay(true);
        Client::open(info.set_redis_settings(resp3).set_tcp_settings(nodelay))
    }

    pub(super) async fn connect(
        &self,
        config: &AsyncConnectionConfig,
    ) -> Result<MultiplexedConnection, RedisError> {
        self.0
            .get_multiplexed_async_connection_with_config(config)
            .await
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.get_connection_info().addr().fmt(f)
    }
}

/// A connection that is up, or was a moment ago. Dropping it closes it.
pub(super) struct Link {
    connection: MultiplexedConnection,
    closed: Arc<Notify>,
}

impl Link {
    /// Connects; from then on what is heard goes to `inbox`, straight from the connection's
    /// task, so that nothing piles up between the two.
    pub(super) async fn open(address: &Address, inbox: Arc<Inbox>) -> Result<Self, LinkError> {
        let closed = Arc::new(Notify::new());
        let on_close = closed.clone();
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(DEADLINE))
            .set_response_timeout(Some(DEADLINE))
            .set_push_sender(move |push: PushInfo| -> Result<(), SendError> {
                match push.kind {
                    PushKind::Message => heard(&inbox, &push.data),
                    PushKind::Disconnection => on_close.notify_one(),
                    _ => {}
                }
                Ok(())
            });
        let connection = address.connect(&config).await?;
        Ok(Self { connection, closed })
    }

    pub(super) async fn subscribe(&mut self, channels: &[String]) -> Result<(), LinkError> {
        for some in channels.chunks(CHANNELS) {
            self.connection.subscribe(some).await?;
        }
        Ok(())
    }

    pub(super) async fn unsubscribe(&mut self, channels: &[String]) -> Result<(), LinkError> {
        for some in channels.chunks(CHANNELS) {
            self.connection.unsubscribe(some).await?;
        }
        Ok(())
    }

    /// Publishes all in one go and waits for Redis to say that it has. Returns how many it
    /// refused (by its access rules, say), which is no reason to connect again.
    pub(super) async fn publish(
        &mut self,
        payloads: impl IntoIterator<Item = (String, Vec<u8>)>,
    ) -> Result<u64, LinkError> {
        let mut pipeline = redis::pipe();
        for (channel, payload) in payloads {
            pipeline.cmd("PUBLISH").arg(channel).arg(payload);
        }
        if pipeline.is_empty() {
            return Ok(0);
        }
        let answers: Vec<Result<Value, RedisError>> = pipeline
            .ignore_errors()
            .query_async(&mut self.connection)
            .await?;
        Ok(answers.iter().filter(|answer| answer.is_err()).count() as u64)
    }

    /// Waits until the connection is closed by the other side.
    pub(super) async fn closed(&self) -> LinkError {
        self.closed.notified().await;
        LinkError::Closed
    }
}

fn heard(inbox: &Inbox, data: &[Value]) {
    if let [Value::BulkString(channel), Value::BulkString(payload)] = data {
        inbox.arrived(channel, payload);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_part_of_a_text() {
        let address = Address::parse("redis://user:hunter2@cache.example:6380/0").expect("a URL");
        assert_eq!(address.to_string(), "cache.example:6380");
        assert!(!format!("{address:?}").contains("hunter2"));
        for bad in [
            "hunter2",
            "http://:hunter2@host",
            "redis://:hunter2@host:99999",
            "redis://:hunter2@host/hunter2",
            "redis://host/?protocol=hunter2",
            "rediss://:hunter2@host/#hunter2",
            "rediss://:hunter2@host/#insecure",
        ] {
            let error = Address::parse(bad).expect_err(bad);
            assert!(!error.to_string().contains("hunter2"), "{error}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }
}
