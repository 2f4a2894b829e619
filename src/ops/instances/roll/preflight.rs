//! What must hold before the first instance is touched.
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;

use super::super::Place;
use super::super::launch::is_ready;
use crate::process::{Identity, Known, look};

/// For a question to the new binary. It may have to wait for the database.
const ASK_WITHIN: Duration = Duration::from_secs(60);
/// What `migrate status` exits with when steps are to come.
const PENDING: i32 = 1;
/// … and when the database is ahead of that program, which may tolerate it.
const NEWER: i32 = 3;
/// … and when it does not answer.
const UNAVAILABLE: i32 = 69;

/// Why nothing was touched.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("{binary} does not run: {why}")]
    Binary { binary: String, why: String },
    #[error("the new binary does not accept {file}:\n{why}")]
    Config { file: String, why: String },
    #[error("the database of {instance} does not fit the new binary:\n{why}")]
    Schema { instance: String, why: String },
    #[error("the database of {instance} does not answer the new binary:\n{why}")]
    Database { instance: String, why: String },
    #[error("{healthy} of {all} instances are ready, and two must be so that one can be replaced")]
    TooFew { healthy: usize, all: usize },
    #[error(
        "{instance} was started without a file of settings, so that no other process can be \
         started in its place"
    )]
    NoFile { instance: String },
    #[error("{instance}: {why}")]
    Foreign { instance: String, why: String },
    #[error("{instance} is {unit}, and systemd starts what its unit says, not another --binary")]
    Unit { instance: String, unit: String },
}

/// How the instances stand before a roll: for each its file, if it runs.
pub(super) async fn standing(places: &[Place]) -> Result<Vec<Option<Identity>>, Refusal> {
    let mut all = Vec::new();
    for place in places {
        let foreign = |why: String| Refusal::Foreign {
            instance: place.name().to_owned(),
            why,
        };
        let known = look(&place.files).await;
        let known = known.map_err(|error| foreign(error.to_string()))?;
        if let Some((identity, _)) = known.in_unit() {
            all.push(Some(identity.clone()));
            continue;
        }
        all.push(match known {
            Known::Running(proof) => Some(proof.identity),
            // It ought to run: the roll starts it.
            Known::Dead { identity, .. } => Some(identity),
            Known::Stopped => None,
            Known::Starting => return Err(foreign("it is just starting".into())),
            Known::Foreign { why, .. } => return Err(foreign(why.to_string())),
        });
    }
    Ok(all)
}

/// Whether the new binary can be these instances.
pub(super) async fn binary_fits(binary: &Path, places: &[&Place]) -> Result<(), Refusal> {
    for place in places {
        let file = file(place)?;
        let output = ask(binary, &["config", "check", &file]).await?;
        if !output.status.success() {
            let why = said(&output);
            return Err(match output.status.code() {
                Some(78) => Refusal::Config { file, why },
                _ => does_not_run(binary, why),
            });
        }
    }
    let mut seen = Vec::new();
    for place in places {
        if !seen.contains(&&place.config.db_url) {
            seen.push(&place.config.db_url);
            schema_fits(binary, place).await?;
        }
    }
    Ok(())
}

fn file(place: &Place) -> Result<String, Refusal> {
    let file = place.file.as_ref().ok_or_else(|| Refusal::NoFile {
        instance: place.name().to_owned(),
    })?;
    Ok(file.display().to_string())
}

async fn schema_fits(binary: &Path, place: &Place) -> Result<(), Refusal> {
    let file = file(place)?;
    let output = ask(binary, &["migrate", "status", "--config", &file]).await?;
    // The embedded database is brought up by the process that opens it.
    let embedded = place.config.db_url.expose().starts_with("sqlite:");
    let (instance, why) = (place.name().to_owned(), said(&output));
    match output.status.code() {
        Some(0 | NEWER) => Ok(()),
        Some(PENDING) if embedded => Ok(()),
        Some(UNAVAILABLE) => Err(Refusal::Database { instance, why }),
        _ => Err(Refusal::Schema { instance, why }),
    }
}

/// That another serves while one is replaced.
pub(super) async fn enough_healthy(places: &[Place]) -> Result<(), Refusal> {
    let mut healthy = 0;
    for place in places {
        healthy += usize::from(is_healthy(place).await);
    }
    if healthy >= 2 {
        Ok(())
    } else {
        Err(Refusal::TooFew {
            healthy,
            all: places.len(),
        })
    }
}

/// Its record, if it runs.
pub(super) async fn running(place: &Place) -> Option<Identity> {
    match look(&place.files).await.ok()? {
        Known::Running(proof) => Some(proof.identity),
        other => other.in_unit().map(|(identity, _)| identity.clone()),
    }
}

pub(super) async fn is_healthy(place: &Place) -> bool {
    match running(place).await {
        Some(identity) => is_ready(place, identity.pid).await.is_ok(),
        None => false,
    }
}

async fn ask(binary: &Path, arguments: &[&str]) -> Result<Output, Refusal> {
    let mut command = Command::new(binary);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let fails = |why: String| does_not_run(binary, why);
    match tokio::time::timeout(ASK_WITHIN, command.output()).await {
        Ok(Ok(output)) => Ok(output),
        Ok(Err(error)) => Err(fails(error.to_string())),
        Err(_) => Err(fails(format!(
            "'{}' does not end",
            arguments[..2].join(" ")
        ))),
    }
}

fn does_not_run(binary: &Path, why: String) -> Refusal {
    let binary = binary.display().to_string();
    Refusal::Binary { binary, why }
}

fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    if text.is_empty() {
        output.status.to_string()
    } else {
        text
    }
}
