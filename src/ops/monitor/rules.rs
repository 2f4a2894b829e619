//! What is compared with which threshold, and which runbook deals with it.
use std::collections::BTreeMap;

use super::alarm::{Alarm, Bound, Level, Reading};
use super::instance::Watched;
use super::view::{Alert, Database, Figures, Instance, Redis, Source, State};
use crate::config::{ByteSize, HumanDuration, Percent, Threshold, Thresholds};

/// One thing that was looked at.
struct Look {
    source: String,
    metric: &'static str,
    reading: Reading,
    bound: Bound,
    /// What to say of it if it is bad.
    text: String,
    runbook: Option<&'static str>,
}

/// The alarms that are kept from look to look.
#[derive(Debug, Default)]
pub(super) struct Rules {
    alarms: BTreeMap<(String, &'static str), Kept>,
    /// So many looks one after another change a level.
    looks: u32,
}

#[derive(Debug, Default)]
struct Kept {
    alarm: Alarm,
    level: Level,
    since: String,
    /// As it was when it was last known.
    text: String,
}

impl Rules {
    pub(super) fn new(looks: u32) -> Self {
        Self {
            looks,
            alarms: BTreeMap::new(),
        }
    }

    /// The alerts after this look, worst first.
    pub(super) fn apply(
        &mut self,
        watched: &[Watched],
        instances: &[Instance],
        database: &Source<Database>,
        redis: Option<&Source<Redis>>,
        at: &str,
    ) -> Vec<Alert> {
        let mut looks = Vec::new();
        for (watched, instance) in watched.iter().zip(instances) {
            looks.push(state(watched, instance));
            looks.extend(figures(&watched.subject.thresholds, instance));
        }
        if let Some(first) = watched.first() {
            looks.push(reachable(
                "database",
                database.error.as_deref(),
                Level::Critical,
                "pool-exhaustion",
            ));
            looks.extend(tables(&first.subject.thresholds, database));
        }
        if let Some(redis) = redis {
            looks.push(reachable(
                "redis",
                redis.error.as_deref(),
                Level::Warning,
                "valkey-down",
            ));
        }
        let mut alerts: Vec<Alert> = looks
            .into_iter()
            .filter_map(|look| self.judge(look, at))
            .collect();
        alerts.sort_by(|a, b| (b.level, &a.source).cmp(&(a.level, &b.source)));
        alerts
    }

    fn judge(&mut self, look: Look, at: &str) -> Option<Alert> {
        let kept = self
            .alarms
            .entry((look.source.clone(), look.metric))
            .or_default();
        let level = kept.alarm.look(look.reading, look.bound, self.looks);
        if level != kept.level {
            kept.level = level;
            kept.since = at.to_owned();
        }
        if look.reading != Reading::Unknown {
            kept.text = look.text;
        }
        (level > Level::Ok).then(|| Alert {
            level,
            source: look.source,
            metric: look.metric,
            text: kept.text.clone(),
            since: kept.since.clone(),
            runbook: look.runbook,
        })
    }
}

/// Levels as numbers, for what is not measured but found.
const FOUND: Bound = Bound::Above {
    warning: 0.5,
    critical: 1.5,
};

fn found(level: Level) -> Reading {
    Reading::Value(match level {
        Level::Ok => 0.0,
        Level::Warning => 1.0,
        Level::Critical => 2.0,
    })
}

fn state(watched: &Watched, instance: &Instance) -> Look {
    let level = match instance.state {
        State::Healthy | State::Draining => Level::Ok,
        State::Degraded => Level::Warning,
        State::Down | State::Unhealthy => Level::Critical,
    };
    let reason = instance.reason.as_deref().unwrap_or("it does not say why");
    let named = watched.runbook.as_deref();
    Look {
        source: instance.instance.clone(),
        metric: "state",
        reading: found(level),
        bound: FOUND,
        text: format!("{}: {reason}", instance.state.as_str()),
        runbook: match instance.state {
            State::Down => Some("bad-deploy"),
            _ => Some(
                crate::ops::runbook::known(named.unwrap_or_default()).unwrap_or("pool-exhaustion"),
            ),
        },
    }
}

fn reachable(source: &str, error: Option<&str>, level: Level, runbook: &'static str) -> Look {
    Look {
        source: source.to_owned(),
        metric: "reachable",
        reading: found(error.map_or(Level::Ok, |_| level)),
        bound: FOUND,
        text: format!("no answer: {}", error.unwrap_or_default()),
        runbook: Some(runbook),
    }
}

fn figures(thresholds: &Thresholds, instance: &Instance) -> [Look; 5] {
    let figures = &instance.figures;
    let answered = instance.state != State::Down;
    let look = |metric, value: fn(&Figures) -> Option<f64>, bound, unit: &str, runbook| {
        let value = value(figures);
        let reading = match value {
            Some(value) => Reading::Value(value),
            None if answered => Reading::Quiet,
            None => Reading::Unknown,
        };
        Look {
            source: instance.instance.clone(),
            metric,
            reading,
            bound,
            text: match value {
                Some(value) => format!("{value:.1}{unit} ({})", limits(bound, unit)),
                None => "nothing to measure".to_owned(),
            },
            runbook: Some(runbook),
        }
    };
    const POOL: &str = "pool-exhaustion";
    [
        look(
            "publish_latency",
            |f| f.publish_p99_ms,
            ms(thresholds.publish_latency),
            " ms",
            "valkey-down",
        ),
        look(
            "queue_depth",
            |f| f.queue_depth,
            count(thresholds.queue_depth),
            "",
            POOL,
        ),
        look(
            "db_connection_wait",
            |f| f.db_wait_p99_ms,
            ms(thresholds.db_connection_wait),
            " ms",
            POOL,
        ),
        look(
            "history_hit_rate",
            |f| f.history_hit_rate,
            rate(thresholds.history_hit_rate),
            " %",
            POOL,
        ),
        look(
            "session_cache_hit_rate",
            |f| f.session_cache_hit_rate,
            rate(thresholds.session_cache_hit_rate),
            " %",
            POOL,
        ),
    ]
}

fn tables(thresholds: &Thresholds, database: &Source<Database>) -> Vec<Look> {
    let bytes = |name: &str| match &database.now {
        Some(Database::Postgres { tables, .. }) => tables
            .iter()
            .find(|table| table.table == name)
            .map(|table| table.bytes as f64),
        _ => None,
    };
    let look = |metric, name: &str, threshold| {
        let bound = size(threshold);
        let value = bytes(name);
        Look {
            source: "database".to_owned(),
            metric,
            reading: value.map_or(Reading::Unknown, Reading::Value),
            bound,
            text: format!(
                "{name} has {:.1} MB ({}); 'discordctl cleanup' trims it",
                value.unwrap_or_default() / 1e6,
                limits(megabytes(threshold), " MB"),
            ),
            runbook: None,
        }
    };
    vec![
        look("messages_table", "messages", thresholds.messages_table),
        look("users_table", "users", thresholds.users_table),
        look("rooms_table", "rooms", thresholds.rooms_table),
    ]
}

fn limits(bound: Bound, unit: &str) -> String {
    match bound {
        Bound::Above { warning, critical } => {
            format!("warning > {warning}{unit}, critical > {critical}{unit}")
        }
        Bound::Below { warning, critical } => {
            format!("warning < {warning}{unit}, critical < {critical}{unit}")
        }
    }
}

fn ms(threshold: Threshold<HumanDuration>) -> Bound {
    let ms = |time: HumanDuration| time.get().as_secs_f64() * 1e3;
    above(ms(threshold.warning), ms(threshold.critical))
}

fn count(threshold: Threshold<u64>) -> Bound {
    above(threshold.warning as f64, threshold.critical as f64)
}

fn size(threshold: Threshold<ByteSize>) -> Bound {
    above(
        threshold.warning.bytes() as f64,
        threshold.critical.bytes() as f64,
    )
}

fn megabytes(threshold: Threshold<ByteSize>) -> Bound {
    let mb = |size: ByteSize| size.bytes() as f64 / 1e6;
    above(mb(threshold.warning), mb(threshold.critical))
}

fn rate(threshold: Threshold<Percent>) -> Bound {
    Bound::Below {
        warning: threshold.warning.get(),
        critical: threshold.critical.get(),
    }
}

fn above(warning: f64, critical: f64) -> Bound {
    Bound::Above { warning, critical }
}
