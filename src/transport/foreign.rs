//! Other protocols that may be spoken to the port of lines. A web page can have a browser send
//! any body to any port of this machine (`fetch` with `mode: "no-cors"`): what follows a request
//! line must never be taken for lines that were typed.
use std::fmt;

use super::tcp::Elsewhere;

/// A protocol that is not spoken here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Foreign {
    Http,
    Tls,
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "HTTP",
            Self::Tls => "TLS",
        })
    }
}

/// What a peer is told that speaks it here, and where it can.
pub(super) fn turned_away(foreign: Foreign, elsewhere: Elsewhere) -> String {
    let Elsewhere { http, https, tls } = elsewhere;
    let of_http = match (http, https) {
        (Some(port), _) => format!("HTTP is at port {port} of this server"),
        (None, Some(port)) => format!("HTTPS is at port {port} of this server"),
        (None, None) => "HTTP is spoken nowhere on this server".to_owned(),
    };
    match (foreign, tls, https) {
        (Foreign::Http, ..) => format!("this port takes lines of chat, not HTTP; {of_http}"),
        (Foreign::Tls, Some(port), None) => format!(
            "this port takes plain lines of chat, not TLS; lines by TLS are at port {port} of this \
             server"
        ),
        (Foreign::Tls, None, Some(port)) => format!(
            "this port takes plain lines of chat, not TLS; HTTPS is at port {port} of this server"
        ),
        (Foreign::Tls, Some(lines), Some(port)) => format!(
            "this port takes plain lines of chat, not TLS; lines by TLS are at port {lines} of this \
             server, and HTTPS is at port {port}"
        ),
        (Foreign::Tls, None, None) => {
            format!("this port takes plain lines of chat, not TLS; {of_http}, also without TLS")
        }
    }
}

/// The TLS record type of a handshake, and the major version that all of TLS has kept.
const TLS_HELLO: [u8; 2] = [0x16, 0x03];

/// Whether what has come of a line so far can be nothing but the beginning of another protocol.
pub(super) fn begins(bytes: &[u8]) -> Option<Foreign> {
    (bytes.starts_with(&TLS_HELLO) || is_old_hello(bytes)).then_some(Foreign::Tls)
}

/// The hello of SSL 2.0, which offered later versions too (RFC 5246, appendix E.2): a length of two
/// bytes, whose highest bit is set, the type of the message, and the version. No text begins so.
fn is_old_hello(bytes: &[u8]) -> bool {
    const HELLO: u8 = 1;
    matches!(
        bytes,
        [0x80..=0x83, _, HELLO, 0, 2, ..] | [0x80..=0x83, _, HELLO, 3, 0..=4, ..]
    )
}

/// The protocol of which `line` is the first line: an HTTP request line in any of its forms
/// (RFC 9112, section 3; RFC 9113, section 3.4), read as leniently as servers read it.
pub(super) fn is_first_line(line: &[u8]) -> Option<Foreign> {
    let mut words = words(line);
    let method = words.next()?;
    let target = words.next()?;
    let (version, between) = words.fold((None, 0), |(_, count), word| (Some(word), count + 1));
    if version.is_none() {
        return is_simple_request(method, target).then_some(Foreign::Http);
    }
    // A target with blanks in it is malformed, and taken by some all the same.
    let one_target = between == 1 || target.starts_with(b"/");
    (is_token(method) && one_target && version.is_some_and(is_version)).then_some(Foreign::Http)
}

/// The one request of HTTP/0.9, which names no version.
fn is_simple_request(method: &[u8], target: &[u8]) -> bool {
    method == b"GET" && (target.starts_with(b"/") || target.starts_with(b"http://"))
}

/// The same for a line that is too long to be kept, of which only the beginning is there.
pub(super) fn is_long_first_line(beginning: &[u8]) -> Option<Foreign> {
    let mut words = words(beginning);
    let method = words.next()?;
    let target = words.next()?;
    let is_target = target.starts_with(b"/") || target.windows(3).any(|part| part == b"://");
    (is_token(method) && is_target).then_some(Foreign::Http)
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_blank = |b: &u8| b.is_ascii_whitespace() || *b == 0;
    line.split(is_blank).filter(|word| !word.is_empty())
}

fn is_token(word: &[u8]) -> bool {
    word.iter()
        .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b))
}

fn is_version(word: &[u8]) -> bool {
    let Some((name, number)) = word.split_at_checked(5) else {
        return false;
    };
    name.eq_ignore_ascii_case(b"HTTP/")
        && number.first().is_some_and(u8::is_ascii_digit)
        && number.iter().all(|b| b.is_ascii_digit() || *b == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_line_is_known_in_every_form() {
        for line in [
            "GET / HTTP/1.1",
            "POST / HTTP/1.1\r",
            "post /x?y=z HTTP/1.0",
            "OPTIONS * HTTP/1.1",
            "GET http://localhost:9001/ HTTP/1.1",
            "CONNECT localhost:9001 HTTP/1.1",
            "PRI * HTTP/2.0",
            "X-OWN!~ /%20 HTTP/3",
            "  GET\t/ HTTP/1.1 ",
            "GET /with a blank HTTP/1.1",
            "BREW pot HTTP/1.1",
            "GET /",
            "GET /index.html\r",
            "GET http://localhost:9001/",
        ] {
            assert_eq!(
                is_first_line(line.as_bytes()),
                Some(Foreign::Http),
                "{line}"
            );
        }
        let raw = b"GET /\xff\xfe HTTP/1.1";
        assert_eq!(is_first_line(raw), Some(Foreign::Http));
    }

    #[test]
    fn what_somebody_types_is_not() {
        for line in [
            "",
            "GET",
            "GET ",
            "GET off my lawn",
            "GET out",
            "get /help",
            "POST /",
            "GET / is a request",
            "the newest is HTTP/3",
            "HTTP/1.1",
            "HTTP/1.1 200 OK",
            "/join HTTP/1.1",
            "try GET / HTTP/1.1 now",
            "does it speak HTTP/1.1",
            "GET / HTTP/",
            "GET / HTTP/x.1",
        ] {
            assert_eq!(is_first_line(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn a_long_one_is_known_by_its_beginning() {
        let long = [b"GET /".as_slice(), &[b'a'; 9_000]].concat();
        assert_eq!(is_long_first_line(&long), Some(Foreign::Http));
        assert_eq!(is_long_first_line(&[b'a'; 9_000]), None);
        assert_eq!(begins(&[0x16]), None);
        assert_eq!(begins(&[0x16, 3, 1, 2]), Some(Foreign::Tls));
        assert_eq!(begins(&[0x80, 0x2e, 1, 0, 2, 0]), Some(Foreign::Tls));
        assert_eq!(begins(&[0x80, 0x2e, 1, 3, 1]), Some(Foreign::Tls));
        // As far as it has come, this may be telnet, which negotiates.
        assert_eq!(begins(&[0xff, 0xfb, 1, 3, 1]), None);
    }
}
