//! What types cannot say: ranges, and settings that contradict each other.
use std::fmt::Display;
use std::ops::RangeInclusive;

use serde_json::json;

use super::allowed::show;
use super::layers::Provenance;
use super::problem::Problem;
use super::settings::{Config, Thresholds};
use super::threshold::Threshold;
use super::units::HumanDuration;
use crate::model::{Host, Network};

/// What makes a configuration unusable.
pub(super) fn errors(config: &Config, provenance: &Provenance) -> Vec<Problem> {
    let mut found: Vec<(&str, String)> = Vec::new();

    for (key, value, range) in numbers(config) {
        if !range.contains(&value) {
            let (least, most) = range.into_inner();
            found.push((key, format!("found {value}, expected {least} to {most}")));
        }
    }
    for (key, duration) in durations_that_must_pass(config) {
        if duration == HumanDuration::millis(0) {
            found.push((key, "found 0, expected a duration above it".into()));
        }
    }
    for (key, message) in thresholds_out_of_order(&config.thresholds) {
        found.push((key, message));
    }
    if config.tcp_port != 0 && config.tcp_port == config.http_port {
        let message = format!("found {}, which is tcp_port already", config.http_port);
        found.push(("http_port", message));
    }
    if !is_instance_id(&config.instance_id) {
        // It names files and appears in logs.
        let message = format!(
            "found {}, expected 1 to 64 letters, digits, \"_\", \"-\" or \".\" (not first)",
            show(&json!(config.instance_id))
        );
        found.push(("instance_id", message));
    }
    if config.data_dir.as_os_str().is_empty() {
        found.push(("data_dir", "found \"\", expected a folder".into()));
    }
    for host in &config.http.hosts {
        if host != "*" && Host::parse(host).is_none() {
            let message = format!(
                "found {}, expected a name or an address as clients send it, without a scheme \
                 and a port, such as \"chat.example.org\", or \"*\" for any",
                show(&json!(host))
            );
            found.push(("http.hosts", message));
        }
    }
    if let Some(url) = &config.http.public_url
        && Host::of_url(url).is_none()
    {
        let message = format!(
            "found {}, expected a URL such as \"https://chat.example.org\"",
            show(&json!(url))
        );
        found.push(("http.public_url", message));
    }
    for origin in &config.cors.origins {
        if !is_web_origin(origin) {
            let message = format!(
                "found {}, expected \"*\" or an origin such as \"https://example.org\"",
                show(&json!(origin))
            );
            found.push(("cors.origins", message));
        }
    }
    for network in &config.limits.uncounted {
        if network.parse::<Network>().is_err() {
            let message = format!(
                "found {}, expected an address or a network such as \"10.0.0.0/8\"",
                show(&json!(network))
            );
            found.push(("limits.uncounted", message));
        }
    }
    problems(found, provenance)
}

/// What works, and is probably not meant.
pub(super) fn warnings(config: &Config, provenance: &Provenance) -> Vec<Problem> {
    let mut found: Vec<(&str, String)> = Vec::new();
    let (kept, shown) = (config.retention.keep_last, config.history.per_room);
    if kept < shown {
        let message = format!(
            "keeps {kept} messages of a quiet room, fewer than the {shown} that history.per_room \
             shows to whoever joins"
        );
        found.push(("retention.keep_last", message));
    }
    if config.drain.deadline < config.drain.spread {
        let message = "clients are cut before all were told within drain.spread".into();
        found.push(("drain.deadline", message));
    }
    problems(found, provenance)
}

fn numbers(c: &Config) -> [(&'static str, u64, RangeInclusive<u64>); 13] {
    const MIB: u64 = 1 << 20;
    [
        ("history.per_room", c.history.per_room as u64, 1..=1_000),
        (
            "limits.connections",
            c.limits.connections as u64,
            1..=1_000_000,
        ),
        (
            "limits.message_chars",
            c.limits.message_chars as u64,
            1..=4_000,
        ),
        ("limits.line_bytes", c.limits.line_bytes.bytes(), 64..=MIB),
        (
            "limits.body_bytes",
            c.limits.body_bytes.bytes(),
            1_024..=16 * MIB,
        ),
        ("limits.burst", c.limits.burst.into(), 1..=1_000_000),
        ("limits.rooms", c.limits.rooms, 1..=10_000_000),
        (
            "limits.rooms_per_user_per_day",
            c.limits.rooms_per_user_per_day,
            1..=10_000_000,
        ),
        ("db_pool.max", c.db_pool.max.into(), 1..=1_000),
        (
            "db_pool.max_waiting",
            c.db_pool.max_waiting as u64,
            1..=100_000,
        ),
        (
            "retention.keep_last",
            c.retention.keep_last as u64,
            0..=1_000_000,
        ),
        (
            "log.rotate_size",
            c.log.rotate_size.bytes(),
            4_096..=1 << 40,
        ),
        ("log.rotate_keep", c.log.rotate_keep.into(), 0..=1_000),
    ]
}

fn durations_that_must_pass(c: &Config) -> [(&'static str, HumanDuration); 7] {
    [
        ("limits.idle_timeout", c.limits.idle_timeout),
        ("limits.write_timeout", c.limits.write_timeout),
        ("db_pool.idle_timeout", c.db_pool.idle_timeout),
        ("db_pool.acquire_timeout", c.db_pool.acquire_timeout),
        ("db_pool.shed_after", c.db_pool.shed_after),
        ("drain.deadline", c.drain.deadline),
        ("session_ttl", c.session_ttl),
    ]
}

fn thresholds_out_of_order(t: &Thresholds) -> impl Iterator<Item = (&'static str, String)> {
    [
        rises("thresholds.publish_latency.critical", t.publish_latency),
        rises("thresholds.queue_depth.critical", t.queue_depth),
        rises(
            "thresholds.db_connection_wait.critical",
            t.db_connection_wait,
        ),
        falls("thresholds.history_hit_rate.critical", t.history_hit_rate),
        falls(
            "thresholds.session_cache_hit_rate.critical",
            t.session_cache_hit_rate,
        ),
        rises("thresholds.messages_table.critical", t.messages_table),
        rises("thresholds.users_table.critical", t.users_table),
        rises("thresholds.rooms_table.critical", t.rooms_table),
    ]
    .into_iter()
    .flatten()
}

/// Where more is worse.
fn rises<T>(key: &'static str, at: Threshold<T>) -> Option<(&'static str, String)>
where
    T: PartialOrd + Display,
{
    let Threshold { warning, critical } = at;
    (critical < warning).then(|| {
        (
            key,
            format!("found {critical}, below the warning at {warning}"),
        )
    })
}

/// Where less is worse.
fn falls<T>(key: &'static str, at: Threshold<T>) -> Option<(&'static str, String)>
where
    T: PartialOrd + Display,
{
    let Threshold { warning, critical } = at;
    (critical > warning).then(|| {
        (
            key,
            format!("found {critical}, above the warning at {warning}"),
        )
    })
}

fn is_instance_id(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && !id.starts_with('.')
        && id
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
}

/// As a browser sends it: a scheme and a host, perhaps a port, and no slash at the end.
fn is_web_origin(origin: &str) -> bool {
    let host = ["http://", "https://"]
        .iter()
        .find_map(|scheme| origin.strip_prefix(scheme));
    origin == "*"
        || host.is_some_and(|host| {
            !host.is_empty()
                && host
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || ".-:[]".contains(c))
        })
}

fn problems(found: Vec<(&str, String)>, provenance: &Provenance) -> Vec<Problem> {
    found
        .into_iter()
        .map(|(key, message)| Problem {
            origin: provenance.origin(key).clone(),
            key: Some(key.to_owned()),
            message,
            suggestion: None,
        })
        .collect()
}
