//! Configuration: defaults, then one JSON file, then `DISCORDCTL_*` variables, then flags.
//!
//! The defaults are a complete [`Config`], and they are also the schema: a key exists because a
//! field does, and a value is right because it deserialises. So there is no second list of keys
//! to keep in step, and each setting is judged alone, which is how a file's problems are all
//! reported at once instead of the first only.
mod access;
mod allowed;
mod auth;
mod check;
mod defaults;
mod layers;
mod problem;
mod redact;
mod reload;
mod schedule;
mod secret_url;
mod settings;
mod suggest;
mod threshold;
mod tree;
mod units;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::model::{Listener, ListenerKind};

pub use access::{Access, AccessMode, Registration};
pub use auth::{Auth, ClaimNames, Hidden, Jwt, Oidc};
pub use layers::{ENV_PREFIX, Provenance};
pub use problem::{ConfigError, Origin, Problem};
pub use redact::{redact, redact_words};
pub use reload::Follow;
pub use schedule::{NotASchedule, Schedule};
pub use secret_url::{ArchiveUrl, BadUrl, DbUrl, RedisUrl, SecretUrl};
pub use settings::{
    Archive, Backup, Config, Cors, DbPool, Drain, History, Http, Keep, Limits, Log, LogFormat,
    LogLevel, Proxy, Retention, Search, Thresholds, Tls,
};
pub use threshold::{Level, Threshold};
pub use units::{ByteSize, HumanDuration, NotAllowed, Percent};

/// Where settings come from, weakest first. The environment is passed in, never read here, so
/// that what a configuration means can be seen in its arguments.
#[derive(Debug)]
pub struct Sources<E> {
    pub file: Option<PathBuf>,
    pub env: E,
    /// Key path and value, as given by flags: `("log.level", "debug")` for `--log-level debug`.
    pub overrides: Vec<(String, String)>,
}

/// A valid configuration, and what is worth telling about it.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    pub provenance: Provenance,
    /// Settings that are allowed but probably not meant.
    pub warnings: Vec<Problem>,
}

impl Loaded {
    /// Settings that another process checked when it started with them.
    pub fn told(config: Config) -> Self {
        Self {
            config,
            provenance: Provenance::default(),
            warnings: Vec::new(),
        }
    }

    /// Every key with its value and origin, passwords already hidden, in alphabetical order.
    pub fn entries(&self) -> Vec<(String, serde_json::Value, &Origin)> {
        tree::leaves(&tree::of(&self.config))
            .into_iter()
            .map(|(key, value)| {
                let origin = self.provenance.origin(&key);
                (key, value, origin)
            })
            .collect()
    }
}

impl Config {
    /// Where an instance with these settings listens. Port 0 is any free one.
    pub fn listeners(&self) -> Vec<Listener> {
        let all = [
            ("tcp", ListenerKind::Lines, self.tcp_port),
            ("http", ListenerKind::Http, self.http_port),
            ("tls", ListenerKind::TlsLines, self.tls.tcp_port),
            ("https", ListenerKind::Https, self.tls.https_port),
        ];
        let on = all.into_iter().filter_map(|(name, kind, port)| {
            Some(Listener::new(name, kind, SocketAddr::new(self.bind, port?)))
        });
        on.collect()
    }

    /// These settings in the shape of a file, passwords hidden.
    pub fn shown(&self) -> serde_json::Value {
        tree::of(self)
    }

    /// Whether that hides any.
    pub fn has_secrets(&self) -> bool {
        let mut secrets = self.secrets().into_iter();
        self.auth.oidc.client_secret.is_some()
            || secrets.any(|(_, url)| url.is_some_and(|url| redact(url) != url))
    }

    /// The settings that may hold passwords, as they are.
    fn secrets(&self) -> [(&'static str, Option<&str>); 5] {
        let redis = self.redis_url.as_ref();
        let client = self.auth.oidc.client_secret.as_ref();
        [
            ("auth.oidc.client_secret", client.map(Hidden::expose)),
            ("archive.url", Some(self.archive.url.expose())),
            ("backup.url", Some(self.backup.url.expose())),
            ("db_url", Some(self.db_url.expose())),
            ("redis_url", redis.map(SecretUrl::expose)),
        ]
    }

    /// Where a client on the same machine finds a port of this instance.
    pub fn local(&self, port: u16) -> SocketAddr {
        let host = match self.bind {
            IpAddr::V4(bind) if bind.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(bind) if bind.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
            bind => bind,
        };
        SocketAddr::new(host, port)
    }

    /// The same settings for a process whose working folder is another than `folder`.
    pub fn anchored(mut self, folder: &Path) -> Self {
        self.data_dir = folder.join(&self.data_dir);
        for file in [&mut self.tls.cert, &mut self.tls.key] {
            *file = file.as_ref().map(|file| folder.join(file));
        }
        self.db_url = self.db_url.anchored(folder);
        self.archive.url = self.archive.url.anchored(folder);
        self.backup.url = self.backup.url.anchored(folder);
        self.auth.jwt.keys = self.auth.jwt.keys.map(|file| folder.join(file));
        self
    }

    /// The keys that are set otherwise in `other`.
    pub fn differing(&self, other: &Self) -> Vec<String> {
        let keys = tree::leaves(&tree::of(self)).into_iter();
        let values = self.variables().into_iter().zip(other.variables());
        keys.zip(values)
            .filter(|(_, (ours, theirs))| ours != theirs)
            .map(|((key, _), _)| key)
            .collect()
    }

    /// These settings as variables, passwords and all, for a process that is to have the very
    /// same. Never print them.
    pub fn variables(&self) -> Vec<(String, String)> {
        let secrets = self.secrets();
        let variable = |(key, value): (String, serde_json::Value)| {
            let secret = secrets.iter().find(|(name, _)| *name == key);
            let value = match secret.and_then(|(_, url)| *url) {
                Some(url) => url.to_owned(),
                None => layers::as_variable(&value),
            };
            (layers::env_name(&key), value)
        };
        let leaves = tree::leaves(&tree::of(self)).into_iter();
        leaves.map(variable).collect()
    }
}

/// Puts the layers together and checks the result.
///
/// # Errors
/// `Unreadable` when the file cannot be read, otherwise `Invalid` with every problem of every
/// layer.
pub fn load<E>(sources: Sources<E>) -> Result<Loaded, ConfigError>
where
    E: IntoIterator<Item = (String, String)>,
{
    let mut layers = layers::Layers::new();
    if let Some(path) = &sources.file {
        let bytes = std::fs::read(path).map_err(|source| ConfigError::Unreadable {
            path: path.clone(),
            source,
        })?;
        layers.file(path, &bytes);
    }
    layers.env(sources.env);
    layers.flags(sources.overrides);
    layers.finish()
}

/// Reads what [`Config::shown`] wrote; `path` is where it was found.
///
/// # Errors
/// `Invalid` where it was not written by this program, or by one of another version.
pub fn of_record(path: &Path, shown: &serde_json::Value) -> Result<Config, ConfigError> {
    let mut layers = layers::Layers::new();
    layers.file(path, shown.to_string().as_bytes());
    Ok(layers.finish()?.config)
}

#[cfg(test)]
mod tests;
