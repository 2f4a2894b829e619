//! One instance, look after look.
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::scrape::Scrape;
use super::view::{Breaker, Figures, Instance, State};
use super::window::Window;
use crate::config::Thresholds;
use crate::ops::http::{self, Answer, HttpError};

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
    health: Result<Answer, HttpError>,
    metrics: Result<Answer, HttpError>,
}

impl Found {
    pub(super) async fn of(http: SocketAddr, within: Duration) -> Self {
        let (health, metrics) = tokio::join!(
            http::get(http, "/health", "application/json", within),
            http::get(http, "/metrics", "text/plain", within),
        );
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
        };
        Self {
            health: match health {
                "" => Err(HttpError::Foreign),
                health => Ok(answer(health)),
            },
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
            (Ok(health), Ok(metrics)) => self.answer(&health.json(), &metrics, now),
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
        health: &Value,
        metrics: &Answer,
        now: Instant,
    ) -> (State, Option<String>, Option<Figures>) {
        let state = match health["status"].as_str() {
            Some("healthy") => State::Healthy,
            Some("degraded") => State::Degraded,
            Some("draining") => State::Draining,
            Some("unhealthy") => State::Unhealthy,
            _ => return (State::Down, Some(HttpError::Foreign.to_string()), None),
        };
        if health["instance"].as_str() != Some(&self.subject.name) {
            let other = health["instance"].as_str().unwrap_or("somebody else");
            let why = format!("{other} answers at its port");
            return (State::Down, Some(why), None);
        }
        let (reason, runbook) = failing(health);
        self.runbook = runbook;
        self.window.push(now, Scrape::parse(&metrics.body));
        let figures = Figures {
            version: health["version"].as_str().map(str::to_owned),
            uptime_seconds: health["uptime_seconds"].as_f64(),
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

/// What the worst of its own checks says, and the runbook that it names.
fn failing(health: &Value) -> (Option<String>, Option<String>) {
    let checks = health["checks"].as_object();
    let failing = checks.and_then(|checks| {
        let bad = |check: &&Value| check["ok"] == false;
        let critical = |check: &&Value| check["level"] == "critical";
        checks
            .values()
            .filter(bad)
            .find(critical)
            .or_else(|| checks.values().find(bad))
    });
    let text = |name: &str| {
        failing
            .and_then(|check| check[name].as_str())
            .map(str::to_owned)
    };
    (text("detail"), text("runbook"))
}
