//! What an instance says of itself, as far as it is used here. Every field may be missing: of
//! what something else says that answers there, nothing is left.
use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::client::{Answer, ClientError, Target, Transport, get};
use crate::config::Config;
use crate::model::{Listener, ListenerKind, Network, plain_line};

const JSON: &str = "application/json";

/// Where an instance is reached from its own machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    pub name: String,
    pub tcp: Target,
    pub http: Target,
}

impl std::fmt::Display for Site {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.name, self.tcp)
    }
}

impl Site {
    /// By its settings.
    pub fn of(config: &Config) -> Self {
        Self::over(config, &ListenerKind::OF_LINES, &ListenerKind::OF_HTTP)
    }

    /// The same by TLS alone.
    pub fn by_tls(config: &Config) -> Self {
        Self::over(config, &[ListenerKind::TlsLines], &[ListenerKind::Https])
    }

    fn over(config: &Config, lines: &[ListenerKind], http: &[ListenerKind]) -> Self {
        let at = |kinds: &[ListenerKind]| {
            let first = Listener::first_of(&config.listeners(), kinds);
            target(config, first.as_ref()).unwrap_or_else(|| config.local(0).into())
        };
        Self {
            name: config.instance_id.clone(),
            tcp: at(lines),
            http: at(http),
        }
    }

    /// Where it is reached over `transport`.
    pub(in crate::ops) fn address(&self, transport: Transport) -> Target {
        match transport {
            Transport::Tcp => self.tcp,
            Transport::Sse | Transport::Ws => self.http,
        }
    }
}

/// How that listener of an instance is reached from its own machine.
pub(in crate::ops) fn target(config: &Config, listener: Option<&Listener>) -> Option<Target> {
    let listener = listener?;
    let address = config.local(listener.address.port());
    let target = Target::own(address, listener.kind.is_encrypted());
    // From this machine to itself the address is the same at both ends.
    let own = address.ip().to_canonical();
    let mut listed = config.proxy.protocol.iter();
    let is_proxy = |text: &String| {
        text.parse()
            .is_ok_and(|network: Network| network.contains(own))
    };
    if listed.any(is_proxy) {
        Some(target.as_proxy())
    } else {
        Some(target)
    }
}

/// Whether it can serve: `/readyz`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Ready {
    pub instance: Option<String>,
    pub pid: Option<u32>,
    pub ready: bool,
    pub(super) code: Option<String>,
    /// Why it is not ready.
    pub reason: Option<String>,
    /// Messages that are committed and that it has not taken up yet.
    pub lag: Option<u64>,
}

/// How it is: `/health`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Health {
    pub instance: Option<String>,
    pub status: Option<String>,
    pub version: Option<String>,
    pub uptime_seconds: Option<u64>,
    pub db: Option<String>,
    pub valkey: Option<String>,
    /// By their names.
    pub checks: BTreeMap<String, Check>,
}

/// One thing that it looks at itself.
#[derive(Debug, Clone, Deserialize)]
pub struct Check {
    pub ok: bool,
    #[serde(default)]
    pub level: Option<String>,
    #[serde(default)]
    pub detail: Option<String>,
    #[serde(default)]
    pub runbook: Option<String>,
}

/// What it counts: `/metrics`, as JSON.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Metrics {
    pub active_connections: Option<u64>,
    pub rooms_in_memory: Option<u64>,
    pub messages_committed: Option<u64>,
    pub messages_refused: Option<u64>,
    pub commit_latency_ms: Option<Latency>,
    pub publish_latency_ms: Option<Latency>,
    pub delivery_latency_ms: Option<Latency>,
    pub queues: BTreeMap<String, Queue>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Latency {
    pub p99: Option<f64>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Queue {
    pub depth: u64,
    pub limit: u64,
}

impl Ready {
    /// It is ours, and has no place even for a probe.
    pub fn is_full(&self) -> bool {
        self.code.as_deref() == Some("full")
    }
}

impl Metrics {
    /// Whether a client would be turned away.
    pub fn places_are_used_up(&self) -> bool {
        let places = self.queues.get("connections");
        places.is_some_and(|places| places.depth >= places.limit)
    }
}

/// Asks whether it is ready.
///
/// # Errors
/// Where nothing answers in time, or what answers speaks no HTTP.
pub async fn ready(at: impl Into<Target>, within: Duration) -> Result<Ready, ClientError> {
    ask(at.into(), "/readyz", within).await
}

/// Asks how it is.
///
/// # Errors
/// As [`ready`].
pub async fn health(at: impl Into<Target>, within: Duration) -> Result<Health, ClientError> {
    ask(at.into(), "/health", within).await
}

/// Asks what it has counted.
///
/// # Errors
/// As [`ready`].
pub async fn metrics(at: impl Into<Target>, within: Duration) -> Result<Metrics, ClientError> {
    ask(at.into(), "/metrics", within).await
}

/// The same as Prometheus reads it.
///
/// # Errors
/// As [`ready`].
pub async fn metrics_text(at: impl Into<Target>, within: Duration) -> Result<Answer, ClientError> {
    get(at, "/metrics", "text/plain", within).await
}

async fn ask<T: DeserializeOwned + Default>(
    at: Target,
    path: &str,
    within: Duration,
) -> Result<T, ClientError> {
    let answer = get(at, path, JSON, within).await?;
    Ok(answer.read().unwrap_or_default())
}

/// Whether process `pid` is ready, and if not, why.
///
/// # Errors
/// The reason.
pub async fn is_ready(at: Target, pid: u32, within: Duration) -> Result<(), String> {
    let address = at.address;
    let ready = ready(at, within).await;
    let ready = ready.map_err(|error| format!("{}/readyz: {error}", at.url()))?;
    match ready.pid {
        Some(found) if found == pid && ready.ready => Ok(()),
        Some(found) if found == pid => Err(ready
            .reason
            .as_deref()
            .map_or_else(|| "not ready".to_owned(), plain_line)),
        Some(found) => Err(format!("pid {found} answers on {address}")),
        None if ready.is_full() => Err("connections used up".to_owned()),
        None => Err(format!("another program answers on {address}")),
    }
}
