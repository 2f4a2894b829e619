//! Where a Redis or Valkey is, or several of them: `redis://user:password@host:port/database`
//! (<https://www.iana.org/assignments/uri-schemes/prov/redis>), and forms for Sentinel, Cluster and a socket.
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::authority::Split;
use super::parameters::{self, Meaning};
use super::{UrlError, decoded};

/// Where a Redis or Valkey is, and how to log in.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl {
    pub servers: Servers,
    pub user: Option<String>,
    pub password: Option<String>,
    pub database: i64,
    /// `None` speaks without TLS.
    pub tls: Option<Tls>,
    pub protocol: Protocol,
}

/// Which servers there are, and how the one to connect to is found.
#[derive(Clone, PartialEq, Eq)]
pub enum Servers {
    /// One, or several of which the first that is a primary is used.
    Hosts(Vec<Node>),
    Socket(PathBuf),
    /// The primary that most of these name.
    Sentinel(Sentinels),
    /// Some servers of a Cluster, which tell of all others.
    Cluster(Vec<Node>),
}

/// Sentinels, the name under which they watch a primary, and how to log in to them.
#[derive(Clone, PartialEq, Eq)]
pub struct Sentinels {
    pub nodes: Vec<Node>,
    pub master: String,
    pub user: Option<String>,
    pub password: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Node {
    pub host: String,
    pub port: u16,
}

/// Files with certificates in PEM, named by their whole paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// Trusted in place of the system's.
    pub root: Option<PathBuf>,
    pub client: Option<ClientFiles>,
}

/// What the client proves itself with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// The version of the protocol that is spoken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Protocol {
    /// Messages come over a connection of their own.
    Resp2,
    /// Messages and answers share one connection.
    #[default]
    Resp3,
}

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

const PROTOCOL: (&str, Meaning) = ("protocol", Meaning::Only(&["3", "resp3", "2", "resp2"]));
const ROOT: (&str, Meaning) = ("sslrootcert", Meaning::Used);
const CERTIFICATE: (&str, Meaning) = ("sslcert", Meaning::Used);
const KEY: (&str, Meaning) = ("sslkey", Meaning::Used);
const DB: (&str, Meaning) = ("db", Meaning::Used);

const OF_HOSTS: &[(&str, Meaning)] = &[PROTOCOL, ROOT, CERTIFICATE, KEY];
const OF_SENTINEL: &[(&str, Meaning)] = &[
    PROTOCOL,
    ROOT,
    CERTIFICATE,
    KEY,
    DB,
    ("sentinel_user", Meaning::Used),
    ("sentinel_password", Meaning::Used),
];
const OF_SOCKET: &[(&str, Meaning)] = &[
    PROTOCOL,
    DB,
    ("user", Meaning::Used),
    ("pass", Meaning::Used),
];

impl FromStr for RedisUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let (scheme, rest) = text.split_once("://").ok_or_else(no_scheme)?;
        let (name, form) = scheme.split_once('+').unwrap_or((scheme, ""));
        let tls = match name {
            "redis" | "valkey" => None,
            "rediss" | "valkeys" => Some(Tls::default()),
            "unix" if form.is_empty() => return Self::on_socket(rest),
            _ => return Err(no_scheme()),
        };
        match form {
            "" => Self::on_hosts(rest, tls),
            "unix" if tls.is_none() => Self::on_socket(rest),
            "sentinel" => Self::behind_sentinels(rest, tls),
            "cluster" => Self::in_cluster(rest, tls),
            _ => Err(no_scheme()),
        }
    }
}

impl RedisUrl {
    /// The files that it names.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let tls = self.tls.iter();
        tls.flat_map(|tls| {
            let client = tls.client.as_ref();
            let client = client.map(|client| [&client.certificate, &client.key]);
            tls.root.iter().chain(client.into_iter().flatten())
        })
    }

    /// The passwords that it holds.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let of_sentinels = match &self.servers {
            Servers::Sentinel(sentinels) => sentinels.password.as_deref(),
            _ => None,
        };
        self.password.as_deref().into_iter().chain(of_sentinels)
    }

    fn on_hosts(rest: &str, tls: Option<Tls>) -> Result<Self, UrlError> {
        let split = split(rest)?;
        let database = decoded(split.path, "number of the database")?;
        let mut url = Self::new(Servers::Hosts(nodes(&split, PORT)?), &split, tls)?;
        url.database = number(&database)?;
        url.set(parameters::read(split.query, OF_HOSTS, |_| None)?)?;
        Ok(url)
    }

    fn in_cluster(rest: &str, tls: Option<Tls>) -> Result<Self, UrlError> {
        let split = split(rest)?;
        let mut url = Self::new(Servers::Cluster(nodes(&split, PORT)?), &split, tls)?;
        if !matches!(split.path, "" | "0") {
            return Err(UrlError::new("a Cluster has no databases to choose from"));
        }
        url.set(parameters::read(split.query, OF_HOSTS, |_| None)?)?;
        if url.protocol == Protocol::Resp2 {
            return Err(UrlError::new(
                "a Cluster is spoken to in RESP3 only: leave 'protocol' out",
            ));
        }
        Ok(url)
    }

    fn behind_sentinels(rest: &str, tls: Option<Tls>) -> Result<Self, UrlError> {
        let split = split(rest)?;
        let master = decoded(split.path, "name of the primary")?;
        if master.is_empty() || master.contains('/') {
            return Err(UrlError::new(
                "it does not end in the name under which the sentinels know the primary: \
                 redis+sentinel://HOST:PORT,HOST:PORT/NAME",
            ));
        }
        let sentinels = Sentinels {
            nodes: nodes(&split, SENTINEL_PORT)?,
            master,
            user: None,
            password: None,
        };
        let mut url = Self::new(Servers::Sentinel(sentinels), &split, tls)?;
        url.set(parameters::read(split.query, OF_SENTINEL, |_| None)?)?;
        Ok(url)
    }

    fn on_socket(rest: &str) -> Result<Self, UrlError> {
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let path = decoded(path, "path of the socket")?;
        if !path.starts_with('/') {
            return Err(UrlError::new(
                "a socket is named by its whole path: redis+unix:///PATH",
            ));
        }
        let mut url = Self {
            servers: Servers::Socket(path.into()),
            user: None,
            password: None,
            database: 0,
            tls: None,
            protocol: Protocol::default(),
        };
        url.set(parameters::read(query, OF_SOCKET, |_| None)?)?;
        Ok(url)
    }

    fn new(servers: Servers, split: &Split<'_>, tls: Option<Tls>) -> Result<Self, UrlError> {
        Ok(Self {
            servers,
            user: split.user()?,
            password: split.password()?,
            database: 0,
            tls,
            protocol: Protocol::default(),
        })
    }

    fn set(&mut self, parameters: Vec<(&str, String)>) -> Result<(), UrlError> {
        let (mut certificate, mut key, mut of_tls) = (None, None, Tls::default());
        for (name, value) in parameters {
            match name {
                "protocol" if value.ends_with('2') => self.protocol = Protocol::Resp2,
                "db" => self.database = number(&value)?,
                "user" => self.user = Some(value),
                "pass" => self.password = Some(value),
                "sslrootcert" => of_tls.root = Some(file(name, value)?),
                "sslcert" => certificate = Some(file(name, value)?),
                "sslkey" => key = Some(file(name, value)?),
                "sentinel_user" => self.sentinels(|s| s.user = Some(value)),
                "sentinel_password" => self.sentinels(|s| s.password = Some(value)),
                _ => {}
            }
        }
        of_tls.client = match (certificate, key) {
            (Some(certificate), Some(key)) => Some(ClientFiles { certificate, key }),
            (None, None) => None,
            _ => {
                return Err(UrlError::new(
                    "'sslcert' and 'sslkey' are useful together only",
                ));
            }
        };
        match &mut self.tls {
            Some(tls) => *tls = of_tls,
            None if of_tls == Tls::default() => {}
            None => {
                return Err(UrlError::new(
                    "certificates are used over TLS only, which rediss:// speaks",
                ));
            }
        }
        self.complete()
    }

    fn complete(&self) -> Result<(), UrlError> {
        let half =
            |user: &Option<String>, password: &Option<String>| user.is_some() && password.is_none();
        match &self.servers {
            Servers::Sentinel(of) if half(&of.user, &of.password) => Err(UrlError::new(
                "'sentinel_user' is there without 'sentinel_password'",
            )),
            _ => Ok(()),
        }
    }

    fn sentinels(&mut self, set: impl FnOnce(&mut Sentinels)) {
        if let Servers::Sentinel(sentinels) = &mut self.servers {
            set(sentinels);
        }
    }
}

fn split(rest: &str) -> Result<Split<'_>, UrlError> {
    if rest.contains('#') {
        return Err(UrlError::new(
            "nothing is known after '#' (certificates are always checked); in a password \
             write '#' as %23",
        ));
    }
    Split::of(rest)
}

fn nodes(split: &Split<'_>, usual: u16) -> Result<Vec<Node>, UrlError> {
    let places = split.places()?.into_iter();
    let nodes = places.map(|place| {
        let host = Some(place.host).filter(|host| !host.is_empty() && !host.starts_with('/'));
        let host = host.ok_or_else(|| UrlError::new("it names no host"))?;
        let port = place.port.unwrap_or(usual);
        Ok(Node { host, port })
    });
    nodes.collect()
}

/// The working folder of an instance is not the operator's.
fn file(name: &str, path: String) -> Result<PathBuf, UrlError> {
    if path.starts_with('/') {
        Ok(path.into())
    } else {
        Err(UrlError::new(format!(
            "'{name}' names a file by its whole path, which begins with '/'"
        )))
    }
}

fn number(text: &str) -> Result<i64, UrlError> {
    let number = match text {
        "" => Some(0),
        digits => digits.parse().ok().filter(|number| *number >= 0),
    };
    number.ok_or_else(|| UrlError::new("the database is no number, 0 or more"))
}

fn no_scheme() -> UrlError {
    UrlError::new(
        "it does not begin with redis:// or rediss://, nor with redis+sentinel://, \
         redis+cluster:// or redis+unix://",
    )
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Where they are, and no secret.
impl fmt::Display for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |nodes: &[Node]| {
            let nodes: Vec<String> = nodes.iter().map(Node::to_string).collect();
            nodes.join(",")
        };
        match self {
            Self::Hosts(nodes) => f.write_str(&list(nodes)),
            Self::Socket(path) => path.display().fmt(f),
            Self::Sentinel(of) => write!(f, "{} by sentinels {}", of.master, list(&of.nodes)),
            Self::Cluster(nodes) => write!(f, "cluster {}", list(nodes)),
        }
    }
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Where it is, and nothing that may be a secret.
impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisUrl")
            .field("servers", &self.servers)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
