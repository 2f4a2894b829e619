//! The task that keeps the bus going: connect, say what waits, listen, and begin again.
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::address::Address;
use super::backoff::Backoff;
use super::error::LinkError;
use super::inbox::Inbox;
use super::line::Ear;
use super::link::Link;
use super::outbox::Outbox;
use crate::bus::wire::{self, HEADCOUNT, NOTICES};
use crate::bus::{Key, RoomChannel, Said};
use crate::meter::Meters;
use crate::model::Entry;

/// The longest that anything may take: a Redis that is stopped answers nothing at all, and
/// shows it no other way.
const DEADLINE: Duration = Duration::from_millis(750);
/// How often the subscription is put to the test.
const PROBE: Duration = Duration::from_secs(1);

pub(super) struct Worker {
    pub(super) address: Address,
    pub(super) instance: Arc<str>,
    pub(super) key: Arc<RwLock<Key>>,
    pub(super) outbox: Arc<Outbox>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) meters: Arc<Meters>,
}

impl Worker {
    /// Runs until it is aborted. Nothing else retries: a connection that has any trouble is
    /// dropped whole, and the next one starts from what the outbox says is wanted.
    pub(super) async fn run(self) {
        let mut backoff = Backoff::default();
        let mut told = false;
        loop {
            let start = Instant::now();
            let Err(error) = self.carry().await;
            let was_good = self.inbox.closed();
            // One that was cut at once is not good enough to hurry back to.
            if was_good && start.elapsed() > PROBE {
                backoff.reset();
            }
            // An outage is told of when it begins; the hundredth attempt is no news.
            if was_good || !told {
                told = true;
                // Debug escapes what the other side may have written into the error.
                let reason = error.to_string();
                tracing::warn!(redis = %self.address, ?reason, "no bus; trying for ever");
            }
            sleep(backoff.next()).await;
        }
    }

    /// Serves one connection to its end.
    async fn carry(&self) -> Result<Infallible, LinkError> {
        let (mut link, probes) = self.open().await?;
        let mut moved = pin!(link.moved(&self.address, DEADLINE));
        let mut ticks = interval(PROBE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                error = link.closed() => return Err(error),
                error = &mut moved => return Err(error),
                () = self.outbox.filled() => self.say(&mut link).await?,
                _ = ticks.tick() => self.probe(&mut link, &probes).await?,
            }
        }
    }

    /// A connection with all its subscriptions made, and the channels on which it hears itself.
    async fn open(&self) -> Result<(Link, Vec<String>), LinkError> {
        let inbox = self.inbox.clone();
        let ear: Ear = Arc::new(move |channel, payload| inbox.arrived(channel, payload));
        let mut link = Link::open(&self.address, ear, DEADLINE).await?;
        let mut channels = self.outbox.start_over();
        let own = channels.len();
        let probes = link.probes(self.inbox.probe())?;
        channels.extend([HEADCOUNT, NOTICES].map(str::to_owned));
        channels.extend(probes.iter().cloned());
        link.subscribe(&channels).await?;
        self.inbox.opened(&probes);
        self.meters.bus_connects.add(1);
        tracing::info!(redis = %self.address, rooms = own, "bus connected");
        Ok((link, probes))
    }

    async fn probe(&self, link: &mut Link, probes: &[String]) -> Result<(), LinkError> {
        if self.inbox.deaf() {
            return Err(LinkError::Deaf);
        }
        let probes = probes.iter().map(|channel| (channel.clone(), Vec::new()));
        link.publish(probes).await.map(drop)
    }

    /// Says what waits in the outbox, or as much of it as goes at once.
    async fn say(&self, link: &mut Link) -> Result<(), LinkError> {
        let changes = self.outbox.changes();
        if !changes.subscribe.is_empty() {
            link.subscribe(&changes.subscribe).await?;
            self.inbox.subscribed();
        }
        link.unsubscribe(&changes.unsubscribe).await?;
        if let Some(online) = self.outbox.take_headcount() {
            self.announce(link, online).await?;
        }
        if self.outbox.take_rights() {
            self.tell_rights(link).await?;
        }
        self.tell(link).await?;
        self.publish(link).await
    }

    /// Says what happened in rooms, once: who does not hear it reads it from the store.
    async fn tell(&self, link: &mut Link) -> Result<(), LinkError> {
        let key = self.key.read().clone();
        let told = self.outbox.take_told();
        let payload = |told| {
            let payload = wire::encode_told(told, &self.instance, &key);
            (NOTICES.to_owned(), payload)
        };
        link.publish(told.iter().map(payload)).await.map(|_| ())
    }

    /// Says that rights changed, once: without it the others learn of it by looking, a moment later.
    async fn tell_rights(&self, link: &mut Link) -> Result<(), LinkError> {
        let key = self.key.read().clone();
        let payload = wire::encode_rights(&self.instance, &key);
        link.publish([(NOTICES.to_owned(), payload)])
            .await
            .map(drop)
    }

    async fn announce(&self, link: &mut Link, online: u64) -> Result<(), LinkError> {
        if self.inbox.headcount() == Some(online) {
            return Ok(()); // told meanwhile, by us or by another instance
        }
        let number = online.to_string().into_bytes();
        link.publish([(HEADCOUNT.to_owned(), number)]).await?;
        self.inbox.set_headcount(online);
        Ok(())
    }

    async fn publish(&self, link: &mut Link) -> Result<(), LinkError> {
        let batch = self.outbox.messages();
        if batch.messages.is_empty() {
            return Ok(());
        }
        let start = Instant::now();
        let payloads = self.payloads(&batch.messages);
        let said = payloads.len() as u64;
        let published = link.publish(payloads).await;
        let failed = match &published {
            Ok(refused) => {
                self.meters.publish.record(start.elapsed());
                self.meters.published.add(said - refused);
                *refused
            }
            Err(_) => self.outbox.put_back(batch),
        };
        self.meters.publish_failed.add(failed);
        published.map(|_| ())
    }

    /// Rooms without a channel are left out: the others find their messages in the store.
    fn payloads(&self, messages: &[(RoomChannel, Said<Entry>)]) -> Vec<(String, Vec<u8>)> {
        let key = self.key.read().clone();
        let payload = |(to, message): &(RoomChannel, Said<Entry>)| {
            let channel = to.name()?;
            let payload = wire::encode(message, &self.instance, &channel, &key);
            Some((channel, payload))
        };
        messages.iter().filter_map(payload).collect()
    }
}
