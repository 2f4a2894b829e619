//! What `/health` says: how the instance is, and what of it.
use std::time::Duration;

use http::StatusCode;
use serde::Serialize;

use super::watch::Watch;
use crate::bus::BusState;
use crate::config::{ByteSize, HumanDuration, Level, Threshold};
use crate::meter::{Counts, Look, Share};
use crate::model::{Cause, format_time};
use crate::process::disk::{self, FREE_MIB};
use crate::store::{Era, StoreError};

/// A rate over fewer than these is chance: a server that has just started has missed once.
const ENOUGH: u64 = 100;

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
    pool: Check,
    bus: Check,
    past: Check,
    connections: Check,
    disk: Check,
    queue: Check,
    sends: Check,
    publish_latency: Check,
    db_connection_wait: Check,
    history_hit_rate: Check,
    session_cache_hit_rate: Check,
    messages_table: Check,
    users_table: Check,
    rooms_table: Check,
    backup: Check,
    certificate: Check,
}

/// One thing that was looked at. A failing one names the runbook that deals with it.
#[derive(Debug, Serialize)]
struct Check {
    ok: bool,
    level: Level,
    #[serde(flatten)]
    figure: Option<Figure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runbook: Option<&'static str>,
}

/// What was measured, and what it was held against.
#[derive(Debug, Serialize)]
struct Figure {
    value: f64,
    unit: &'static str,
    #[serde(flatten)]
    threshold: Threshold<f64>,
}

impl Figure {
    fn new(value: f64, unit: &'static str, threshold: Threshold<f64>) -> Self {
        Self {
            value,
            unit,
            threshold,
        }
    }
}

impl Check {
    fn new(level: Level, detail: impl Into<String>, cause: Cause) -> Self {
        let ok = level == Level::Ok;
        Self {
            ok,
            level,
            figure: None,
            detail: (!ok).then(|| detail.into()),
            runbook: cause.runbook().filter(|_| !ok),
        }
    }

    fn critical_if(failure: Option<String>, cause: Cause) -> Self {
        let level = match failure {
            Some(_) => Level::Critical,
            None => Level::Ok,
        };
        Self::new(level, failure.unwrap_or_default(), cause)
    }

    /// `what` is a sentence to which the figure is added.
    fn measured(level: Level, figure: Figure, what: &str, cause: Cause) -> Self {
        let Figure { value, unit, .. } = figure;
        let bound = match level {
            Level::Critical => figure.threshold.critical,
            _ => figure.threshold.warning,
        };
        let detail = format!("{what}: {value:.1} {unit}, the limit is {bound} {unit}");
        Self {
            figure: Some(figure),
            ..Self::new(level, detail, cause)
        }
    }

    /// Something of which much is bad.
    fn above(figure: Figure, what: &str, cause: Cause) -> Self {
        let level = figure.threshold.above(figure.value);
        Self::measured(level, figure, what, cause)
    }

    fn latency(recent: &Counts, at: Threshold<HumanDuration>, what: &str, cause: Cause) -> Self {
        let threshold = at.map(|limit| limit.get().as_secs_f64() * 1e3);
        let value = recent.summary().p99 * 1e3;
        Self::above(Figure::new(value, "ms", threshold), what, cause)
    }

    fn rate(recent: Share, threshold: Threshold<f64>, what: &str) -> Self {
        let value = recent.percent();
        let level = if recent.all >= ENOUGH {
            threshold.below(value)
        } else {
            Level::Ok
        };
        let figure = Figure::new(value, "%", threshold);
        Self::measured(level, figure, what, Cause::CacheCold)
    }
}

impl Health {
    pub(super) async fn of(watch: &Watch) -> Self {
        let (database, pool, era) =
            tokio::join!(watch.ask_database(), watch.ask_pool(), watch.ask_era());
        let bus = watch.hub.bus_state();
        let checks = Checks {
            past: past(era),
            ..Checks::of(watch, database.err(), pool.and_then(Result::err), bus)
        };
        Self {
            status: checks.status(watch.is_draining()),
            db: if checks.database.ok {
                "connected"
            } else {
                "disconnected"
            },
            valkey: bus.as_str(),
            instance: watch.instance.clone(),
            version: env!("CARGO_PKG_VERSION"),
            uptime_seconds: watch.uptime().as_secs(),
            checks,
        }
    }

    pub(super) fn http_status(&self) -> StatusCode {
        match self.status {
            Status::Healthy | Status::Degraded => StatusCode::OK,
            Status::Draining | Status::Unhealthy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl Checks {
    fn of(
        watch: &Watch,
        down: Option<StoreError>,
        pool: Option<StoreError>,
        bus: BusState,
    ) -> Self {
        let at = &watch.config().thresholds;
        let Look {
            publish,
            db_wait,
            history,
            sessions,
            ..
        } = watch.recent();
        Self {
            pool: Check::critical_if(
                exhausted(watch, pool),
                // Where it is away, that is why no connection can be had.
                down.as_ref().map_or(Cause::DatabaseBusy, StoreError::cause),
            ),
            database: Check::critical_if(
                down.as_ref().map(StoreError::to_string),
                down.as_ref().map_or(Cause::DatabaseAway, StoreError::cause),
            ),
            bus: bus_check(bus),
            past: past(None),
            connections: connections(watch),
            disk: disk(watch),
            queue: queue(watch),
            sends: sends(watch, down.as_ref()),
            publish_latency: Check::latency(
                &publish,
                at.publish_latency,
                "publishing to the bus took, in one of a hundred cases of the last minute",
                Cause::BusSlow,
            ),
            db_connection_wait: Check::latency(
                &db_wait,
                at.db_connection_wait,
                "requests waited for a database connection, in one of a hundred cases of the last minute",
                Cause::DatabaseBusy,
            ),
            history_hit_rate: Check::rate(
                history,
                at.history_hit_rate.map(|rate| rate.get()),
                "reads of history that were answered from memory in the last minute",
            ),
            session_cache_hit_rate: Check::rate(
                sessions,
                at.session_cache_hit_rate.map(|rate| rate.get()),
                "sessions that were found in memory in the last minute",
            ),
            messages_table: table(watch, "messages", at.messages_table),
            users_table: table(watch, "users", at.users_table),
            rooms_table: table(watch, "rooms", at.rooms_table),
            backup: backup(watch, at.backup_age),
            certificate: certificate(watch),
        }
    }

    /// Without its database an instance can do nothing new. What else is bad makes it slower or
    /// turns some away: to take it out of service would only move the load to the others.
    fn status(&self, draining: bool) -> Status {
        let bad = [
            &self.pool,
            &self.connections,
            &self.disk,
            &self.queue,
            &self.sends,
        ];
        match (self.database.ok, draining) {
            (_, true) => Status::Draining,
            (false, _) => Status::Unhealthy,
            _ if !self.bus.ok || !self.past.ok => Status::Degraded,
            _ if bad.iter().any(|check| check.level == Level::Critical) => Status::Degraded,
            _ => Status::Healthy,
        }
    }
}

/// Whether readers lost what they had been shown, until an operator says that this is known.
fn past(era: Option<Era>) -> Check {
    match era {
        Some(era) if era.is_news() => {
            let since = format_time(era.since);
            let reason = era.reason.unwrap_or_default();
            let detail = format!(
                "the past changed at {since}: {reason}; 'discordctl epoch ack' says that this is known"
            );
            Check::new(Level::Warning, detail, Cause::PastChanged)
        }
        _ => Check::new(Level::Ok, "", Cause::PastChanged),
    }
}

/// A warning and no more: nothing is lost, and no client is turned away.
fn bus_check(state: BusState) -> Check {
    let (level, detail) = match state {
        BusState::Disconnected => (
            Level::Warning,
            "the bus is down; messages go through the database alone",
        ),
        BusState::Connected | BusState::Disabled => (Level::Ok, ""),
    };
    Check::new(level, detail, Cause::BusAway)
}

fn exhausted(watch: &Watch, asked: Option<StoreError>) -> Option<String> {
    let pool = watch.store.pool();
    if pool.sheds {
        let waiting = watch.meters().db_waiting.get();
        return Some(format!(
            "{waiting} requests wait for a database connection, the oldest for {} ms: new ones are refused",
            pool.waited.as_millis()
        ));
    }
    asked.map(|error| error.to_string())
}

/// Of all places, so many may be taken before it is worth a word, in percent.
const CROWDED: usize = 90;

fn connections(watch: &Watch) -> Check {
    let most = watch.config().limits.connections;
    let open = usize::try_from(watch.meters().places.get()).unwrap_or(0);
    let level = match open {
        _ if open >= most => Level::Critical,
        _ if open * 100 >= most * CROWDED => Level::Warning,
        _ => Level::Ok,
    };
    let used = match level {
        Level::Critical => "connections used up",
        _ => "connections nearly used up",
    };
    let detail = format!(
        "{used}: {open} of {most} are open (limits.connections); 'discordctl connections' lists them"
    );
    Check::new(level, detail, Cause::CrowdedOut)
}

fn disk(watch: &Watch) -> Check {
    if watch.meters().db_full.get() > 0 {
        let full = "the database has no space left to write; sends are refused";
        return Check::new(Level::Critical, full, Cause::DiskFull);
    }
    let Some((folder, disk)) = disk::least_free(&watch.folders) else {
        return Check::new(Level::Ok, "", Cause::DiskFull);
    };
    let figure = Figure::new((disk.free_bytes >> 20) as f64, "MiB", FREE_MIB);
    let what = format!("space left in {}", folder.display());
    Check::measured(disk.state, figure, &what, Cause::DiskFull)
}

/// Not larger than nothing, before the first look.
fn table(watch: &Watch, name: &str, at: Threshold<ByteSize>) -> Check {
    const MB: f64 = 1e6;
    let sizes = watch.sizes.last();
    let bytes = sizes.iter().find(|(table, _)| *table == name);
    let value = bytes.map_or(0.0, |(_, bytes)| *bytes as f64 / MB);
    let threshold = at.map(|size| size.bytes() as f64 / MB);
    let figure = Figure::new(value, "MB", threshold);
    let what = format!("the table {name} is large ('discordctl storage' tells more)");
    Check::above(figure, &what, Cause::TableLarge)
}

/// Until a commit or a heartbeat tells that the database takes writes again.
fn sends(watch: &Watch, down: Option<&StoreError>) -> Check {
    let meters = watch.meters();
    let refused = (meters.refusing.get() > 0).then(|| {
        let all = meters.refused.get();
        format!("the last sends were refused, {all} since the start; the log says why")
    });
    Check::critical_if(refused, down.map_or(Cause::DatabaseBusy, StoreError::cause))
}

/// Where none runs by a schedule there is nothing to be said of it here.
fn backup(watch: &Watch, at: Threshold<HumanDuration>) -> Check {
    let hours = |time: Duration| time.as_secs_f64() / 3_600.0;
    let Some(age) = watch.backup_age() else {
        return Check::new(Level::Ok, "", Cause::BackupOld);
    };
    let figure = Figure::new(hours(age), "h", at.map(|limit| hours(limit.get())));
    let what =
        "so long ago the last verified backup began ('discordctl jobs list' tells of its runs)";
    Check::above(figure, what, Cause::BackupOld)
}

/// Not as bad as it is for clients: to take the instance out of service would help none of them.
fn certificate(watch: &Watch) -> Check {
    const SOON: chrono::TimeDelta = chrono::TimeDelta::days(7);
    let Some((standing, left)) = watch.certificate() else {
        return Check::new(Level::Ok, "", Cause::CertificateEnds);
    };
    let ends = standing.ends.format("%Y-%m-%d %H:%M UTC");
    let (level, detail) = match standing.trouble {
        _ if left <= chrono::TimeDelta::zero() => (
            Level::Critical,
            format!("the certificate in service ended on {ends}: put a new one in its place"),
        ),
        Some(why) => (
            Level::Warning,
            format!("the certificate from before stays in service, until {ends}: {why}"),
        ),
        None if left < SOON => (
            Level::Warning,
            format!("the certificate in service ends on {ends}: put a new one in its place"),
        ),
        None => (Level::Ok, String::new()),
    };
    Check::new(level, detail, Cause::CertificateEnds)
}

fn queue(watch: &Watch) -> Check {
    let threshold = watch
        .config()
        .thresholds
        .queue_depth
        .map(|depth| depth as f64);
    let value = watch.meters().queue_depth.get() as f64;
    let figure = Figure::new(value, "messages", threshold);
    let what = "messages wait to be committed";
    Check::above(figure, what, Cause::DatabaseBusy)
}
