//! One instance, look after look.
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::scrape::Scrape;
use super::view::{Breaker, Figures, Instance, State};
use super::window::Window;
use crate::client::{Answer, ClientError};
use crate::config::Thresholds;
use crate::ops::probe::instance::{Check, Health, health, metrics_text};

/// What the monitor is told of an instance.
#[derive(Debug, Clone)]
pub struct Subject {
    pub name: String,
    pub http: SocketAddr,
    pub thresholds: Thresholds,
}

pub(super) struct Watched {
    pub(super) subject: Subject,
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
    pub(super) async fn of(http: SocketAddr, within: Duration) -> Self {
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
    pub(super) fn new(subject: Subject) -> Self {
        Self {
            subject,
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
            instance: self.subject.name.clone(),
            http: self.subject.http.to_string(),
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
        if health.instance.as_deref() != Some(&self.subject.name) {
            let other = health.instance.as_deref().unwrap_or("somebody else");
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
        let number = |name| window.newest().and_then(|scrape| scrape.number(name));
        let p99 = |name| window.quantile(name, 0.99).map(|seconds| seconds * 1e3);
        Figures {
            version: None,
            uptime_seconds: None,
            clients: number("discord_connections"),
            rooms: number("discord_rooms_in_memory"),
            messages_per_second: window.rate("discord_messages_committed_total"),
            deliveries_per_second: window.rate("discord_messages_delivered_total"),
            delivery_p99_ms: p99("discord_delivery_latency_seconds"),
            commit_p99_ms: p99("discord_commit_latency_seconds"),
            publish_p99_ms: p99("discord_publish_latency_seconds"),
            db_wait_p99_ms: p99("discord_database_wait_seconds"),
            history_hit_rate: window
                .hit_rate("discord_history_hits_total", "discord_history_misses_total"),
            session_cache_hit_rate: window.hit_rate(
                "discord_session_cache_hits_total",
                "discord_session_cache_misses_total",
            ),
            queue_depth: number("discord_queue_depth{queue=\"commit\"}"),
            presence_queue_depth: number("discord_queue_depth{queue=\"presence\"}"),
            bus_queue_depth: number("discord_queue_depth{queue=\"bus_out\"}"),
            pool_available: number("discord_database_connections_available"),
            pool_max: number("discord_database_connections_max"),
            pool_waiting: number("discord_database_waiting"),
            breaker: number("discord_database_breaker_open").map(|open| match open > 0.0 {
                true => Breaker::Open,
                false => Breaker::Closed,
            }),
            readers_behind: number("discord_readers_behind"),
            cpu_percent: window
                .rate("process_cpu_seconds_total")
                .map(|used| used * 100.0),
            resident_bytes: number("process_resident_memory_bytes"),
        }
    }
}

/// The worst of what it finds wrong itself.
fn worst(health: &Health) -> Option<&Check> {
    let mut bad = health.checks.values().filter(|check| !check.ok);
    let critical = |check: &&Check| check.level.as_deref() == Some("critical");
    bad.clone().find(critical).or_else(|| bad.next())
}
