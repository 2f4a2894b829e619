//! The client behind proxies, by what those say that are trusted: `X-Forwarded-For` is read from its
//! end, and what stands before the first address that is no proxy of ours may be anything.
use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName};

use crate::model::{Channel, Network, Peer};

/// The trusted proxies.
#[derive(Debug, Clone, Default)]
pub struct Forwarders(Vec<Network>);

/// Addresses that are looked at; a longer way is none.
const MOST_HOPS: usize = 32;
const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

impl Forwarders {
    pub fn new(listed: &[String]) -> Self {
        Self(listed.iter().filter_map(|text| text.parse().ok()).collect())
    }

    fn list(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(address))
    }

    /// The client of a request with `headers` that came over a connection from `peer`.
    pub(super) fn client(&self, peer: Peer, headers: &HeaderMap) -> Peer {
        let Some(proxy) = peer.address.filter(|proxy| self.list(proxy.ip())) else {
            return peer;
        };
        let all = headers.get_all(FOR).iter().rev();
        let hops = all.flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','));
        // Where all that is named is a proxy, the first of them is the client.
        let mut client = proxy;
        for hop in hops.take(MOST_HOPS) {
            let Some(address) = address(hop) else { break };
            client = address;
            if !self.list(address.ip()) {
                break;
            }
        }
        Peer {
            address: Some(client),
            channel: self.channel(peer.channel, headers),
        }
    }

    /// Encrypted where the last proxy was reached by TLS, or is not told.
    fn channel(&self, of_connection: Channel, headers: &HeaderMap) -> Channel {
        let told = headers.get_all(PROTO).iter().next_back();
        let last = told.and_then(|value| value.as_bytes().rsplit(|byte| *byte == b',').next());
        match last.map(<[u8]>::trim_ascii) {
            Some(scheme) if scheme.eq_ignore_ascii_case(b"https") => Channel::Encrypted,
            Some(_) => Channel::Clear,
            None => of_connection,
        }
    }
}

/// An address, with or without a port, an IPv6 one with or without brackets.
fn address(text: &[u8]) -> Option<SocketAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    if let Ok(whole) = text.parse() {
        return Some(whole);
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse().ok()?;
    Some(SocketAddr::new(address, 0))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn peer(address: &str) -> Peer {
        Peer::in_clear(Some(SocketAddr::new(
            address.parse().expect("an address"),
            5,
        )))
    }

    fn asked(from: &str, named: &[&str]) -> String {
        let trusted = ["127.0.0.1", "10.0.0.0/8"].map(str::to_owned);
        let mut headers = HeaderMap::new();
        for value in named {
            headers.append(FOR, HeaderValue::from_str(value).expect("a header"));
        }
        let client = Forwarders::new(&trusted).client(peer(from), &headers);
        client.address.expect("an address").ip().to_string()
    }

    #[test]
    fn the_last_address_that_is_no_proxy_is_the_client() {
        for (from, named, client) in [
            ("127.0.0.1", &["192.0.2.1"][..], "192.0.2.1"),
            ("127.0.0.1", &["9.9.9.9, 192.0.2.1"], "192.0.2.1"),
            (
                "127.0.0.1",
                &["9.9.9.9", "192.0.2.1, 10.1.1.1"],
                "192.0.2.1",
            ),
            ("::ffff:127.0.0.1", &["[2001:db8::1]:4000"], "2001:db8::1"),
            ("127.0.0.1", &["2001:db8::1"], "2001:db8::1"),
            ("127.0.0.1", &["10.9.9.9, 10.1.1.1"], "10.9.9.9"),
            ("127.0.0.1", &["192.0.2.1, unknown"], "127.0.0.1"),
            ("127.0.0.1", &["192.0.2.1, 10.1.1.1:80, , x"], "127.0.0.1"),
            ("127.0.0.1", &[], "127.0.0.1"),
            // It is not listed, and may say what it likes.
            ("192.0.2.9", &["192.0.2.1"], "192.0.2.9"),
        ] {
            assert_eq!(asked(from, named), client, "{from} {named:?}");
        }
    }

    #[test]
    fn whether_it_came_by_tls_is_the_last_proxys_word() {
        let forwarders = Forwarders::new(&["127.0.0.1".to_owned()]);
        let asked = |from: &str, proto: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            let value = proto.map(HeaderValue::from_static);
            value
                .into_iter()
                .for_each(|value| drop(headers.insert(PROTO, value)));
            forwarders.client(peer(from), &headers).is_encrypted()
        };
        assert!(asked("127.0.0.1", Some("HTTPS")) && asked("127.0.0.1", Some("http, https")));
        assert!(!asked("127.0.0.1", Some("https, http")) && !asked("127.0.0.1", None));
        assert!(!asked("192.0.2.1", Some("https")));
    }

    proptest! {
        #[test]
        fn what_a_client_writes_itself_never_counts(written in "[ -~]{0,60}", own: std::net::Ipv4Addr) {
            prop_assume!(own.octets()[0] != 10 && !own.is_loopback());
            // A proxy adds the address it sees at the end.
            let named = format!("{written}, {own}");
            prop_assert_eq!(asked("127.0.0.1", &[&named]), own.to_string());
        }
    }
}
