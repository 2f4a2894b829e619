//! `redis://user:password@host:port/database`, and the socket of a Redis on this machine
//! (<https://www.iana.org/assignments/uri-schemes/prov/redis>).
use std::fmt;
use std::str::FromStr;

use super::authority::Split;
use super::parameters::{self, Meaning};
use super::{UrlError, decoded};

/// Where a Redis or Valkey is, and how to log in.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl {
    pub place: RedisPlace,
    pub user: Option<String>,
    pub password: Option<String>,
    pub database: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedisPlace {
    Tcp { host: String, port: u16, tls: bool },
    Socket(String),
}

const PORT: u16 = 6379;
const PLAIN: [&str; 2] = ["redis://", "valkey://"];
const TLS: [&str; 2] = ["rediss://", "valkeys://"];
const SOCKET: [&str; 3] = ["redis+unix://", "valkey+unix://", "unix://"];
/// What other clients know for several servers.
const SEVERAL: [&str; 4] = [
    "redis+sentinel://",
    "redis-sentinel://",
    "sentinel://",
    "redis+cluster://",
];

/// RESP3 is always spoken: it carries messages and answers over one connection.
const RESP3: (&str, Meaning) = ("protocol", Meaning::Only(&["3", "resp3"]));
const OF_SOCKET: &[(&str, Meaning)] = &[
    ("db", Meaning::Used),
    ("user", Meaning::Used),
    ("pass", Meaning::Used),
    RESP3,
];

impl FromStr for RedisUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let after = |schemes: &[&str]| schemes.iter().find_map(|scheme| text.strip_prefix(scheme));
        if after(&SEVERAL).is_some() {
            return Err(several());
        }
        if let Some(rest) = after(&SOCKET) {
            return Self::on_socket(rest);
        }
        match (after(&PLAIN), after(&TLS)) {
            (Some(rest), _) => Self::on_host(rest, false),
            (None, Some(rest)) => Self::on_host(rest, true),
            (None, None) => Err(UrlError::new(
                "it does not begin with redis:// or rediss://",
            )),
        }
    }
}

impl RedisUrl {
    fn on_host(rest: &str, tls: bool) -> Result<Self, UrlError> {
        if rest.contains('#') {
            return Err(UrlError::new(
                "nothing is known after '#' (certificates are always checked); in a password \
                 write '#' as %23",
            ));
        }
        let split = Split::of(rest)?;
        parameters::read(split.query, &[RESP3], |_| None)?;
        let mut places = split.places()?;
        let place = places
            .pop()
            .filter(|_| places.is_empty())
            .ok_or_else(several)?;
        let nowhere = || UrlError::new("it names no host");
        let host = Some(place.host).filter(|host| !host.is_empty() && !host.starts_with('/'));
        let database = decoded(split.path, "number of the database")?;
        Ok(Self {
            place: RedisPlace::Tcp {
                host: host.ok_or_else(nowhere)?,
                port: place.port.unwrap_or(PORT),
                tls,
            },
            user: split.user()?,
            password: split.password()?,
            database: number(&database)?,
        })
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
            place: RedisPlace::Socket(path),
            user: None,
            password: None,
            database: 0,
        };
        for (name, value) in parameters::read(query, OF_SOCKET, |_| None)? {
            match name {
                "db" => url.database = number(&value)?,
                "user" => url.user = Some(value),
                "pass" => url.password = Some(value),
                _ => {}
            }
        }
        Ok(url)
    }
}

fn number(text: &str) -> Result<i64, UrlError> {
    let number = match text {
        "" => Some(0),
        digits => digits.parse().ok().filter(|number| *number >= 0),
    };
    number.ok_or_else(|| UrlError::new("the database is no number, 0 or more"))
}

fn several() -> UrlError {
    UrlError::new("several addresses (Cluster, Sentinel) are not supported yet; name one server")
}

/// Where it is, and nothing that may be a secret.
impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisUrl")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> RedisUrl {
        text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    #[test]
    fn a_host_or_a_socket_is_named() {
        let tcp = |host: &str, port, tls| RedisPlace::Tcp {
            host: host.into(),
            port,
            tls,
        };
        assert_eq!(read("redis://h").place, tcp("h", 6379, false));
        assert_eq!(read("valkeys://[::1]:7/2").place, tcp("::1", 7, true));
        let url = read("rediss://amy:s%40cret@h:1/3?protocol=resp3");
        let login = (url.user.as_deref(), url.password.as_deref());
        assert_eq!((login, url.database), ((Some("amy"), Some("s@cret")), 3));
        assert_eq!(
            read("redis://:s3cret@h").password.as_deref(),
            Some("s3cret")
        );
        let url = read("redis+unix:///run/x.sock?user=u&pass=p&db=4");
        assert_eq!(url.place, RedisPlace::Socket("/run/x.sock".into()));
        assert_eq!((url.password.as_deref(), url.database), (Some("p"), 4));
        assert!(!format!("{url:?}").contains("pass"));
    }

    #[test]
    fn what_would_not_be_done_is_refused_and_no_secret_shown() {
        for (bad, why) in [
            ("redis://:S3CRET@a:1,b:2", "several addresses"),
            ("redis+sentinel://:S3CRET@a:1,b:2/main", "several addresses"),
            ("redis://h?protocol=resp2", "only as 3 or resp3"),
            ("redis://h?S3CRET=1", "unknown parameter"),
            ("redis+unix:///x?password=S3CRET", "did you mean pass?"),
            ("redis+unix://x?pass=S3CRET", "whole path"),
            ("redis://h/S3CRET", "database"),
            ("redis://:S3@CRET@h", "%40"),
            ("redis://:S3/CRET@h", "%40"),
            ("redis://:S3#CRET@h", "%23"),
            ("rediss://:S3CRET@h/#insecure", "%23"),
            ("redis://", "no host"),
            ("http://:S3CRET@h", "does not begin"),
        ] {
            let error = bad.parse::<RedisUrl>().expect_err(bad).to_string();
            assert!(error.contains(why), "{bad}: {error}");
            assert!(!error.contains("CRET"), "{error}");
        }
    }
}
