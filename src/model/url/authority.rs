//! What stands between a URL's scheme and its path: `user:password@host:port,host:port`.
use std::net::Ipv6Addr;

use super::{UrlError, decoded};
use crate::model::Host;

/// The parts of `scheme://authority/path?query`, none of them decoded.
pub(super) struct Split<'u> {
    pub(super) user: Option<&'u str>,
    pub(super) password: Option<&'u str>,
    pub(super) hosts: &'u str,
    /// Without the slash before it.
    pub(super) path: &'u str,
    pub(super) query: &'u str,
}

/// One of the hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Empty: the default one.
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

impl<'u> Split<'u> {
    /// Splits what follows `scheme://`.
    pub(super) fn of(rest: &'u str) -> Result<Self, UrlError> {
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        let (before, query) = tail.split_once('?').unwrap_or((tail, ""));
        let path = before.strip_prefix('/').unwrap_or(before);
        let (who, hosts) = match authority.rsplit_once('@') {
            Some((who, hosts)) => (Some(who), hosts),
            None => (None, authority),
        };
        // The '@' that ends the password comes after a character that ended it before.
        let bare = query.split('&').next().filter(|first| !first.contains('='));
        let later = hosts.contains(':') && bare.is_some_and(|_| query.contains('@'));
        if path.contains('@') || who.is_none() && later || who.is_some_and(|w| w.contains('@')) {
            return Err(reserved());
        }
        let (user, password) = match who {
            Some(who) => match who.split_once(':') {
                Some((user, password)) => (Some(user), Some(password)),
                None => (Some(who), None),
            },
            None => (None, None),
        };
        Ok(Self {
            user,
            password,
            hosts,
            path,
            query,
        })
    }

    pub(super) fn user(&self) -> Result<Option<String>, UrlError> {
        let user = self.user.filter(|user| !user.is_empty());
        user.map(|user| decoded(user, "user")).transpose()
    }

    pub(super) fn password(&self) -> Result<Option<String>, UrlError> {
        let password = self.password.filter(|password| !password.is_empty());
        password.map(|text| decoded(text, "password")).transpose()
    }

    /// Each host with its port.
    pub(super) fn places(&self) -> Result<Vec<Place>, UrlError> {
        self.hosts
            .split(',')
            .map(|place| self.place(place))
            .collect()
    }

    fn place(&self, text: &str) -> Result<Place, UrlError> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let unclosed = || UrlError::new("an IPv6 address is not closed by ']'");
                let (host, rest) = rest.split_once(']').ok_or_else(unclosed)?;
                let port = rest.strip_prefix(':').or(rest.is_empty().then_some(""));
                let port = port.ok_or_else(|| self.bad_port())?;
                let address: Result<Ipv6Addr, _> = host.parse();
                let bad = |_| UrlError::new("what stands in brackets is no IPv6 address");
                (address.map_err(bad)?.to_string(), port)
            }
            None => {
                let (host, port) = text.split_once(':').unwrap_or((text, ""));
                (self.host(&decoded(host, "host")?)?, port)
            }
        };
        let port = match port {
            "" => None,
            port => Some(port_of(port).ok_or_else(|| self.bad_port())?),
        };
        Ok(Place { host, port })
    }

    /// A name, an address, or the folder of a socket.
    fn host(&self, host: &str) -> Result<String, UrlError> {
        if host.is_empty() || is_host(host) {
            Ok(host.to_owned())
        } else {
            Err(self.bad("the host is no name or address"))
        }
    }

    fn bad_port(&self) -> UrlError {
        self.bad("the port is no number from 1 to 65535")
    }

    /// An error that may come of a password which was cut short.
    fn bad(&self, why: &str) -> UrlError {
        if self.who_may_be_cut() {
            UrlError::new(format!("{why}; {RESERVED}"))
        } else {
            UrlError::new(why)
        }
    }

    fn who_may_be_cut(&self) -> bool {
        self.user.is_some() || self.query.contains('@') || self.path.contains('@')
    }
}

/// Whether a driver may be told to connect there.
pub(super) fn is_host(host: &str) -> bool {
    host.starts_with('/') || Host::parse(host).is_some()
}

pub(super) fn port_of(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let port = digits.then(|| text.parse().ok()).flatten();
    port.filter(|port| *port > 0)
}

const RESERVED: &str = "in a user or password write '@' as %40, '/' as %2F, '?' as %3F, ':' as \
    %3A and '%' as %25";

fn reserved() -> UrlError {
    UrlError::new(format!(
        "the user or password has a character that means something else in a URL: {RESERVED}"
    ))
}
