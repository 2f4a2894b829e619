//! What is compared with which threshold, and which runbook deals with it.
use std::collections::BTreeMap;

use super::alarm::{Alarm, Bound, Reading};
use super::instance::Watched;
use super::view::{Alert, Figures, Instance, Source, State};
use super::{Database, Redis};
use crate::config::{ByteSize, HumanDuration, Level, Percent, Threshold, Thresholds};
use crate::model::Cause;

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
#[derive(Debug)]
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
        (database, cause): (&Source<Database>, Cause),
        redis: Option<&Source<Redis>>,
        at: &str,
    ) -> Vec<Alert> {
        let mut looks = Vec::new();
        for (watched, instance) in watched.iter().zip(instances) {
            looks.push(state(watched, instance));
            looks.extend(figures(&watched.thresholds, instance));
        }
        if let Some(first) = watched.first() {
            looks.push(reachable(
                "database",
                database.error.as_deref(),
                Level::Critical,
                cause,
            ));
            looks.extend(tables(&first.thresholds, database));
        }
        if let Some(redis) = redis {
            looks.push(reachable(
                "redis",
                redis.error.as_deref(),
                Level::Warning,
                Cause::BusAway,
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
const FOUND: Bound = Bound::Above(Threshold {
    warning: 0.5,
    critical: 1.5,
});

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
            // What never answered may never have been started.
            State::Down if watched.has_answered() => Cause::Unresponsive.runbook(),
            State::Down => Cause::NotStarted.runbook(),
            _ => crate::ops::runbook::known(named.unwrap_or_default()),
        },
    }
}

fn reachable(source: &str, error: Option<&str>, level: Level, cause: Cause) -> Look {
    Look {
        source: source.to_owned(),
        metric: "reachable",
        reading: found(error.map_or(Level::Ok, |_| level)),
        bound: FOUND,
        text: format!("no answer: {}", error.unwrap_or_default()),
        runbook: cause.runbook(),
    }
}

fn figures(thresholds: &Thresholds, instance: &Instance) -> [Look; 6] {
    let figures = &instance.figures;
    let answered = instance.state != State::Down;
    let look = |metric, value: fn(&Figures) -> Option<f64>, bound, unit: &str, cause: Cause| {
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
            runbook: cause.runbook(),
        }
    };
    const POOL: Cause = Cause::DatabaseBusy;
    [
        look(
            "publish_latency",
            |f| f.publish_p99_ms,
            Bound::Above(thresholds.publish_latency.map(ms)),
            " ms",
            Cause::BusSlow,
        ),
        look(
            "queue_depth",
            |f| f.queue_depth,
            Bound::Above(thresholds.queue_depth.map(|depth| depth as f64)),
            "",
            POOL,
        ),
        look(
            "db_connection_wait",
            |f| f.db_wait_p99_ms,
            Bound::Above(thresholds.db_connection_wait.map(ms)),
            " ms",
            POOL,
        ),
        look(
            "history_hit_rate",
            |f| f.history_hit_rate,
            Bound::Below(thresholds.history_hit_rate.map(Percent::get)),
            " %",
            Cause::CacheCold,
        ),
        look(
            "session_cache_hit_rate",
            |f| f.session_cache_hit_rate,
            Bound::Below(thresholds.session_cache_hit_rate.map(Percent::get)),
            " %",
            Cause::CacheCold,
        ),
        look(
            "backup_age",
            |f| f.backup_age_hours,
            Bound::Above(
                thresholds
                    .backup_age
                    .map(|age| age.get().as_secs_f64() / 3_600.0),
            ),
            " h",
            Cause::BackupOld,
        ),
    ]
}

fn tables(thresholds: &Thresholds, database: &Source<Database>) -> Vec<Look> {
    let size = |name: &str| match &database.now {
        Some(Database::Postgres(of)) => of
            .tables
            .iter()
            .find(|table| table.table == name)
            .map(|table| table.bytes as f64 / 1e6),
        _ => None,
    };
    let look = |metric, name: &str, threshold: Threshold<ByteSize>| {
        let megabytes = threshold.map(|size: ByteSize| size.bytes() as f64 / 1e6);
        let bound = Bound::Above(megabytes);
        let value = size(name);
        Look {
            source: "database".to_owned(),
            metric,
            reading: value.map_or(Reading::Unknown, Reading::Value),
            bound,
            text: format!(
                "{name} has {:.1} MB ({}); 'discordctl cleanup' trims it",
                value.unwrap_or_default(),
                limits(bound, " MB"),
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
    let (sign, at) = match bound {
        Bound::Above(at) => ('>', at),
        Bound::Below(at) => ('<', at),
    };
    let Threshold { warning, critical } = at;
    format!("warning {sign} {warning}{unit}, critical {sign} {critical}{unit}")
}

fn ms(time: HumanDuration) -> f64 {
    time.get().as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::{Clock, ManualClock};
    use crate::config::Config;
    use crate::ops::monitor::instance::Found;
    use crate::ops::monitor::{PostgresActivity, Table};

    /// One instance and its database, looked at again and again.
    struct Case {
        rules: Rules,
        watched: Vec<Watched>,
        clock: ManualClock,
    }

    impl Case {
        fn new() -> Self {
            let config = Config {
                instance_id: "instance-1".into(),
                ..Config::default()
            };
            Self {
                rules: Rules::new(3),
                watched: vec![Watched::new(&config)],
                clock: ManualClock::default(),
            }
        }

        /// Three looks that all bring this; returns what stands after them, as metric and level.
        fn looks(&mut self, health: &str, metrics: &str, bytes: i64) -> Vec<(&'static str, Level)> {
            let mut alerts = Vec::new();
            for _ in 0..3 {
                self.clock.advance(Duration::from_secs(2));
                let found = Found::saying(health, metrics);
                let instances = vec![self.watched[0].take(found, self.clock.now())];
                let database = database(bytes);
                let at = "2024-01-15T10:30:00.000Z";
                alerts = self.rules.apply(
                    &self.watched,
                    &instances,
                    (&database, Cause::DatabaseAway),
                    None,
                    at,
                );
            }
            alerts
                .iter()
                .map(|alert| (alert.metric, alert.level))
                .collect()
        }
    }

    fn database(bytes: i64) -> Source<Database> {
        let now = Database::Postgres(PostgresActivity {
            tables: vec![Table {
                table: "messages".into(),
                bytes,
            }],
            ..PostgresActivity::default()
        });
        Source {
            address: String::new(),
            age_seconds: Some(0.0),
            error: None,
            last: None,
            now: Some(now),
        }
    }

    const HEALTHY: &str = r#"{"status":"healthy","instance":"instance-1","checks":{}}"#;

    #[test]
    fn figures_beyond_a_threshold_are_alerts_and_well_ones_are_none() {
        let mut case = Case::new();
        assert_eq!(case.looks(HEALTHY, "", 0), []);
        let queue = |depth: u32| format!("discord_queue_depth{{queue=\"commit\"}} {depth}");
        assert_eq!(
            case.looks(HEALTHY, &queue(600), 0),
            [("queue_depth", Level::Critical)]
        );
        assert_eq!(
            case.looks(HEALTHY, &queue(90), 0),
            [("queue_depth", Level::Warning)]
        );
        assert_eq!(case.looks(HEALTHY, &queue(80), 0), []);
        assert_eq!(
            case.looks(HEALTHY, "", 1_100_000_000),
            [("messages_table", Level::Warning)]
        );
        assert_eq!(case.looks(HEALTHY, "", 800_000_000), []);
    }

    #[test]
    fn an_instance_that_is_down_keeps_its_alerts_and_gets_one_more() {
        let mut case = Case::new();
        let queue = "discord_queue_depth{queue=\"commit\"} 600";
        case.looks(HEALTHY, queue, 0);
        let down = case.looks("", "", 0);
        assert_eq!(
            down,
            [("state", Level::Critical), ("queue_depth", Level::Critical)]
        );
        assert_eq!(case.looks(HEALTHY, "", 0), []);
    }

    #[test]
    fn another_instance_at_its_port_is_no_answer_of_its_own() {
        let other = HEALTHY.replace("instance-1", "instance-9");
        assert_eq!(
            Case::new().looks(&other, "", 0),
            [("state", Level::Critical)]
        );
    }

    #[test]
    fn an_instance_names_its_own_runbook() {
        let mut case = Case::new();
        let degraded = r#"{"status":"degraded","instance":"instance-1",
            "checks":{"bus":{"ok":false,"detail":"the bus is down","runbook":"valkey-down"}}}"#;
        assert_eq!(case.looks(degraded, "", 0), [("state", Level::Warning)]);
        assert_eq!(case.watched[0].runbook.as_deref(), Some("valkey-down"));
    }
}
