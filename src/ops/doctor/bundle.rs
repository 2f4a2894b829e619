//! A support archive: what a helper needs to see, without a password and without anything that
//! people wrote.
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::super::finding::Finding;
use super::super::health::{self, Depth};
use super::super::probe::instance::target;
use super::Plan;
use crate::client;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, redact_words};
use crate::model::ListenerKind;
use crate::model::url::postgres::PostgresUrl;
use crate::model::url::redis::RedisUrl;
use crate::private;
use crate::process::{Files, tail};

/// Of each log, the newest.
const LOG_TAIL: u64 = 256 << 10;
const FOLDER: &str = "discordctl-bundle";

/// A file of an archive.
pub struct Part {
    pub name: String,
    pub content: Vec<u8>,
}

/// Gathers everything; what cannot be had says so in its place.
pub async fn gather(plan: &Plan, findings: &[Finding]) -> Vec<Part> {
    let configs: Vec<Config> = plan
        .candidates
        .iter()
        .filter_map(|candidate| candidate.config.as_ref().ok().cloned())
        .collect();
    let secrets: Vec<String> = configs.iter().flat_map(secrets).collect();
    let health = health::look(&health::Plan {
        instances: configs.clone(),
        depth: Depth::Bus,
        within: plan.within,
    })
    .await;
    let mut parts = vec![
        part("versions.json", &versions()),
        part("doctor.json", &json!({ "checks": findings })),
        part("health.json", &json!(health)),
    ];
    for (config, seen) in configs.iter().zip(&health.instances) {
        let id = &config.instance_id;
        parts.push(part(&format!("config/{id}.json"), &json!(config)));
        parts.push(log(config, &secrets));
        let Some(address) = target(
            config,
            seen.listeners.first_of(&ListenerKind::OF_HTTP).as_ref(),
        ) else {
            continue;
        };
        for (path, accept, name) in [
            ("/health", "application/json", format!("health/{id}.json")),
            ("/metrics", "application/json", format!("metrics/{id}.json")),
            ("/metrics", "text/plain", format!("metrics/{id}.prom")),
        ] {
            let content = match client::get(address, path, accept, plan.within).await {
                Ok(answer) => answer.body,
                Err(error) => format!("{error}\n"),
            };
            parts.push(Part {
                name,
                content: content.into_bytes(),
            });
        }
    }
    parts
}

fn part(name: &str, value: &Value) -> Part {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    Part {
        name: name.to_owned(),
        content: format!("{text}\n").into_bytes(),
    }
}

fn versions() -> Value {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let os = read("/etc/os-release");
    let name = os
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .unwrap_or(std::env::consts::OS);
    json!({
        "discordctl": env!("CARGO_PKG_VERSION"),
        "system": name.trim_matches('"'),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "architecture": std::env::consts::ARCH,
        "processors": std::thread::available_parallelism().map_or(0, usize::from),
        "made_at": crate::model::format_time(SystemClock.utc()),
    })
}

/// The end of an instance's log. It holds nothing that people wrote; of what it does hold,
/// passwords are hidden again, for whatever a library may have said.
fn log(config: &Config, secrets: &[String]) -> Part {
    let path = Files::of(config).log;
    let text = match tail(&path, 0, LOG_TAIL) {
        Ok(text) => text,
        Err(error) => format!("{}: {error}\n", path.display()),
    };
    let mut clean = redact_words(&text);
    for secret in secrets {
        clean = clean.replace(secret, "***");
    }
    Part {
        name: format!("log/{}.log", config.instance_id),
        content: clean.into_bytes(),
    }
}

/// The passwords of a configuration, as they are written in its URLs and as they are.
fn secrets(config: &Config) -> Vec<String> {
    let redis = config.redis_url.as_ref().map(|url| url.expose());
    let urls = [
        Some(config.db_url.expose()),
        redis,
        Some(config.archive.url.expose()),
    ];
    let written = urls.into_iter().flatten().filter_map(password);
    let database = config.db_url.expose().parse::<PostgresUrl>().ok();
    let redis = redis.and_then(|url| url.parse::<RedisUrl>().ok());
    let of_redis = redis
        .iter()
        .flat_map(|url| url.secrets().map(str::to_owned));
    let themselves = database.and_then(|url| url.password);
    written.chain(themselves).chain(of_redis).collect()
}

fn password(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let (user, _) = rest.rsplit_once('@')?;
    let (_, password) = user.split_once(':')?;
    (!password.is_empty()).then(|| password.to_owned())
}

/// Why an archive was not written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}: {source}")]
pub struct BundleError {
    pub path: PathBuf,
    pub source: io::Error,
}

/// Writes a new tar archive that only its owner may read; never over a file that is there.
/// Returns its size.
pub fn write(path: &Path, parts: &[Part]) -> Result<u64, BundleError> {
    let failed = |source| BundleError {
        path: path.to_owned(),
        source,
    };
    let file = private::create_new(path).map_err(failed)?;
    write_into(file, parts).map_err(|source| {
        // Half an archive is worse than none.
        let _ = std::fs::remove_file(path);
        failed(source)
    })
}

fn write_into(file: File, parts: &[Part]) -> io::Result<u64> {
    let now = SystemClock.utc().timestamp();
    let mut archive = tar::Builder::new(file);
    for part in parts {
        let mut header = tar::Header::new_gnu();
        header.set_size(part.content.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(now).unwrap_or(0));
        let name = format!("{FOLDER}/{}", part.name);
        archive.append_data(&mut header, name, part.content.as_slice())?;
    }
    let mut file = archive.into_inner()?;
    file.flush()?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_log_is_hidden_wherever_it_stands() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = Config {
            data_dir: folder.path().to_owned(),
            db_url: "postgres://me:hunter2@db/chat".parse().expect("a URL"),
            ..Config::default()
        };
        let log_file = Files::of(&config).log;
        std::fs::create_dir_all(log_file.parent().expect("a folder")).expect("made");
        let said = "plain line\ncannot reach postgres://me:hunter2@db/chat\nhunter2 again\n";
        std::fs::write(&log_file, said).expect("written");
        let part = log(&config, &secrets(&config));
        let text = String::from_utf8(part.content).expect("UTF-8");
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.starts_with("plain line\n"), "{text}");
    }

    #[test]
    fn an_archive_is_never_written_over_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bundle.tar");
        let parts = [part("versions.json", &versions())];
        assert!(write(&path, &parts).expect("written") > 0);
        let before = std::fs::read(&path).expect("readable");
        let error = write(&path, &parts).expect_err("it is there");
        assert_eq!(error.source.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).expect("readable"), before);
    }
}
