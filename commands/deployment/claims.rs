//! Which databases can be meant here, and by what.
use std::path::PathBuf;

use discordctl::config::{Config, DbUrl};

use super::{Because, Deployment, Entry, files, running};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings;

/// A database, what says that it is meant, and the words with which to say so.
pub(super) struct Claim {
    pub(super) config: Config,
    by: String,
    say: String,
}

impl Claim {
    fn of(entry: &Entry) -> Result<Self, Failure> {
        let config = entry.load()?.config;
        let by = if entry.runs() {
            format!("{}, which runs from this folder", config.instance_id)
        } else {
            entry.shown()
        };
        let say = match &entry.file {
            Some(file) => format!("--config {}", file.display()),
            None => by_url(&config.db_url),
        };
        Ok(Self { config, by, say })
    }
}

fn by_url(url: &DbUrl) -> String {
    if url.hides_any() {
        "--db-url with the first of them".into()
    } else {
        format!("--db-url {url}")
    }
}

/// All there are, the one that the rule means first.
pub(super) fn all(deployment: &Deployment) -> anyhow::Result<Vec<Claim>> {
    let mut claims = Vec::new();
    for entry in &deployment.entries {
        claims.push(Claim::of(entry)?);
    }
    if deployment.because.is_named() {
        return Ok(claims);
    }
    for file in beside(deployment)? {
        claims.push(Claim::of(&Entry::of_file(file))?);
    }
    let config = settings::of(None)?.config;
    if config.db_url.file().is_some_and(|file| file.exists()) {
        claims.push(Claim {
            by: "the file is there".into(),
            say: by_url(&config.db_url),
            config,
        });
    }
    Ok(claims)
}

/// The files of `config` that are not of what runs. Samples say nothing beside something that
/// does.
fn beside(deployment: &Deployment) -> anyhow::Result<Vec<PathBuf>> {
    if deployment.because != Because::Running {
        return Ok(Vec::new());
    }
    let known = |file: &PathBuf| {
        let mut entries = deployment.entries.iter();
        entries.any(|entry| entry.file.as_ref() == Some(file))
    };
    let files: Vec<PathBuf> = files::usual()?
        .into_iter()
        .filter(|file| !known(file))
        .collect();
    Ok(if files::are_samples(&files) {
        Vec::new()
    } else {
        files
    })
}

/// The error where they are not all one database.
pub(super) fn doubt(claims: &[Claim]) -> Option<Failure> {
    let mut distinct: Vec<(String, Vec<&Claim>)> = Vec::new();
    for claim in claims {
        let name = name(&claim.config.db_url);
        match distinct.iter_mut().find(|(known, _)| *known == name) {
            Some((_, group)) => group.push(claim),
            None => distinct.push((name, vec![claim])),
        }
    }
    if distinct.len() < 2 {
        return None;
    }
    let line = |(_, group): &(String, Vec<&Claim>)| {
        let by: Vec<&str> = group.iter().map(|claim| claim.by.as_str()).collect();
        format!("{} ({})", group[0].config.db_url, by.join(", "))
    };
    let why: Vec<String> = distinct.iter().map(line).collect();
    let say: Vec<&str> = distinct
        .iter()
        .map(|(_, group)| group[0].say.as_str())
        .collect();
    Some(
        Failure::new(
            Exit::Usage,
            "which_database",
            "cannot tell which database is meant; nothing was done",
        )
        .why(why.join("\n"))
        .hint(format!("say which: {}", say.join(", or "))),
    )
}

/// By this two URLs are known to mean one database. It would rather take one for two.
pub(super) fn name(url: &DbUrl) -> String {
    match url.file() {
        Some(file) => {
            let file = running::here().join(file);
            let real = std::fs::canonicalize(&file).unwrap_or(file);
            format!("sqlite:{}", real.display())
        }
        None => url.to_string().replacen("postgres://", "postgresql://", 1),
    }
}
