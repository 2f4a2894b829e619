//! One look at each kind of server that a deployment consists of, with typed results. What a
//! result means is judged by the caller: the doctor, health, the monitor and the roll.
pub(super) mod archive;
pub(super) mod backup;
pub(super) mod bus;
pub(super) mod database;
pub mod instance;

use std::fmt::Display;

use crate::config::{ArchiveUrl, Config, DbUrl, RedisUrl};

/// A server that instances share.
pub(super) struct Shared<'c, U> {
    pub(super) url: &'c U,
    /// What it is called in a finding: its kind, or its URL where there are several.
    pub(super) on: String,
    pub(super) configs: Vec<&'c Config>,
}

/// Each database once, however many instances have it.
pub(super) fn databases<'c>(
    configs: impl IntoIterator<Item = &'c Config>,
) -> Vec<Shared<'c, DbUrl>> {
    let kind = |url: &DbUrl| url.file().map_or("postgresql", |_| "sqlite");
    sharing(configs, |config| Some(&config.db_url), kind)
}

/// Each Redis once.
pub(super) fn buses<'c>(
    configs: impl IntoIterator<Item = &'c Config>,
) -> Vec<Shared<'c, RedisUrl>> {
    sharing(configs, |config| config.redis_url.as_ref(), |_| "redis")
}

/// Each archive once.
pub(super) fn archives<'c>(
    configs: impl IntoIterator<Item = &'c Config>,
) -> Vec<Shared<'c, ArchiveUrl>> {
    let kind = |url: &ArchiveUrl| url.path().map_or("bucket", |_| "folder");
    sharing(configs, |config| Some(&config.archive.url), kind)
}

/// Each place of backups once.
pub(super) fn backups<'c>(
    configs: impl IntoIterator<Item = &'c Config>,
) -> Vec<Shared<'c, ArchiveUrl>> {
    let kind = |url: &ArchiveUrl| url.path().map_or("bucket", |_| "folder");
    sharing(configs, |config| Some(&config.backup.url), kind)
}

fn sharing<'c, U: PartialEq + Display>(
    configs: impl IntoIterator<Item = &'c Config>,
    server: impl Fn(&'c Config) -> Option<&'c U>,
    kind: impl Fn(&U) -> &'static str,
) -> Vec<Shared<'c, U>> {
    let mut all: Vec<Shared<'c, U>> = Vec::new();
    for config in configs {
        let Some(url) = server(config) else {
            continue;
        };
        match all.iter_mut().find(|known| known.url == url) {
            Some(known) => known.configs.push(config),
            None => all.push(Shared {
                url,
                on: url.to_string(),
                configs: vec![config],
            }),
        }
    }
    if let [alone] = &mut all[..] {
        alone.on = kind(alone.url).to_owned();
    }
    all
}
