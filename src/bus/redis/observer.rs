//! Watching a Redis from outside, for as long as somebody looks.
use redis::RedisError;
use redis::aio::MultiplexedConnection;

use super::info::Info;
use super::link::Address;
use crate::bus::BusError;

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
    pub async fn look(&mut self) -> Result<Info, String> {
        let looked = self.ask().await;
        if looked.is_err() {
            self.connection = None;
        }
        looked.map_err(|error| error.to_string())
    }

    async fn ask(&mut self) -> Result<Info, RedisError> {
        let mut connection = match &self.connection {
            Some(connection) => connection.clone(),
            None => self.address.for_questions().await?,
        };
        let info = Info::ask(&mut connection).await?;
        self.connection = Some(connection);
        Ok(info)
    }
}
