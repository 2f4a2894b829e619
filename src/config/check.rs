//! What types cannot say: ranges, and settings that contradict each other.
use std::cmp::Ordering::{self, Greater, Less};
use std::fmt::Display;
use std::ops::RangeInclusive;

use serde_json::Value;

use super::access;
use super::allowed::show;
use super::layers::Provenance;
use super::problem::Problem;
use super::settings::{Config, Thresholds};
use super::threshold::Threshold;
use super::tree;
use super::units::{ByteSize, HumanDuration};
use crate::model::{Host, Network};

/// What makes a configuration unusable.
pub(super) fn errors(config: &Config, provenance: &Provenance) -> Vec<Problem> {
    let mut found: Vec<(&str, String)> = Vec::new();
    let tree = tree::of(config);
    for (key, range) in RANGES {
        let value = number(tree::leaf(&tree, key));
        if !range.contains(&value) {
            let (least, most) = range.into_inner();
            found.push((key, format!("found {value}, expected {least} to {most}")));
        }
    }
    let nothing = Value::from(HumanDuration::millis(0).to_string());
    for key in MUST_PASS {
        if *tree::leaf(&tree, key) == nothing {
            found.push((key, "found 0, expected a duration above it".into()));
        }
    }
    let contradiction = access::contradiction(config);
    found.extend(contradiction.map(|message| ("access.registration", message)));
    found.extend(thresholds_out_of_order(&config.thresholds));
    found.extend(ports(config));
    found.extend(identity(config));
    found.extend(super::auth::problems(&config.auth));
    let nowhere = config.auth.oidc.issuer.is_some()
        && config.http.public_url.is_none()
        && !config.bind.is_loopback();
    let back =
        "expected the URL that people use: auth.oidc has its provider send browsers back there";
    found.extend(nowhere.then(|| ("http.public_url", back.to_owned())));
    for (key, fits, expected) in TEXTS {
        let texts = match tree::leaf(&tree, key) {
            Value::Array(entries) => entries.as_slice(),
            other => std::slice::from_ref(other),
        };
        let wrong = texts.iter().filter(|text| !text.as_str().is_none_or(fits));
        let message = |text| format!("found {}, expected {expected}", show(text));
        found.extend(wrong.map(|text| (key, message(text))));
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
    if config.tls.cert.is_some() && config.tls.tcp_port.or(config.tls.https_port).is_none() {
        let message = "nothing is encrypted by it: set tls.https_port or tls.tcp_port".into();
        found.push(("tls.cert", message));
    }
    if config.drain.deadline < config.drain.spread {
        let message = "clients are cut before all were told within drain.spread".into();
        found.push(("drain.deadline", message));
    }
    let (gap, old) = (
        config.backup.schedule.longest_gap(),
        config.thresholds.backup_age.warning,
    );
    if gap.is_some_and(|gap| gap > old.get()) {
        let message =
            format!("has more time between two backups than thresholds.backup_age.warning, {old}");
        found.push(("backup.schedule", message));
    }
    problems(found, provenance)
}

/// No two listeners have one port, and there is one at least.
fn ports(config: &Config) -> Vec<(&'static str, String)> {
    let all = [
        ("tcp_port", config.tcp_port),
        ("http_port", config.http_port),
        ("tls.tcp_port", config.tls.tcp_port),
        ("tls.https_port", config.tls.https_port),
    ];
    if all.iter().all(|(_, port)| port.is_none()) {
        let message = "found null for all four ports, expected one on which to listen".to_owned();
        return vec![("tcp_port", message)];
    }
    let same = |n: usize| {
        let (key, port) = all[n];
        let port = port.filter(|port| *port != 0)?;
        let (other, _) = all[..n].iter().find(|(_, before)| *before == Some(port))?;
        Some((key, format!("found {port}, which is {other} already")))
    };
    (0..all.len()).filter_map(same).collect()
}

/// TLS needs both a certificate and its key.
fn identity(config: &Config) -> Option<(&'static str, String)> {
    let tls = &config.tls;
    let is_on = tls.tcp_port.is_some() || tls.https_port.is_some();
    match (&tls.cert, &tls.key) {
        (Some(_), None) => Some((
            "tls.key",
            "found null, expected the file of the key that belongs to tls.cert".into(),
        )),
        (None, Some(_)) => Some((
            "tls.cert",
            "found null, expected the file of the certificate to which tls.key belongs".into(),
        )),
        (None, None) if is_on => Some((
            "tls.cert",
            "found null, expected the file of a certificate, since a port of tls is set".into(),
        )),
        _ => None,
    }
}

const MIB: u64 = 1 << 20;

const RANGES: [(&str, RangeInclusive<u64>); 16] = [
    ("history.per_room", 1..=1_000),
    ("limits.connections", 1..=1_000_000),
    ("limits.message_chars", 1..=4_000),
    ("limits.line_bytes", 64..=MIB),
    ("limits.body_bytes", 1_024..=16 * MIB),
    ("limits.burst", 1..=1_000_000),
    ("limits.rooms", 1..=10_000_000),
    ("limits.rooms_per_user_per_day", 1..=10_000_000),
    ("db_pool.max", 1..=1_000),
    ("db_pool.max_waiting", 1..=100_000),
    ("retention.keep_last", 0..=1_000_000),
    ("backup.keep.newest", 1..=10_000),
    ("backup.keep.daily", 0..=10_000),
    ("backup.keep.weekly", 0..=10_000),
    ("log.rotate_size", 4_096..=1 << 40),
    ("log.rotate_keep", 0..=1_000),
];

/// Durations that are longer than nothing.
const MUST_PASS: [&str; 7] = [
    "limits.idle_timeout",
    "limits.write_timeout",
    "db_pool.idle_timeout",
    "db_pool.acquire_timeout",
    "db_pool.shed_after",
    "drain.deadline",
    "session_ttl",
];

/// A key of texts, which of them are right, and how that is said.
type Text = (&'static str, fn(&str) -> bool, &'static str);

const TEXTS: [Text; 10] = [
    (
        // It names files and appears in logs.
        "instance_id",
        is_instance_id,
        "1 to 64 letters, digits, \"_\", \"-\" or \".\" (not first)",
    ),
    ("data_dir", |folder| !folder.is_empty(), "a folder"),
    ("tls.cert", |file| !file.is_empty(), "a file"),
    ("tls.key", |file| !file.is_empty(), "a file"),
    ("proxy.protocol", is_network, NETWORK),
    ("proxy.forwarded", is_network, NETWORK),
    (
        "http.hosts",
        |host| host == "*" || Host::parse(host).is_some(),
        "a name or an address as clients send it, without a scheme and a port, such as \
         \"chat.example.org\", or \"*\" for any",
    ),
    (
        "http.public_url",
        |url| Host::of_url(url).is_some(),
        "a URL such as \"https://chat.example.org\"",
    ),
    (
        "cors.origins",
        is_web_origin,
        "\"*\" or an origin such as \"https://example.org\"",
    ),
    ("limits.uncounted", is_network, NETWORK),
];

const NETWORK: &str = "an address or a network such as \"10.0.0.0/8\"";

fn is_network(text: &str) -> bool {
    text.parse::<Network>().is_ok()
}

/// A number, or a size in bytes.
fn number(leaf: &Value) -> u64 {
    let size = |text: &str| text.parse().ok().map(ByteSize::bytes);
    let number = leaf.as_u64().or_else(|| leaf.as_str().and_then(size));
    number.expect("a number or a size by its type")
}

fn thresholds_out_of_order(t: &Thresholds) -> impl Iterator<Item = (&'static str, String)> {
    macro_rules! found {
        ($($name:ident: $worse:ident),+) => {
            [$((
                concat!("thresholds.", stringify!($name), ".critical"),
                out_of_order(t.$name, $worse),
            )),+]
        };
    }
    let found = found![
        publish_latency: Greater,
        queue_depth: Greater,
        db_connection_wait: Greater,
        history_hit_rate: Less,
        session_cache_hit_rate: Less,
        messages_table: Greater,
        users_table: Greater,
        rooms_table: Greater,
        backup_age: Greater
    ];
    let found = found.into_iter();
    found.filter_map(|(key, message)| Some((key, message?)))
}

/// What is wrong if what is critical is not as bad as what is a warning.
fn out_of_order<T: PartialOrd + Display>(at: Threshold<T>, worse: Ordering) -> Option<String> {
    let Threshold { warning, critical } = at;
    let side = match worse {
        Greater => "below",
        _ => "above",
    };
    let wrong = critical.partial_cmp(&warning) == Some(worse.reverse());
    wrong.then(|| format!("found {critical}, {side} the warning at {warning}"))
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
