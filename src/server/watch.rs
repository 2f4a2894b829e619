//! The answers to monitors of the server: liveness, readiness, health, metrics. They go on
//! while the database is away, and `livez` never asks it.
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use http::StatusCode;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::certificate::{Certificate, Standing};
use super::health::Health;
use super::lifecycle::Lifecycle;
use super::metrics;
use super::reload::Settings;
use super::sizes::Sizes;
use crate::chat::Presence;
use crate::clock::Clock;
use crate::config::Config;
use crate::delivery::Hub;
use crate::meter::{Look, Meters, Recent};
use crate::model::format_time;
use crate::process::disk;
use crate::store::{Epochs, Era, Maintenance, Store, StoreError};
use crate::transport::http::{self as answers, Probe, Probes, Response};

/// A database that takes longer to say a word is not ready.
const ASK_WITHIN: Duration = Duration::from_secs(1);

/// What is looked at.
pub(super) struct Watch {
    pub(super) instance: String,
    pub(super) hub: Arc<Hub>,
    pub(super) store: Arc<dyn Maintenance>,
    epochs: Arc<dyn Epochs>,
    presence: Arc<Presence>,
    settings: Settings,
    /// Where this instance writes.
    pub(super) folders: Vec<PathBuf>,
    pub(super) started_at: DateTime<Utc>,
    pub(super) sizes: Sizes,
    started: Instant,
    clock: Arc<dyn Clock>,
    lifecycle: Lifecycle,
    recent: Recent,
    pool: tokio::sync::Mutex<()>,
    certificate: Option<Arc<Certificate>>,
}

impl Watch {
    pub(super) fn new(
        settings: Settings,
        lifecycle: &Lifecycle,
        hub: &Arc<Hub>,
        store: &Arc<dyn Store>,
        presence: &Arc<Presence>,
    ) -> Self {
        let clock = presence.clock();
        let config = settings.borrow().clone();
        Self {
            instance: config.instance_id.clone(),
            hub: hub.clone(),
            store: store.clone(),
            epochs: store.clone(),
            presence: presence.clone(),
            folders: disk::folders(&config),
            sizes: Sizes::new(&config),
            settings,
            lifecycle: lifecycle.clone(),
            started: clock.now(),
            started_at: clock.utc(),
            clock: clock.clone(),
            recent: Recent::default(),
            pool: tokio::sync::Mutex::default(),
            certificate: None,
        }
    }

    /// The same of an instance that shows a certificate.
    pub(super) fn showing(self, certificate: Option<Arc<Certificate>>) -> Self {
        Self {
            certificate,
            ..self
        }
    }

    /// How it is with the certificate that is shown, and how long that holds.
    pub(super) fn certificate(&self) -> Option<(Standing, chrono::TimeDelta)> {
        let standing = self.certificate.as_ref()?.standing();
        let left = standing.ends - self.clock.utc();
        Some((standing, left))
    }

    /// Keeps what is told of the last minute to the last minute, until `stop`.
    pub(super) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let turns = async {
            loop {
                tokio::time::sleep(Recent::EVERY).await;
                self.recent.turn(self.meters());
            }
        };
        tokio::select! {
            () = self.sizes.run(stop) => {}
            () = turns => {}
        }
    }

    /// The configuration that holds now.
    pub(super) fn config(&self) -> Arc<Config> {
        self.settings.borrow().clone()
    }

    pub(super) fn meters(&self) -> &Meters {
        self.hub.meters()
    }

    pub(super) fn recent(&self) -> Look {
        self.recent.look(self.meters())
    }

    pub(super) fn is_draining(&self) -> bool {
        self.lifecycle.is_draining()
    }

    pub(super) fn uptime(&self) -> Duration {
        self.clock.now().duration_since(self.started)
    }

    /// How old the last verified backup is, or how long this has run without any; `None` where none
    /// runs by a schedule, or before that was looked up.
    pub(super) fn backup_age(&self) -> Option<Duration> {
        let is_on = !self.config().backup.schedule.is_off();
        is_on
            .then(|| self.sizes.backup_age(self.uptime()))
            .flatten()
    }

    /// Asks the database for a word, within a second.
    pub(super) async fn ask_database(&self) -> Result<(), StoreError> {
        let late = |_| StoreError::Unavailable("no answer within 1 s".into());
        tokio::time::timeout(ASK_WITHIN, self.store.ping())
            .await
            .map_err(late)?
    }

    /// Which past the database tells, if it says so within a second.
    pub(super) async fn ask_era(&self) -> Option<Era> {
        let asked = tokio::time::timeout(ASK_WITHIN, self.epochs.era()).await;
        asked.ok()?.ok()
    }

    /// Whether a request would get a connection, within a second. `None` while another
    /// probe asks: monitors must not fill the queue that they watch.
    pub(super) async fn ask_pool(&self) -> Option<Result<(), StoreError>> {
        let _one = self.pool.try_lock().ok()?;
        let late = |_| StoreError::Unavailable("no connection within 1 s".into());
        let asked = tokio::time::timeout(ASK_WITHIN, self.store.serves()).await;
        Some(asked.map_err(late).and_then(|asked| asked))
    }

    /// How many committed messages the rooms here have yet to take up; `None` if that could not
    /// be found out at once.
    async fn lag(&self) -> Option<u64> {
        let lag = tokio::time::timeout(ASK_WITHIN, self.hub.lag());
        lag.await.ok()?.ok()
    }

    async fn ready(&self) -> (StatusCode, Value) {
        let (reached, lag) = tokio::join!(self.ask_database(), self.lag());
        let reason = if self.is_draining() {
            Some("draining".to_owned())
        } else if let Err(error) = reached {
            Some(error.to_string())
        } else if self.presence.has_its_lease() {
            None
        } else {
            let why =
                "its lease ran out: it claims the nicknames of its sessions before it serves on";
            Some(why.to_owned())
        };
        let mut body = json!({
            "ready": reason.is_none(),
            "instance": self.instance,
            "pid": std::process::id(),
            "started_at": format_time(self.started_at),
            "version": env!("CARGO_PKG_VERSION"),
        });
        if let Some(reason) = reason {
            body["reason"] = reason.into();
            return (StatusCode::SERVICE_UNAVAILABLE, body);
        }
        if let Some(lag) = lag {
            body["lag"] = lag.into();
        }
        (StatusCode::OK, body)
    }
}

#[async_trait]
impl Probes for Watch {
    async fn answer(&self, probe: Probe, accept: &str) -> Response {
        match probe {
            Probe::Live => answers::json(StatusCode::OK, &json!({ "live": true })),
            Probe::Ready => {
                let (status, body) = self.ready().await;
                answers::json(status, &body)
            }
            Probe::Health => {
                let health = Health::of(self).await;
                answers::json(health.http_status(), &health)
            }
            // Prometheus says what it wants; any other request gets JSON.
            Probe::Metrics if accept.contains("openmetrics") || accept.contains("text/plain") => {
                let kind = "text/plain; version=0.0.4; charset=utf-8";
                answers::whole(kind, metrics::prometheus(self))
            }
            Probe::Metrics => answers::json(StatusCode::OK, &metrics::json(self)),
        }
    }
}
