//! What `/health` says: how the instance is, and what of it.
use serde::Serialize;
use warp::http::StatusCode;

use super::watch::Watch;
use crate::bus::BusState;
use crate::meter::Meters;

/// How an instance is, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Unhealthy,
    Draining,
    Degraded,
    Healthy,
}

#[derive(Debug, Serialize)]
pub(super) struct Health {
    status: Status,
    db: &'static str,
    valkey: &'static str,
    instance: String,
    version: &'static str,
    uptime_seconds: u64,
    checks: Checks,
}

#[derive(Debug, Serialize)]
struct Checks {
    database: Check,
    bus: Check,
    queue: Check,
}

/// One thing that was looked at. A failing one names the runbook that deals with it.
#[derive(Debug, Serialize)]
struct Check {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runbook: Option<&'static str>,
}

impl Check {
    fn of(failure: Option<String>, runbook: &'static str) -> Self {
        let ok = failure.is_none();
        Self {
            ok,
            detail: failure,
            runbook: (!ok).then_some(runbook),
        }
    }
}

impl Health {
    pub(super) async fn of(watch: &Watch) -> Self {
        let down = watch.ask_database().await.err();
        let bus = watch.hub.bus_state();
        let deaf = (bus == BusState::Disconnected)
            .then(|| "the bus is down; messages go through the database alone".to_owned());
        let status = match (&down, watch.is_draining(), &deaf) {
            (_, true, _) => Status::Draining,
            (Some(_), _, _) => Status::Unhealthy,
            (_, _, Some(_)) => Status::Degraded,
            _ => Status::Healthy,
        };
        Self {
            status,
            db: if down.is_none() {
                "connected"
            } else {
                "disconnected"
            },
            valkey: match bus {
                BusState::Disabled => "disabled",
                BusState::Connected => "connected",
                BusState::Disconnected => "disconnected",
            },
            instance: watch.instance.clone(),
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds: watch.uptime().as_secs(),
            checks: Checks {
                database: Check::of(down.map(|e| e.to_string()), "pool-exhaustion"),
                bus: Check::of(deaf, "valkey-down"),
                queue: Check::of(queue(watch), "pool-exhaustion"),
            },
        }
    }

    pub(super) fn http_status(&self) -> StatusCode {
        match self.status {
            Status::Healthy | Status::Degraded => StatusCode::OK,
            Status::Draining | Status::Unhealthy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

fn queue(watch: &Watch) -> Option<String> {
    let meters: &Meters = watch.hub.meters();
    let (depth, limit) = (
        meters.queue_depth.get(),
        watch.thresholds.queue_depth.critical,
    );
    let long = u64::try_from(depth).is_ok_and(|depth| depth > limit);
    long.then(|| format!("{depth} messages wait to be committed, more than {limit}"))
}
