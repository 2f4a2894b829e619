//! `postgresql://user:password@host:port/database?parameters`, as libpq reads it
//! (<https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS>).
mod servers;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::authority::Split;
use super::parameters::{self, Meaning};
use super::{UrlError, encoded};
use servers::Lists;

pub use servers::Server;

const SCHEMES: [&str; 2] = ["postgresql://", "postgres://"];

/// Where a database is, and how it is talked to. What is not given is for the environment and
/// the defaults of libpq.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PostgresUrl {
    /// Where it may be, in the order in which they are tried: one at least.
    pub servers: Vec<Server>,
    /// Which of them will do. Where the URL does not say, the caller that connects decides.
    pub target: Option<TargetSession>,
    pub user: Option<String>,
    pub password: Option<String>,
    pub database: Option<String>,
    pub ssl_mode: Option<SslMode>,
    /// A file, or `system` for the authorities that are known to all.
    pub ssl_root_cert: Option<String>,
    pub ssl_cert: Option<String>,
    pub ssl_key: Option<String>,
    pub application_name: Option<String>,
    /// Settings of the session, as the server's command line has them.
    pub options: Option<String>,
    pub connect_timeout: Option<Duration>,
    /// Ours: 0 where a pooler stands between that keeps no prepared statements.
    pub statement_cache_capacity: Option<usize>,
}

named! {
    /// How much TLS there has to be, from none to a server that is proved to be the one.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    pub enum SslMode {
        Disable => "disable",
        Allow => "allow",
        Prefer => "prefer",
        Require => "require",
        VerifyCa => "verify-ca",
        VerifyFull => "verify-full",
    }
}

named! {
    /// What a server has to be for a session, as `target_session_attrs` says it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum TargetSession {
        Any => "any",
        ReadWrite => "read-write",
        ReadOnly => "read-only",
        Primary => "primary",
        Standby => "standby",
        PreferStandby => "prefer-standby",
    }
}

impl TargetSession {
    /// Whether it may be a server that takes writes.
    pub fn may_write(self) -> bool {
        matches!(self, Self::Any | Self::ReadWrite | Self::Primary)
    }
}

impl FromStr for TargetSession {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let found = Self::ALL.iter().copied().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| none_of("target_session_attrs", Self::ALL.iter().map(|k| k.as_str())))
    }
}

impl FromStr for SslMode {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let found = Self::ALL.iter().copied().find(|mode| mode.as_str() == text);
        found.ok_or_else(|| none_of("sslmode", Self::ALL.iter().map(|mode| mode.as_str())))
    }
}

fn none_of(name: &str, all: impl Iterator<Item = &'static str>) -> UrlError {
    let all: Vec<&str> = all.collect();
    UrlError::new(format!("'{name}' is none of: {}", all.join(", ")))
}

/// Everything that libpq 17 knows, and what is ours.
const KNOWN: &[(&str, Meaning)] = &[
    ("host", Meaning::Used),
    ("hostaddr", Meaning::Used),
    ("port", Meaning::Used),
    ("dbname", Meaning::Used),
    ("user", Meaning::Used),
    ("password", Meaning::Used),
    ("sslmode", Meaning::Used),
    ("sslrootcert", Meaning::Used),
    ("sslcert", Meaning::Used),
    ("sslkey", Meaning::Used),
    ("application_name", Meaning::Used),
    ("options", Meaning::Used),
    ("connect_timeout", Meaning::Used),
    ("statement-cache-capacity", Meaning::Used),
    ("ssl", Meaning::Only(&["true"])),
    (
        "client_encoding",
        Meaning::Only(&["UTF8", "utf8", "UTF-8", "utf-8", "auto"]),
    ),
    ("target_session_attrs", Meaning::Used),
    ("load_balance_hosts", Meaning::Only(&["disable"])),
    ("channel_binding", Meaning::Only(&["disable", "prefer"])),
    ("gssencmode", Meaning::Only(&["disable", "prefer"])),
    ("sslnegotiation", Meaning::Only(&["postgres"])),
    ("sslcompression", Meaning::Only(&["0"])),
    ("sslsni", Meaning::Only(&["1"])),
    ("sslcertmode", Meaning::Only(&["allow"])),
    (
        "ssl_min_protocol_version",
        Meaning::Only(&["TLSv1", "TLSv1.1", "TLSv1.2"]),
    ),
    ("ssl_max_protocol_version", Meaning::Only(&["", "TLSv1.3"])),
    ("fallback_application_name", Meaning::NotYet),
    ("gssdelegation", Meaning::NotYet),
    ("gsslib", Meaning::NotYet),
    ("keepalives", Meaning::NotYet),
    ("keepalives_count", Meaning::NotYet),
    ("keepalives_idle", Meaning::NotYet),
    ("keepalives_interval", Meaning::NotYet),
    ("krbsrvname", Meaning::NotYet),
    ("passfile", Meaning::NotYet),
    ("replication", Meaning::NotYet),
    ("require_auth", Meaning::NotYet),
    ("requirepeer", Meaning::NotYet),
    ("service", Meaning::NotYet),
    ("sslcrl", Meaning::NotYet),
    ("sslcrldir", Meaning::NotYet),
    ("sslpassword", Meaning::NotYet),
    ("tcp_user_timeout", Meaning::NotYet),
];

/// Names that were taken once beside libpq's.
fn other_name(key: &str) -> Option<&'static str> {
    Some(match key {
        "ssl-mode" => "sslmode",
        "ssl-root-cert" | "ssl-ca" => "sslrootcert",
        "ssl-cert" => "sslcert",
        "ssl-key" => "sslkey",
        _ => return None,
    })
}

impl PostgresUrl {
    /// Whether `text` is meant to be one.
    pub fn is_meant(text: &str) -> bool {
        SCHEMES.iter().any(|scheme| text.starts_with(scheme))
    }

    fn set(&mut self, lists: &mut Lists, name: &str, value: String) -> Result<(), UrlError> {
        match name {
            "host" => lists.set_hosts(&value)?,
            "hostaddr" => lists.set_addresses(&value)?,
            "port" => lists.set_ports(&value)?,
            "target_session_attrs" => self.target = Some(value.parse()?),
            "dbname" => self.database = Some(value),
            "user" => self.user = Some(value),
            "password" => self.password = Some(value),
            "sslmode" => self.ssl_mode = Some(value.parse()?),
            // As JDBC has it, and libpq with it.
            "ssl" => self.ssl_mode = self.ssl_mode.or(Some(SslMode::Require)),
            "sslrootcert" => self.ssl_root_cert = Some(value),
            "sslcert" => self.ssl_cert = Some(value),
            "sslkey" => self.ssl_key = Some(value),
            "application_name" => self.application_name = Some(value),
            "options" => self.options = Some(value),
            "connect_timeout" => self.connect_timeout = timeout(&value)?,
            "statement-cache-capacity" => {
                let bad = |_| UrlError::new("'statement-cache-capacity' is no whole number");
                self.statement_cache_capacity = Some(value.parse().map_err(bad)?);
            }
            // Taken as what is done anyway.
            _ => {}
        }
        Ok(())
    }

    /// What cannot go together, or would look safer than it is.
    fn check(&self) -> Result<(), UrlError> {
        let mode = self.ssl_mode;
        let wrong = |why: &str| Err(UrlError::new(why));
        if self.ssl_cert.is_some() != self.ssl_key.is_some() {
            return wrong("'sslcert' and 'sslkey' are given together or not at all");
        }
        let is_weak = mode.is_some_and(|mode| mode < SslMode::VerifyFull);
        if self.ssl_root_cert.as_deref() == Some("system") && is_weak {
            return wrong("'sslrootcert=system' needs 'sslmode=verify-full'");
        }
        let named = |server: &Server| server.address.is_some() && server.host.is_some();
        if self.servers.iter().any(named) && mode == Some(SslMode::VerifyFull) {
            return wrong("'hostaddr' beside a host is not supported with 'sslmode=verify-full'");
        }
        Ok(())
    }

    /// The same with another database.
    pub fn with_database(&self, name: &str) -> Self {
        Self {
            database: Some(name.to_owned()),
            ..self.clone()
        }
    }

    /// The same with one of its servers alone, whatever that is.
    pub fn with_server(&self, server: &Server) -> Self {
        Self {
            servers: vec![server.clone()],
            target: None,
            ..self.clone()
        }
    }

    /// Whether statements may be prepared.
    pub fn prepares(&self) -> bool {
        self.statement_cache_capacity != Some(0)
    }

    /// The URL with its password and everything. Never put this into a message.
    pub fn expose(&self) -> String {
        let mut parameters: Vec<String> = Vec::new();
        let mut add = |name: &str, value: Option<String>| {
            parameters.extend(value.map(|value| format!("{name}={}", encoded(&value))));
        };
        for (name, value) in servers::lists(&self.servers) {
            add(name, value);
        }
        let target = self.target.map(|target| target.as_str().to_owned());
        add("target_session_attrs", target);
        add("user", self.user.clone());
        add("password", self.password.clone());
        add("dbname", self.database.clone());
        add(
            "sslmode",
            self.ssl_mode.map(|mode| mode.as_str().to_owned()),
        );
        add("sslrootcert", self.ssl_root_cert.clone());
        add("sslcert", self.ssl_cert.clone());
        add("sslkey", self.ssl_key.clone());
        add("application_name", self.application_name.clone());
        add("options", self.options.clone());
        let timeout = self
            .connect_timeout
            .map(|after| after.as_secs().to_string());
        add("connect_timeout", timeout);
        let capacity = self.statement_cache_capacity.map(|n| n.to_string());
        add("statement-cache-capacity", capacity);
        format!("postgresql:///?{}", parameters.join("&"))
    }
}

/// As libpq takes it: 0 and less are no limit, and 1 is 2.
fn timeout(value: &str) -> Result<Option<Duration>, UrlError> {
    let bad = |_| UrlError::new("'connect_timeout' is no whole number of seconds");
    let seconds: i32 = value.trim().parse().map_err(bad)?;
    let seconds = u64::try_from(seconds).unwrap_or(0);
    Ok((seconds > 0).then(|| Duration::from_secs(seconds.max(2))))
}

impl FromStr for PostgresUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let rest = SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme));
        let rest = rest.ok_or_else(|| UrlError::new("it does not begin with postgresql://"))?;
        let split = Split::of(rest)?;
        let mut url = Self {
            user: split.user()?,
            password: split.password()?,
            ..Self::default()
        };
        let mut lists = Lists::of(split.places()?);
        if !split.path.is_empty() {
            url.database = Some(super::decoded(split.path, "name of the database")?);
        }
        for (name, value) in parameters::read(split.query, KNOWN, other_name)? {
            url.set(&mut lists, name, value)?;
        }
        url.servers = lists.servers()?;
        url.check()?;
        Ok(url)
    }
}

/// Where it is, and nothing that may be a secret.
impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresUrl")
            .field("servers", &self.servers)
            .field("target", &self.target)
            .field("database", &self.database)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
