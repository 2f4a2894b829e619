//! The host of a URL or of a `Host` header, in the one form in which two of them are the same.
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// A machine as clients call it (RFC 3986, section 3.2.2): in lower case, without a final dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    Name(String),
    Address(IpAddr),
}

impl Host {
    /// The longest name that the domain name system has.
    const MAX: usize = 253;

    /// Of `host`, `host:port` or `[::1]:port`; `None` for everything else, also with a user.
    pub fn of_authority(text: &str) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']')?;
                let address: Ipv6Addr = address.parse().ok()?;
                let port = match port {
                    "" => "",
                    port => port.strip_prefix(':')?,
                };
                (Self::Address(IpAddr::V6(address).to_canonical()), port)
            }
            None => {
                let (host, port) = text.split_once(':').unwrap_or((text, ""));
                (Self::plain(host)?, port)
            }
        };
        let is_port = port.is_empty() || port.parse::<u16>().is_ok() && !port.starts_with('+');
        is_port.then_some(host)
    }

    /// Of a host without a port, an IPv6 address with or without brackets.
    pub fn parse(text: &str) -> Option<Self> {
        let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
        match bare.unwrap_or(text).parse::<Ipv6Addr>() {
            Ok(address) => Some(Self::Address(IpAddr::V6(address).to_canonical())),
            Err(_) => Self::plain(text),
        }
    }

    /// Of `https://host:port/path`.
    pub fn of_url(url: &str) -> Option<Self> {
        let rest = ["http://", "https://"]
            .iter()
            .find_map(|scheme| url.strip_prefix(scheme))?;
        Self::of_authority(rest.split(['/', '?', '#']).next()?)
    }

    /// A name or an IPv4 address.
    fn plain(text: &str) -> Option<Self> {
        let name = text.strip_suffix('.').unwrap_or(text);
        if let Ok(address) = name.parse() {
            return Some(Self::Address(IpAddr::V4(address)));
        }
        let is_label = |label: &str| {
            let mut bytes = label.bytes();
            !label.is_empty() && bytes.all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        };
        let fits = name.len() <= Self::MAX && name.split('.').all(is_label);
        fits.then(|| Self::Name(name.to_ascii_lowercase()))
    }

    /// Whether it is this machine wherever it is asked: `localhost` and what is below it are
    /// that for good (RFC 6761, section 6.3), so that no other site can have such a name.
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Name(name) => name == "localhost" || name.ends_with(".localhost"),
            Self::Address(address) => address.is_loopback(),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn this_machine_is_known_under_its_names_and_no_other() {
        for own in [
            "localhost",
            "LocalHost:3001",
            "localhost.",
            "localhost:",
            "chat.localhost:80",
            "127.0.0.1:3001",
            "127.255.3.4",
            "[::1]:3001",
            "[::ffff:127.0.0.1]",
        ] {
            let host = Host::of_authority(own).expect(own);
            assert!(host.is_loopback(), "{own}");
        }
        for other in [
            "evil.example:3001",
            "localhost.evil.example",
            "notlocalhost",
            "127.0.0.1.nip.io",
            "127.1",
            "2130706433",
            "0x7f.0.0.1",
            "0.0.0.0",
            "[::]",
            "128.0.0.1",
        ] {
            let host = Host::of_authority(other).expect(other);
            assert!(!host.is_loopback(), "{other}");
        }
    }

    #[test]
    fn what_names_no_host_is_none() {
        for bad in [
            "",
            ":",
            ":80",
            ".",
            "..",
            "a..b",
            "a b",
            "localhost@evil.example",
            "evil@localhost",
            "localhost:port",
            "localhost:99999",
            "localhost:+80",
            "[::1",
            "[::1]x",
            "[localhost]",
            "::1",
            "localhost/x",
            "localhost,evil",
            "é.example",
            "localhost\u{7f}",
            "[fe80::1%eth0]",
        ] {
            assert_eq!(Host::of_authority(bad), None, "{bad}");
        }
        assert_eq!(Host::parse("::1"), Host::of_authority("[::1]:9"));
        assert_eq!(Host::parse("chat.example:80"), None);
        let site = Host::of_url("https://Chat.Example.:8443/path?x");
        assert_eq!(site, Host::parse("chat.example"));
        assert_eq!(Host::of_url("https://me@chat.example/"), None);
        assert_eq!(Host::of_url("chat.example"), None);
    }

    proptest! {
        #[test]
        fn nothing_but_a_plain_text_is_ever_shown(text in "(?s).{0,40}") {
            if let Some(host) = Host::of_authority(&text) {
                let shown = host.to_string();
                prop_assert!(shown.bytes().all(|b| b.is_ascii_graphic()), "{}", shown);
            }
        }
    }
}
