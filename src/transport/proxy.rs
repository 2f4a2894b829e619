//! What a proxy says of a client before the client's own words: the PROXY protocol, versions 1 and 2
//! (<https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>).
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::model::Channel;

/// The client of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// The proxy's own, as when it looks whether we are there.
    Local,
    Client {
        address: SocketAddr,
        /// Encrypted where the proxy says so, which only version 2 can.
        channel: Channel,
    },
}

/// Why a connection does not begin as one from a proxy does.
#[derive(Debug, thiserror::Error)]
pub enum BadHeader {
    /// Nothing at all came, as from a monitor that only looks whether a port is open.
    #[error("it hung up")]
    Nothing,
    #[error("it does not begin with a header of the PROXY protocol")]
    Missing,
    #[error("its header of the PROXY protocol is malformed")]
    Malformed,
    #[error(transparent)]
    Io(#[from] io::Error),
}

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const WORD: &[u8; 6] = b"PROXY ";
/// The longest line of version 1, with its end.
const LONGEST_LINE: usize = 107;
/// The longest rest of version 2 that is taken: addresses, and what else a proxy tells.
const LONGEST_REST: usize = 4 << 10;

/// Reads a header, and nothing after it. Has no deadline.
///
/// # Errors
/// Where what comes is none, of which a part may be read then.
pub async fn read(from: &mut (impl AsyncRead + Unpin)) -> Result<Header, BadHeader> {
    let mut begun = [0u8; SIGNATURE.len()];
    let mut count = 0;
    while count < begun.len() {
        let more = from.read(&mut begun[count..]).await?;
        count += more;
        let so_far = &begun[..count];
        let first = &so_far[..count.min(WORD.len())];
        match more {
            0 if count == 0 => return Err(BadHeader::Nothing),
            0 => return Err(BadHeader::Missing),
            _ if SIGNATURE.starts_with(so_far) || WORD.starts_with(first) => {}
            _ => return Err(BadHeader::Missing),
        }
    }
    if begun == *SIGNATURE {
        let mut head = [0u8; 4];
        from.read_exact(&mut head).await?;
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        if length > LONGEST_REST {
            return Err(BadHeader::Malformed);
        }
        let mut rest = vec![0u8; length];
        from.read_exact(&mut rest).await?;
        return binary(head[0], head[1], &rest).ok_or(BadHeader::Malformed);
    }
    let mut line = begun.to_vec();
    while line.last() != Some(&b'\n') {
        if line.len() == LONGEST_LINE {
            return Err(BadHeader::Malformed);
        }
        // Byte by byte: what follows is the client's.
        line.push(from.read_u8().await?);
    }
    text(&line).ok_or(BadHeader::Malformed)
}

/// A line of version 1.
fn text(line: &[u8]) -> Option<Header> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix("\r\n")?;
    let mut words = line.split(' ').skip(1);
    let family = words.next()?;
    if family == "UNKNOWN" {
        return Some(Header::Local);
    }
    let (from, to) = (words.next()?, words.next()?);
    let ports = [words.next()?, words.next()?].map(port);
    let (from, to): (IpAddr, IpAddr) = (from.parse().ok()?, to.parse().ok()?);
    let fits = match family {
        "TCP4" => from.is_ipv4() && to.is_ipv4(),
        "TCP6" => from.is_ipv6() && to.is_ipv6(),
        _ => false,
    };
    let [Some(port), Some(_)] = ports else {
        return None;
    };
    (fits && words.next().is_none()).then_some(Header::Client {
        address: SocketAddr::new(from, port),
        channel: Channel::Clear,
    })
}

fn port(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// What follows the signature of version 2.
fn binary(version_and_command: u8, family: u8, rest: &[u8]) -> Option<Header> {
    match version_and_command {
        0x20 => return Some(Header::Local),
        0x21 => {}
        _ => return None,
    }
    let (address, more) = match family {
        0x11 => {
            let (addresses, more) = rest.split_first_chunk::<12>()?;
            let [a, b, c, d, .., high, low, _, _] = *addresses;
            let from = IpAddr::V4(Ipv4Addr::new(a, b, c, d));
            (SocketAddr::new(from, u16::from_be_bytes([high, low])), more)
        }
        0x21 => {
            let (addresses, more) = rest.split_first_chunk::<36>()?;
            let from = Ipv6Addr::from(*addresses.first_chunk::<16>()?);
            let port = u16::from_be_bytes([addresses[32], addresses[33]]);
            (SocketAddr::new(IpAddr::V6(from), port), more)
        }
        // Another family, or none: the connection's own address is all that is known.
        _ => return Some(Header::Local),
    };
    let channel = channel(more)?;
    Some(Header::Client { address, channel })
}

/// How the client speaks to the proxy, by what it tells beside the addresses.
fn channel(mut told: &[u8]) -> Option<Channel> {
    const SSL: u8 = 0x20;
    const CLIENT_SSL: u8 = 0x01;
    let mut channel = Channel::Clear;
    while !told.is_empty() {
        let (&[kind, high, low], rest) = told.split_first_chunk::<3>()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (value, rest) = rest.split_at_checked(length)?;
        if kind == SSL && value.first().is_some_and(|client| client & CLIENT_SSL != 0) {
            channel = Channel::Encrypted;
        }
        told = rest;
    }
    Some(channel)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use proptest::prelude::*;

    use super::*;

    /// What is read of `bytes`, and what is left of them.
    fn read_of(mut bytes: &[u8]) -> (Result<Header, BadHeader>, &[u8]) {
        let header = read(&mut bytes).now_or_never().expect("it is all there");
        (header, bytes)
    }

    fn v1(from: SocketAddr) -> Vec<u8> {
        let family = if from.is_ipv4() { "TCP4" } else { "TCP6" };
        let (ip, port) = (from.ip(), from.port());
        format!("PROXY {family} {ip} {ip} {port} 9001\r\n").into_bytes()
    }

    fn v2(from: SocketAddr, told: &[u8]) -> Vec<u8> {
        let (family, ip) = match from.ip() {
            IpAddr::V4(ip) => (0x11, ip.octets().to_vec()),
            IpAddr::V6(ip) => (0x21, ip.octets().to_vec()),
        };
        let mut rest = [ip.clone(), ip].concat();
        rest.extend(from.port().to_be_bytes());
        rest.extend(9001u16.to_be_bytes());
        rest.extend(told);
        let mut header = SIGNATURE.to_vec();
        header.extend([0x21, family]);
        header.extend((rest.len() as u16).to_be_bytes());
        header.extend(rest);
        header
    }

    proptest! {
        #[test]
        fn both_versions_tell_the_address_and_take_nothing_after_it(
            ip: IpAddr, port: u16, rest in ".*", tls: bool,
        ) {
            let address = SocketAddr::new(ip, port);
            let ssl: &[u8] = if tls { &[0x20, 0, 5, 1, 0, 0, 0, 0] } else { &[4, 0, 1, 7] };
            let encrypted = if tls { Channel::Encrypted } else { Channel::Clear };
            for (header, channel) in [(v1(address), Channel::Clear), (v2(address, ssl), encrypted)] {
                let bytes = [&header, rest.as_bytes()].concat();
                let (read, left) = read_of(&bytes);
                prop_assert_eq!(read.expect("a header"), Header::Client { address, channel });
                prop_assert_eq!(left, rest.as_bytes());
            }
        }

        #[test]
        fn no_bytes_panic_and_none_pass_that_are_cut(
            noise: Vec<u8>, ip: IpAddr, at in 0usize..28, family: u8, command: u8,
        ) {
            let _ = read_of(&noise);
            let mut bytes = SIGNATURE.to_vec();
            bytes.extend([command, family, 0, noise.len().min(255) as u8]);
            bytes.extend(&noise);
            let _ = read_of(&bytes);
            let address = SocketAddr::new(ip, 7);
            for header in [v1(address), v2(address, &[])] {
                let cut = &header[..at.min(header.len() - 1)];
                prop_assert!(read_of(cut).0.is_err());
            }
        }
    }

    #[test]
    fn a_proxy_that_speaks_for_itself_is_told_apart() {
        let local = [SIGNATURE.as_slice(), &[0x20, 0, 0, 0]].concat();
        let unix = [SIGNATURE.as_slice(), &[0x21, 0x31, 0, 1, 0]].concat();
        for own in [&local, &unix, &b"PROXY UNKNOWN\r\n".to_vec()] {
            assert_eq!(read_of(own).0.expect("a header"), Header::Local);
        }
        assert!(matches!(read_of(b"").0, Err(BadHeader::Nothing)));
    }

    #[test]
    fn anything_else_is_none() {
        for other in [
            "GET / HTTP/1.1\r\n\r\n",
            "hello there, all",
            "PROXX TCP4",
            "/nick a",
        ] {
            let read = read_of(other.as_bytes()).0;
            assert!(matches!(read, Err(BadHeader::Missing)), "{other}");
        }
        for bad in [
            "PROXY TCP4 ::1 ::1 1 1\r\n",
            "PROXY TCP4 1.1.1.1 1.1.1.1 1\r\n",
            "PROXY TCP4 1.1.1.1 1.1.1.1 1 65536\r\n",
            "PROXY TCP4 1.1.1.1 1.1.1.1 +1 1\r\n",
            "PROXY TCP4 1.1.1.1 1.1.1.1 1 1 1\r\n",
            "PROXY TCP4 1.1.1.1  1.1.1.1 1 1\r\n",
            "PROXY TCP4 1.1.1.1 1.1.1.1 1 1\n",
            "PROXY UDP4 1.1.1.1 1.1.1.1 1 1\r\n",
            &format!("PROXY {}\r\n", "a".repeat(200)),
        ] {
            let read = read_of(bad.as_bytes()).0;
            assert!(matches!(read, Err(BadHeader::Malformed)), "{bad}: {read:?}");
        }
    }
}
