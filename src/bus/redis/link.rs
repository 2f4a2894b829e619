//! All connections that the bus needs at once: one, or one to each primary of a Cluster.
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{select_all, try_join_all};
use redis::ConnectionAddr;
use tokio::time::sleep;

use super::address::Address;
use super::error::LinkError;
use super::line::{Ear, Line};
use super::slots::Slots;
use crate::model::url::redis::{Node, Servers};

/// How often it is asked whether the primary is another by now. Most often the old one says so by
/// closing the connection.
const LOOK: Duration = Duration::from_secs(5);
/// Names that are tried for a channel of each primary; one of 16,384 slots is hit long before.
const NAMES: u32 = 1 << 20;

/// Connected to all, or a moment ago. Any trouble with one ends the whole; dropping it closes it.
pub(super) struct Link {
    lines: Vec<Line>,
    slots: Slots,
}

impl Link {
    /// # Errors
    /// Where not all are there.
    pub(super) async fn open(
        address: &Address,
        ear: Ear,
        within: Duration,
    ) -> Result<Self, LinkError> {
        match &address.url.servers {
            Servers::Cluster(_) => Self::open_cluster(address, ear, within).await,
            _ => Ok(Self {
                lines: vec![primary(address, ear, within).await?],
                slots: Slots::default(),
            }),
        }
    }

    async fn open_cluster(
        address: &Address,
        ear: Ear,
        within: Duration,
    ) -> Result<Self, LinkError> {
        let (primaries, slots) = topology(address, within).await?;
        let lines = primaries
            .iter()
            .map(|node| Line::open(address, address.at(node), ear.clone(), within));
        let lines = try_join_all(lines).await?;
        Ok(Self { lines, slots })
    }

    /// Waits until another server is the primary; for ever where there is no other.
    pub(super) fn moved<'a>(
        &self,
        address: &'a Address,
        within: Duration,
    ) -> impl Future<Output = LinkError> + use<'a> {
        let here = self.lines.first().map(|line| line.at.clone());
        watch(address, here, within)
    }

    /// A channel for each connection, of a name that begins so.
    ///
    /// # Errors
    /// Where a primary has no slot that a name hits.
    pub(super) fn probes(&self, prefix: &str) -> Result<Vec<String>, LinkError> {
        if let [_] = &self.lines[..] {
            return Ok(vec![prefix.to_owned()]);
        }
        let mut found: Vec<Option<String>> = vec![None; self.lines.len()];
        for n in 0..NAMES {
            let name = format!("{prefix}:{n}");
            found[self.slots.of(&name)].get_or_insert(name);
            if found.iter().all(Option::is_some) {
                break;
            }
        }
        let found: Option<Vec<String>> = found.into_iter().collect();
        found.ok_or(LinkError::NoCluster)
    }

    pub(super) async fn subscribe(&mut self, channels: &[String]) -> Result<(), LinkError> {
        if let [line] = &mut self.lines[..] {
            return line.subscribe(channels).await;
        }
        let parts = self.parts(channels.to_vec(), |channel| channel);
        let asked = self.lines.iter_mut().zip(&parts);
        let asked = asked.map(|(line, channels)| line.subscribe(channels));
        try_join_all(asked).await.map(drop)
    }

    pub(super) async fn unsubscribe(&mut self, channels: &[String]) -> Result<(), LinkError> {
        if let [line] = &mut self.lines[..] {
            return line.unsubscribe(channels).await;
        }
        let parts = self.parts(channels.to_vec(), |channel| channel);
        let asked = self.lines.iter_mut().zip(&parts);
        let asked = asked.map(|(line, channels)| line.unsubscribe(channels));
        try_join_all(asked).await.map(drop)
    }

    /// Publishes all, in order on each channel. Returns how many were refused.
    pub(super) async fn publish(
        &mut self,
        payloads: impl IntoIterator<Item = (String, Vec<u8>)>,
    ) -> Result<u64, LinkError> {
        if let [line] = &mut self.lines[..] {
            return line.publish(payloads).await;
        }
        let parts = self.parts(payloads, |(channel, _)| channel);
        let said = self.lines.iter_mut().zip(parts);
        let said = said.map(|(line, payloads)| line.publish(payloads));
        Ok(try_join_all(said).await?.iter().sum())
    }

    /// Waits until one of them is over.
    pub(super) async fn closed(&self) -> LinkError {
        let closed = self.lines.iter().map(|line| Box::pin(line.closed()));
        select_all(closed).await.0
    }

    /// The connections one by one, each with where it leads to.
    pub(super) fn lines(&mut self) -> &mut [Line] {
        &mut self.lines
    }

    fn parts<T>(
        &self,
        all: impl IntoIterator<Item = T>,
        channel: impl Fn(&T) -> &String,
    ) -> Vec<Vec<T>> {
        let mut parts: Vec<Vec<T>> = self.lines.iter().map(|_| Vec::new()).collect();
        for one in all {
            parts[self.slots.of(channel(&one))].push(one);
        }
        parts
    }
}

async fn watch(address: &Address, here: Option<ConnectionAddr>, within: Duration) -> LinkError {
    if !address.may_move() {
        return std::future::pending().await;
    }
    loop {
        sleep(LOOK).await;
        // Where none is found, the one that is connected to is as good as any.
        if let Ok(line) = primary(address, deaf(), within).await
            && Some(&line.at) != here.as_ref()
        {
            return LinkError::Moved;
        }
    }
}

/// The first server that can be had, and is a primary where that may be otherwise.
async fn primary(address: &Address, ear: Ear, within: Duration) -> Result<Line, LinkError> {
    let mut why = LinkError::UnknownPrimary;
    for at in address.candidates(within).await? {
        match reach(address, at, ear.clone(), within).await {
            Ok(line) => return Ok(line),
            Err(error) => why = error,
        }
    }
    Err(why)
}

async fn reach(
    address: &Address,
    at: ConnectionAddr,
    ear: Ear,
    within: Duration,
) -> Result<Line, LinkError> {
    let mut line = Line::open(address, at, ear, within).await?;
    if address.may_move() && line.info().await?.replica {
        return Err(LinkError::Replica);
    }
    Ok(line)
}

/// What the first server of a Cluster that answers tells of all.
async fn topology(address: &Address, within: Duration) -> Result<(Vec<Node>, Slots), LinkError> {
    let mut why = LinkError::NoCluster;
    for at in address.candidates(within).await? {
        match slots_of(address, at, within).await {
            Ok(found) => return Ok(found),
            Err(error) => why = error,
        }
    }
    Err(why)
}

async fn slots_of(
    address: &Address,
    at: ConnectionAddr,
    within: Duration,
) -> Result<(Vec<Node>, Slots), LinkError> {
    let asked = match &at {
        ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. } => host.clone(),
        _ => String::new(),
    };
    let mut line = Line::open(address, at, deaf(), within).await?;
    let mut command = redis::cmd("CLUSTER");
    let answer = command.arg("SLOTS").query_async(&mut line.connection);
    Slots::read(answer.await?, &asked)
}

fn deaf() -> Ear {
    Arc::new(|_, _| ())
}
