//! URLs that may hold a password, and show it to nobody who does not ask for it by name.
use std::fmt;
use std::marker::PhantomData;
use std::path::Path;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::redact::redact;
use super::units::NotAllowed;

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
}

#[derive(Clone, PartialEq, Eq)]
pub enum Database {}

impl Kind for Database {
    const PREFIXES: &'static [&'static str] = &["sqlite:", "postgres://", "postgresql://"];
    const ALLOWED: NotAllowed = NotAllowed(
        "a database URL: sqlite://PATH or postgresql://USER:PASSWORD@HOST:PORT/DATABASE",
    );
}

#[derive(Clone, PartialEq, Eq)]
pub enum Redis {}

impl Kind for Redis {
    const PREFIXES: &'static [&'static str] = &["redis://", "rediss://", "valkey://", "valkeys://"];
    const ALLOWED: NotAllowed =
        NotAllowed("a Redis or Valkey URL: redis://USER:PASSWORD@HOST:PORT, or null for none");
}

#[derive(Clone, PartialEq, Eq)]
pub enum ArchiveStore {}

impl Kind for ArchiveStore {
    const PREFIXES: &'static [&'static str] = &["file:", "s3://"];
    const ALLOWED: NotAllowed = NotAllowed("an archive URL: file:FOLDER or s3://BUCKET/PREFIX");
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
            Some(file) if file.is_relative() && file != Path::new(":memory:") => {
                let query = self.text.find('?').map_or("", |at| &self.text[at..]);
                let file = folder.join(file);
                Self::new(format!("sqlite://{}{query}", file.display()))
            }
            _ => self.clone(),
        }
    }

    pub fn sqlite_file(path: &str) -> Self {
        Self::new(format!("sqlite://{path}"))
    }

    /// The file, where the database is one.
    pub fn file(&self) -> Option<&Path> {
        let rest = self.text.strip_prefix("sqlite:")?;
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let path = rest.split('?').next().unwrap_or_default();
        Some(Path::new(path))
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
}

impl<K: Kind> FromStr for SecretUrl<K> {
    type Err = NotAllowed;

    fn from_str(text: &str) -> Result<Self, NotAllowed> {
        // Something has to follow, and nothing that would break a line in a log may.
        let of_this_kind = K::PREFIXES.iter().any(|prefix| {
            text.strip_prefix(prefix)
                .is_some_and(|rest| !rest.is_empty())
        });
        if of_this_kind && !text.contains(|c: char| c.is_control() || c.is_whitespace()) {
            Ok(Self::new(text.to_owned()))
        } else {
            Err(K::ALLOWED)
        }
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
    use super::{DbUrl, RedisUrl};

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
            ("postgres://h/db", None),
        ] {
            let url: DbUrl = url.parse().expect("a database URL");
            assert_eq!(url.file(), file.map(std::path::Path::new), "{url}");
        }
    }

    #[test]
    fn the_kind_is_checked() {
        assert!("mysql://h/db".parse::<DbUrl>().is_err());
        assert!("sqlite:".parse::<DbUrl>().is_err());
        assert!("postgres://h/db\nx".parse::<DbUrl>().is_err());
        assert!("redis://localhost:6379".parse::<RedisUrl>().is_ok());
        assert!("localhost:6379".parse::<RedisUrl>().is_err());
    }
}
