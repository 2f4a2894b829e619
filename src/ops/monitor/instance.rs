//! One instance, look after look.
use std::time::{Duration, Instant};

use super::scrape::Scrape;
use super::view::{Breaker, Figures, Instance, State};
use super::window::Window;
use crate::client::{Answer, ClientError, Target};
use crate::config::{Config, Thresholds};
use crate::meter::table;
use crate::ops::probe::instance::{Check, Health, Site, health, metrics_text};

pub(super) struct Watched {
    pub(super) site: Site,
    pub(super) thresholds: Thresholds,
    window: Window,
    answered: Option<Instant>,
    /// The runbook that its own health names.
    pub(super) runbook: Option<String>,
}

/// What one look brought.
pub(super) struct Found {
    health: Result<Health, ClientError>,
    metrics: Result<Answer, ClientError>,
}

impl Found {
    pub(super) async fn of(http: Target, within: Duration) -> Self {
        let (health, metrics) = tokio::join!(health(http, within), metrics_text(http, within));
        Self { health, metrics }
    }
}

#[cfg(test)]
impl Found {
    /// As if the instance had answered so; nothing at all is no answer.
    pub(super) fn saying(health: &str, metrics: &str) -> Self {
        let answer = |body: &str| Answer {
            status: 200,
            body: body.to_owned(),
            ..Answer::default()
        };
        Self {
            health: answer(health).read(),
            metrics: Ok(answer(metrics)),
        }
    }
}

impl Watched {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            site: Site::of(config),
            thresholds: config.thresholds.clone(),
            window: Window::default(),
            answered: None,
            runbook: None,
        }
    }

    pub(super) fn has_answered(&self) -> bool {
        self.answered.is_some()
    }

    pub(super) fn take(&mut self, found: Found, now: Instant) -> Instance {
        let (state, reason, figures) = match (found.health, found.metrics) {
            (Ok(health), Ok(metrics)) => self.answer(health, &metrics, now),
            (Err(error), _) | (_, Err(error)) => (State::Down, Some(error.to_string()), None),
        };
        if figures.is_some() {
            self.answered = Some(now);
        }
        Instance {
            instance: self.site.name.clone(),
            http: self.site.http.to_string(),
            state,
            reason,
            age_seconds: self.answered.map(|at| now.duration_since(at).as_secs_f64()),
            figures: figures.unwrap_or_default(),
        }
    }

    fn answer(
        &mut self,
        health: Health,
        metrics: &Answer,
        now: Instant,
    ) -> (State, Option<String>, Option<Figures>) {
        let state = match health.status.as_deref() {
            Some("healthy") => State::Healthy,
            Some("degraded") => State::Degraded,
            Some("draining") => State::Draining,
            Some("unhealthy") => State::Unhealthy,
            _ => return (State::Down, Some(ClientError::Foreign.to_string()), None),
        };
        if health.instance.as_deref() != Some(&self.site.name) {
            let other = health.instance.as_deref().unwrap_or("another program");
            let why = format!("{other} answers at its port");
            return (State::Down, Some(why), None);
        }
        let failing = worst(&health);
        let reason = failing.and_then(|check| check.detail.clone());
        self.runbook = failing.and_then(|check| check.runbook.clone());
        self.window.push(now, Scrape::parse(&metrics.body));
        let figures = Figures {
            version: health.version,
            uptime_seconds: health.uptime_seconds.map(|seconds| seconds as f64),
            ..self.figures()
        };
        (state, reason, Some(figures))
    }

    fn figures(&self) -> Figures {
        let window = &self.window;
        let number = |name: &str| window.newest().and_then(|scrape| scrape.number(name));
        let p99 = |name: &str| window.quantile(name, 0.99).map(|seconds| seconds * 1e3);
        Figures {
            version: None,
            uptime_seconds: None,
            clients: number(table::CONNECTIONS.name),
            rooms: number(table::ROOMS_IN_MEMORY.name),
            messages_per_second: window.rate(table::MESSAGES_COMMITTED.name),
            deliveries_per_second: window.rate(table::MESSAGES_DELIVERED.name),
            delivery_p99_ms: p99(table::DELIVERY_LATENCY.name),
            commit_p99_ms: p99(table::COMMIT_LATENCY.name),
            publish_p99_ms: p99(table::PUBLISH_LATENCY.name),
            db_wait_p99_ms: p99(table::DATABASE_WAIT.name),
            history_hit_rate: window.hit_rate(table::HISTORY_HITS.name, table::HISTORY_MISSES.name),
            session_cache_hit_rate: window.hit_rate(
                table::SESSION_CACHE_HITS.name,
                table::SESSION_CACHE_MISSES.name,
            ),
            queue_depth: number(&table::QUEUE_DEPTH.of("commit")),
            presence_queue_depth: number(&table::QUEUE_DEPTH.of("presence")),
            bus_queue_depth: number(&table::QUEUE_DEPTH.of("bus_out")),
            pool_available: number(table::DATABASE_CONNECTIONS_AVAILABLE.name),
            pool_max: number(table::DATABASE_CONNECTIONS_MAX.name),
            pool_waiting: number(table::DATABASE_WAITING.name),
            breaker: number(table::DATABASE_BREAKER_OPEN.name).map(|open| {
                if open > 0.0 {
                    Breaker::Open
                } else {
                    Breaker::Closed
                }
            }),
            readers_behind: number(table::READERS_BEHIND.name),
            backup_age_hours: number(table::BACKUP_AGE.name).map(|seconds| seconds / 3_600.0),
            cpu_percent: window
                .rate(table::PROCESS_CPU.name)
                .map(|used| used * 100.0),
            resident_bytes: number(table::PROCESS_RESIDENT_MEMORY.name),
        }
    }
}

/// The worst of what it finds wrong itself.
fn worst(health: &Health) -> Option<&Check> {
    let mut bad = health.checks.values().filter(|check| !check.ok);
    let critical = |check: &&Check| check.level.as_deref() == Some("critical");
    bad.clone().find(critical).or_else(|| bad.next())
}
