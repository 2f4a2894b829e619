//! How an instance stands.
use serde::Serialize;

use super::stop::held;
use super::{ANSWER_WITHIN, Place};
use crate::clock::Clock;
use crate::model::Listeners;
use crate::ops::probe;
use crate::process::{Identity, Known, LookError, State, look};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    Running,
    Starting,
    Draining,
    /// It ended without removing its file.
    Dead,
    Stopped,
    /// Something is in its place that is not it, or not ours.
    Foreign,
    /// It cannot be found out.
    Unknown,
}

/// A row of `discordctl status`.
#[derive(Debug, Clone, Serialize)]
pub struct Standing {
    pub instance: String,
    pub state: Condition,
    pub pid: Option<u32>,
    pub uptime_seconds: Option<u64>,
    pub version: Option<String>,
    /// Where it listens, or would by its settings.
    #[serde(flatten)]
    pub listeners: Listeners,
    pub clients: Option<u64>,
    /// Rooms it holds in memory.
    pub rooms: Option<u64>,
    /// Messages that are committed and that it has not taken up yet.
    pub lag: Option<u64>,
    /// The systemd unit that it is.
    pub unit: Option<String>,
    /// What is worth saying.
    pub note: Option<String>,
}

impl Standing {
    pub async fn of(place: &Place, clock: &dyn Clock) -> Self {
        let mut standing = Self::nothing(place);
        let known = match look(&place.files).await {
            Ok(known) => known,
            Err(LookError { path, source }) => {
                standing.state = Condition::Unknown;
                standing.note = Some(format!("{}: {source}", path.display()));
                return standing;
            }
        };
        if let Some((identity, _)) = known.in_unit() {
            standing.runs(place, identity, clock).await;
            return standing;
        }
        match known {
            Known::Running(proof) => standing.runs(place, &proof.identity, clock).await,
            Known::Starting => standing.state = Condition::Starting,
            Known::Dead { identity, why } => {
                standing.unit = identity.unit;
                standing.is(Condition::Dead, identity.pid, why.to_string());
            }
            Known::Foreign { identity, why } => {
                standing.is(Condition::Foreign, identity.pid, why.to_string());
            }
            Known::Stopped => {
                let held = held(place);
                let named = held.iter();
                let named = named.map(|(port, owner)| format!("port {port}: {owner}"));
                if let Some((_, owner)) = held.first() {
                    let named: Vec<_> = named.collect();
                    standing.is(Condition::Foreign, owner.pid, named.join(", "));
                }
            }
        }
        standing
    }

    fn is(&mut self, state: Condition, pid: u32, note: String) {
        self.state = state;
        self.pid = Some(pid);
        self.note = Some(note);
    }

    fn nothing(place: &Place) -> Self {
        Self {
            instance: place.name().to_owned(),
            state: Condition::Stopped,
            pid: None,
            uptime_seconds: None,
            version: None,
            listeners: Listeners::expected(place.config.listeners()),
            clients: None,
            rooms: None,
            lag: None,
            unit: None,
            note: None,
        }
    }

    async fn runs(&mut self, place: &Place, identity: &Identity, clock: &dyn Clock) {
        self.says(identity, clock);
        self.state = match identity.state {
            State::Starting => Condition::Starting,
            State::Ready => Condition::Running,
            State::Draining => Condition::Draining,
        };
        if let Some(waits) = &identity.waits {
            self.note = Some(format!("it waits {waits}"));
        }
        if self.state == Condition::Running {
            self.ask(place, identity).await;
        }
    }

    fn says(&mut self, identity: &Identity, clock: &dyn Clock) {
        self.pid = Some(identity.pid);
        self.version = Some(identity.version.clone());
        if !identity.listeners.is_empty() {
            self.listeners.clone_from(&identity.listeners);
        }
        self.unit.clone_from(&identity.unit);
        let began = chrono::DateTime::parse_from_rfc3339(&identity.started_at).ok();
        self.uptime_seconds = began.and_then(|began| {
            let passed = clock.utc().signed_duration_since(began);
            u64::try_from(passed.num_seconds()).ok()
        });
    }

    async fn ask(&mut self, place: &Place, identity: &Identity) {
        let address = place.http(identity);
        let (ready, metrics) = futures_util::join!(
            probe::instance::ready(address, ANSWER_WITHIN),
            probe::instance::metrics(address, ANSWER_WITHIN)
        );
        match ready {
            Ok(ready) if ready.is_full() => {
                self.note = Some("connections used up".to_owned());
                return;
            }
            Ok(ready) if ready.pid != Some(identity.pid) => {
                self.note = Some(format!("another process answers on {address}"));
                return;
            }
            Ok(ready) => {
                self.lag = ready.lag;
                if !ready.ready {
                    let reason = ready.reason.as_deref().unwrap_or("unknown");
                    self.note = Some(format!("not ready: {reason}"));
                    if reason == "draining" {
                        self.state = Condition::Draining;
                    }
                }
            }
            Err(error) => self.note = Some(format!("it does not answer: {error}")),
        }
        if let Ok(metrics) = metrics {
            self.clients = metrics.active_connections;
            self.rooms = metrics.rooms_in_memory;
            if metrics.places_are_used_up() {
                self.note = Some("connections used up".to_owned());
            }
        }
    }
}
