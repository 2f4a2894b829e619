//! Looking at a Redis from outside: whether it carries, and what it says of itself.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use redis::RedisError;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::address::Address;
use super::info::Info;
use super::line::{Ear, Line};
use super::link::Link;
use crate::bus::BusError;
use crate::random;

/// What a server says of itself, and of its settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Where it is, for one of several.
    pub at: String,
    pub info: Info,
    /// `hard soft seconds` of a subscriber's output buffer, 0 being no limit; `None` where it
    /// does not tell.
    pub pubsub_limit: Option<[u64; 3]>,
}

/// Connected to what an instance would connect to. Nothing here waits longer than `within`; no text
/// holds a secret.
pub struct Inspector {
    link: Link,
    heard: Arc<Semaphore>,
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

    /// # Errors
    /// Where there is none, or it does not let us in.
    pub async fn open(url: &str, within: Duration) -> Result<Self, String> {
        let address = Address::parse(url).map_err(|error| error.to_string())?;
        let heard = Arc::new(Semaphore::new(0));
        let counted = heard.clone();
        let ear: Ear = Arc::new(move |_, _| counted.add_permits(1));
        let link = Link::open(&address, ear, within).await;
        Ok(Self {
            link: link.map_err(|error| error.to_string())?,
            heard,
            within,
        })
    }

    /// Publishes on channels that have no other listener, one of each server, and hears all; how
    /// long that took.
    ///
    /// # Errors
    /// Where not all came back.
    pub async fn round_trip(&mut self) -> Result<Duration, String> {
        let tag = random::number().map_err(|error| error.to_string())?;
        let channels = self.link.probes(&format!("discordctl:check:{tag:016x}"));
        let channels = channels.map_err(|error| error.to_string())?;
        let subscribed = self.link.subscribe(&channels).await;
        subscribed.map_err(|error| error.to_string())?;
        let wanted = u32::try_from(channels.len()).map_err(|error| error.to_string())?;
        let start = Instant::now();
        let said = channels.into_iter().map(|channel| (channel, Vec::new()));
        let refused = self.link.publish(said).await;
        if refused.map_err(|error| error.to_string())? > 0 {
            return Err("it refused what was published, by its access rules".to_owned());
        }
        match timeout(self.within, self.heard.acquire_many(wanted)).await {
            Ok(_) => Ok(start.elapsed()),
            Err(_) => Err(format!(
                "what was published did not come back within {:?}",
                self.within
            )),
        }
    }

    /// What the server says of itself; several as if they were one.
    ///
    /// # Errors
    /// What Redis or the system said.
    pub async fn info(&mut self) -> Result<Info, String> {
        let mut all = Vec::new();
        for line in self.link.lines() {
            all.push(line.info().await.map_err(text)?);
        }
        Ok(Info::sum(all))
    }

    /// What each server says of itself and its settings.
    ///
    /// # Errors
    /// What Redis or the system said.
    pub async fn facts(&mut self) -> Result<Vec<Facts>, String> {
        let mut all = Vec::new();
        for line in self.link.lines() {
            all.push(Facts {
                at: line.at.to_string(),
                info: line.info().await.map_err(text)?,
                pubsub_limit: limit(line).await,
            });
        }
        Ok(all)
    }
}

/// Managed servers refuse this one; then there is nothing to say about it.
async fn limit(line: &mut Line) -> Option<[u64; 3]> {
    let mut command = redis::cmd("CONFIG");
    command.arg("GET").arg("client-output-buffer-limit");
    let limits: Result<BTreeMap<String, String>, RedisError> =
        command.query_async(&mut line.connection).await;
    pubsub_limit(limits.ok()?.values().next()?)
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
