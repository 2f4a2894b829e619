//! URLs that may hold a password, and show it only where it is asked for by name.
use std::fmt;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::redact::redact;
use super::units::NotAllowed;
use crate::model::url::UrlError;
use crate::model::url::postgres::PostgresUrl;
use crate::model::url::redis::RedisUrl as RedisParts;
use crate::model::url::sqlite;

/// A URL of one kind. `Debug`, `Display` and `Serialize` hide its password; [`SecretUrl::expose`]
/// is for the driver that connects.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl<K> {
    text: String,
    kind: PhantomData<K>,
}

pub type DbUrl = SecretUrl<Database>;
pub type RedisUrl = SecretUrl<Redis>;
pub type ArchiveUrl = SecretUrl<ArchiveStore>;

/// What such a URL may begin with.
pub trait Kind {
    const PREFIXES: &'static [&'static str];
    const ALLOWED: NotAllowed;

    /// What is wrong with a URL that begins well, if anything is.
    fn wrong(_text: &str) -> Option<NotAllowed> {
        None
    }

    /// Whether it may have spaces in it.
    fn spaced(_text: &str) -> bool {
        false
    }

    /// What is wrong with one that begins as it should.
    fn check(_text: &str) -> Result<(), UrlError> {
        Ok(())
    }
}

/// Why a text is no URL of a kind. Nothing of it is said, since it may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    #[error(transparent)]
    NotAllowed(NotAllowed),
    #[error("it has a blank or a control character; in a password write a blank as %20")]
    Blank,
    #[error(transparent)]
    Wrong(UrlError),
}

#[derive(Clone, PartialEq, Eq)]
pub enum Database {}

impl Kind for Database {
    const PREFIXES: &'static [&'static str] = &["sqlite:", "postgres://", "postgresql://"];
    const ALLOWED: NotAllowed = NotAllowed(
        "a database URL: sqlite://PATH or postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
    );

    /// What is not in a file is gone with its process, and each command would see another.
    fn wrong(text: &str) -> Option<NotAllowed> {
        let rest = text.strip_prefix("sqlite:")?;
        let path = rest.trim_start_matches("//").split('?').next();
        let path = path.unwrap_or_default();
        let in_memory = path == ":memory:" || rest.contains("mode=memory");
        if in_memory {
            return Some(NotAllowed(
                "a file, as in sqlite://data/discord.db: a database in memory is gone with its process",
            ));
        }
        (path.is_empty() || path.ends_with('/')).then_some(NotAllowed(
            "the path of a file after sqlite://, as in sqlite://data/discord.db",
        ))
    }

    /// A path may.
    fn spaced(text: &str) -> bool {
        text.starts_with("sqlite:")
    }

    fn check(text: &str) -> Result<(), UrlError> {
        if PostgresUrl::is_meant(text) {
            return text.parse::<PostgresUrl>().map(drop);
        }
        sqlite::check(text)
    }
}

#[derive(Clone, PartialEq, Eq)]
pub enum Redis {}

impl Kind for Redis {
    const PREFIXES: &'static [&'static str] = &[
        "redis://",
        "rediss://",
        "redis+",
        "rediss+",
        "valkey://",
        "valkeys://",
        "valkey+",
        "valkeys+",
        "unix://",
        "sentinel://",
        "redis-sentinel://",
    ];
    const ALLOWED: NotAllowed =
        NotAllowed("a Redis or Valkey URL: redis://USER:PASSWORD@HOST:PORT, or null for none");

    fn check(text: &str) -> Result<(), UrlError> {
        text.parse::<RedisParts>().map(drop)
    }
}

#[derive(Clone, PartialEq, Eq)]
pub enum ArchiveStore {}

impl Kind for ArchiveStore {
    const PREFIXES: &'static [&'static str] = &["file:", "s3://"];
    const ALLOWED: NotAllowed = NotAllowed("an archive URL: file:FOLDER or s3://BUCKET/PREFIX");

    fn check(text: &str) -> Result<(), UrlError> {
        let rest = text.strip_prefix("s3://");
        let bucket = rest.map(|rest| rest.split('/').next().unwrap_or_default());
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
        if bucket.is_some_and(|bucket| bucket.is_empty() || !bucket.bytes().all(is_plain)) {
            Err(UrlError::new(
                "the bucket is no plain name; keys, region and endpoint come from the variables \
                 of AWS's tools, and not from the URL",
            ))
        } else {
            Ok(())
        }
    }
}

impl<K> SecretUrl<K> {
    fn new(text: String) -> Self {
        Self {
            text,
            kind: PhantomData,
        }
    }

    /// The URL with its password. Never put this into a message.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl<K> SecretUrl<K> {
    /// Whether what is shown is less than what is used.
    pub fn hides_any(&self) -> bool {
        redact(&self.text) != self.text
    }
}

impl DbUrl {
    /// The same database, where paths are relative to `folder`.
    pub fn anchored(&self, folder: &Path) -> Self {
        match self.file() {
            Some(file) if file.is_relative() => {
                let query = self.text.find('?').map_or("", |at| &self.text[at..]);
                let file = folder.join(file).display().to_string();
                let file = file.replace('%', "%25").replace('?', "%3F");
                Self::new(format!("sqlite://{file}{query}"))
            }
            _ => self.clone(),
        }
    }

    pub fn sqlite_file(path: &str) -> Self {
        Self::new(format!("sqlite://{path}"))
    }

    /// The file, where the database is one.
    pub fn file(&self) -> Option<PathBuf> {
        let rest = self.text.strip_prefix("sqlite:")?;
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let path = rest.split('?').next().unwrap_or_default();
        let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
        Some(PathBuf::from(&*path))
    }
}

impl ArchiveUrl {
    /// The same archive, where paths are relative to `folder`.
    pub fn anchored(&self, folder: &Path) -> Self {
        match self.text.strip_prefix("file:") {
            Some(path) if Path::new(path).is_relative() => {
                Self::new(format!("file:{}", folder.join(path).display()))
            }
            _ => self.clone(),
        }
    }

    pub fn folder(path: &str) -> Self {
        Self::new(format!("file:{path}"))
    }

    /// The folder, where the archive is one.
    pub fn path(&self) -> Option<&Path> {
        let path = self.text.strip_prefix("file:")?;
        // Of `file:///a` the first two are the empty host.
        Some(Path::new(path.strip_prefix("//").unwrap_or(path)))
    }
}

impl<K: Kind> FromStr for SecretUrl<K> {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        // Something has to follow, and nothing that would break a line in a log may.
        let of_this_kind = K::PREFIXES.iter().any(|prefix| {
            text.strip_prefix(prefix)
                .is_some_and(|rest| !rest.is_empty())
        });
        if let Some(wrong) = K::wrong(text) {
            return Err(BadUrl::NotAllowed(wrong));
        }
        if !of_this_kind {
            return Err(BadUrl::NotAllowed(K::ALLOWED));
        }
        let odd = |c: char| c.is_control() || c.is_whitespace() && !(c == ' ' && K::spaced(text));
        if text.contains(odd) {
            return Err(BadUrl::Blank);
        }
        K::check(text).map_err(BadUrl::Wrong)?;
        Ok(Self::new(text.to_owned()))
    }
}

impl<K> fmt::Display for SecretUrl<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact(&self.text))
    }
}

impl<K> fmt::Debug for SecretUrl<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&redact(&self.text), f)
    }
}

impl<K> Serialize for SecretUrl<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, K: Kind> Deserialize<'de> for SecretUrl<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => text.parse().map_err(D::Error::custom),
            _ => Err(D::Error::custom(K::ALLOWED)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{BadUrl, DbUrl, RedisUrl};

    #[test]
    fn no_way_of_printing_shows_one() {
        let url: DbUrl = "postgres://u:s3cret@h/db".parse().expect("a database URL");
        let printed = format!("{url} {url:?} {}", serde_json::json!(url));
        assert!(!printed.contains("s3cret"), "{printed}");
        assert_eq!(url.expose(), "postgres://u:s3cret@h/db");
    }

    #[test]
    fn an_embedded_database_is_a_file() {
        for (url, file) in [
            ("sqlite://data/discord.db", Some("data/discord.db")),
            ("sqlite:chat.db?mode=rwc", Some("chat.db")),
            ("sqlite:///var/lib/chat.db", Some("/var/lib/chat.db")),
            ("sqlite://my chat/x%3F.db", Some("my chat/x?.db")),
            ("postgres://h/db", None),
        ] {
            let url: DbUrl = url.parse().expect("a database URL");
            assert_eq!(url.file(), file.map(std::path::PathBuf::from), "{url}");
        }
    }

    #[test]
    fn the_kind_is_checked() {
        assert!("mysql://h/db".parse::<DbUrl>().is_err());
        for no_file in [
            "sqlite:",
            "sqlite://",
            "sqlite::memory:",
            "sqlite://a?mode=memory",
        ] {
            let why = no_file.parse::<DbUrl>().expect_err("no file").to_string();
            assert!(why.contains("sqlite://data/discord.db"), "{no_file}: {why}");
        }
        assert!("postgres://h/my db".parse::<DbUrl>().is_err());
        assert!("postgres://h/db\nx".parse::<DbUrl>().is_err());
        assert!("redis://localhost:6379".parse::<RedisUrl>().is_ok());
        assert!("localhost:6379".parse::<RedisUrl>().is_err());
        assert!("redis+unix:///run/redis.sock".parse::<RedisUrl>().is_ok());
        for wrong in [
            "redis://a:1,b:x",
            "redis+sentinel://a:1",
            "redis+cluster://h?protocol=resp2",
        ] {
            assert!(
                matches!(wrong.parse::<RedisUrl>(), Err(BadUrl::Wrong(_))),
                "{wrong}"
            );
        }
        let typo = "postgres://h/db?sslmod=require"
            .parse::<DbUrl>()
            .expect_err("a typo");
        assert!(typo.to_string().contains("did you mean sslmode?"), "{typo}");
    }
}
