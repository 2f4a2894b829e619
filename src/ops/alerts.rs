//! Prometheus' alert rules, made from the thresholds that every other check reads too.
use std::fmt::Write;

use crate::config::{Threshold, Thresholds};
use crate::meter::table::{self, Metric, TABLE_SIZE};
use crate::model::Cause;

/// A state or figure that the operator should hear of.
struct Rule {
    name: &'static str,
    severity: &'static str,
    /// True while it is bad; one series for each instance.
    expr: String,
    /// How long it has to be bad. What passes by itself is no alert.
    hold: &'static str,
    summary: String,
    cause: Cause,
}

/// The rules as a file for Prometheus' `rule_files`.
pub fn rules(thresholds: &Thresholds) -> String {
    let mut text = String::from(
        "# Made by `discordctl monitor --alert-rules` from the thresholds of the configuration.\n\
         groups:\n  - name: discordctl\n    rules:\n",
    );
    let rules = states().into_iter().chain(figures(thresholds));
    rules.for_each(|rule| rule.write(&mut text));
    text
}

impl Rule {
    fn write(&self, text: &mut String) {
        let Self {
            name,
            severity,
            expr,
            hold,
            summary,
            cause,
        } = self;
        let way_on = match cause.runbook() {
            Some(name) => format!("runbook: discordctl runbook show {name}"),
            None => format!("fix: \"{}\"", cause.fix().unwrap_or_default()),
        };
        // Writing into a string cannot fail.
        let _ = write!(
            text,
            "      - alert: {name}\n        expr: >-\n          {expr}\n        for: {hold}\n        \
             labels:\n          severity: {severity}\n        annotations:\n          \
             summary: \"{{{{ $labels.instance }}}}: {summary}\"\n          \
             {way_on}\n"
        );
    }
}

fn states() -> Vec<Rule> {
    let rule = |name, severity, expr: String, hold, summary: &str, cause| Rule {
        name,
        severity,
        expr,
        hold,
        summary: summary.into(),
        cause,
    };
    vec![
        rule(
            "DiscordInstanceDown",
            "critical",
            "up{job=\"discordctl\"} == 0".into(),
            "30s",
            "the instance does not answer",
            Cause::Unresponsive,
        ),
        rule(
            "DiscordDatabaseDown",
            "critical",
            format!("{} == 0", table::DATABASE_UP.name),
            "15s",
            "the database is away; sends are refused",
            Cause::DatabaseAway,
        ),
        rule(
            "DiscordDatabaseFull",
            "critical",
            format!("{} == 1", table::DATABASE_FULL.name),
            "15s",
            "the database has no space left; sends are refused",
            Cause::DiskFull,
        ),
        rule(
            "DiscordSendsRefused",
            "critical",
            refused_share(),
            "15s",
            "sends are refused: {{ $value | humanizePercentage }} of the last minute's",
            Cause::DatabaseAway,
        ),
        rule(
            "DiscordPoolExhausted",
            "critical",
            format!(
                "{} == 1 or increase({}[1m]) > 0",
                table::DATABASE_BREAKER_OPEN.name,
                table::DATABASE_SHED.name
            ),
            "15s",
            "too many requests wait for the database; new ones are refused",
            Cause::DatabaseBusy,
        ),
        rule(
            "DiscordBusDown",
            "warning",
            format!("{} == 0", table::BUS_UP.name),
            "15s",
            "Redis is away; chat goes on through the database",
            Cause::BusAway,
        ),
    ]
}

/// Of all sends, where it is more than what a failover of some seconds refuses.
fn refused_share() -> String {
    let rate = |metric: &Metric| format!("rate({}[1m])", metric.name);
    let refused = rate(&table::MESSAGES_REFUSED);
    let taken = rate(&table::MESSAGES_COMMITTED);
    format!("{refused} / ({refused} + {taken}) > 0.05")
}

fn figures(at: &Thresholds) -> Vec<Rule> {
    let seconds = |limit: crate::config::HumanDuration| limit.get().as_secs_f64();
    let mut rules = Vec::new();
    let publish = latency(&table::PUBLISH_LATENCY);
    rules.extend(above(
        "DiscordPublishLatency",
        &publish,
        at.publish_latency.map(seconds),
        "publishing to Redis takes {{ $value | humanizeDuration }}",
        Cause::BusSlow,
    ));
    rules.extend(above(
        "DiscordQueueDepth",
        &table::QUEUE_DEPTH.of("commit"),
        at.queue_depth.map(|depth| depth as f64),
        "{{ $value }} messages wait to be committed",
        Cause::DatabaseBusy,
    ));
    rules.extend(above(
        "DiscordDatabaseWait",
        &latency(&table::DATABASE_WAIT),
        at.db_connection_wait.map(seconds),
        "requests wait {{ $value | humanizeDuration }} for a database connection",
        Cause::DatabaseBusy,
    ));
    rules.extend(below(
        "DiscordHistoryHitRate",
        [&table::HISTORY_HITS, &table::HISTORY_MISSES],
        at.history_hit_rate.map(|rate| rate.get()),
        "only {{ $value | humanize }} % of reads are answered from memory",
    ));
    rules.extend(below(
        "DiscordSessionCacheHitRate",
        [&table::SESSION_CACHE_HITS, &table::SESSION_CACHE_MISSES],
        at.session_cache_hit_rate.map(|rate| rate.get()),
        "only {{ $value | humanize }} % of sessions are found in memory",
    ));
    rules.extend(above(
        "DiscordBackupOld",
        table::BACKUP_AGE.name,
        at.backup_age.map(seconds),
        "the last verified backup is {{ $value | humanizeDuration }} old",
        Cause::BackupOld,
    ));
    let tables = [
        ("DiscordMessagesTable", "messages", at.messages_table),
        ("DiscordUsersTable", "users", at.users_table),
        ("DiscordRoomsTable", "rooms", at.rooms_table),
    ];
    for (name, table, limit) in tables {
        rules.extend(above(
            name,
            &TABLE_SIZE.of(table),
            limit.map(|size| size.bytes() as f64),
            &format!("the table {table} has {{{{ $value | humanize }}}}B"),
            Cause::TableLarge,
        ));
    }
    rules
}

/// What one in a hundred takes longer than.
fn latency(histogram: &Metric) -> String {
    let histogram = histogram.name;
    format!("histogram_quantile(0.99, sum by (job, instance, le) (rate({histogram}_bucket[1m])))")
}

/// For a figure that is bad above its limits.
fn above(
    name: &'static str,
    figure: &str,
    at: Threshold<f64>,
    summary: &str,
    cause: Cause,
) -> [Rule; 2] {
    let rule = |severity, limit| Rule {
        name,
        severity,
        expr: format!("{figure} > {limit}"),
        hold: "1m",
        summary: format!("{summary}, the limit is {limit}"),
        cause,
    };
    [rule("warning", at.warning), rule("critical", at.critical)]
}

/// For the rate of hits among hits and misses. A rate over a few is chance.
fn below(
    name: &'static str,
    counters: [&Metric; 2],
    at: Threshold<f64>,
    summary: &str,
) -> [Rule; 2] {
    let [hits, misses] = counters.map(|counter| format!("increase({}[5m])", counter.name));
    let all = format!("({hits} + {misses})");
    let rule = |severity, limit| Rule {
        name,
        severity,
        expr: format!("100 * {hits} / {all} < {limit} and {all} > 500"),
        hold: "1m",
        summary: format!("{summary}, the limit is {limit} %"),
        cause: Cause::CacheCold,
    };
    [rule("warning", at.warning), rule("critical", at.critical)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_rules_hold_the_thresholds_that_are_set() {
        let mut thresholds = Config::default().thresholds;
        thresholds.queue_depth.warning = 7;
        let text = rules(&thresholds);
        assert!(
            text.contains("discord_queue_depth{queue=\"commit\"} > 7\n"),
            "{text}"
        );
        assert!(text.contains("(rate(discord_publish_latency_seconds_bucket[1m]))) > 0.1\n"));
    }

    /// What is shipped is what the command prints for the defaults:
    /// `discordctl monitor --alert-rules > config/alerts.yml`.
    #[test]
    fn the_shipped_rules_are_those_of_the_defaults() {
        let shipped = std::fs::read_to_string("../config/alerts.yml").expect("the file is there");
        assert_eq!(shipped, rules(&Config::default().thresholds));
    }
}
