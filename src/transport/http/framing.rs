//! How the body of a stream without an end is framed (RFC 9112, sections 6.3 and 7.1).
use http::Version;

use super::super::codec::http_chunk;
use crate::chat::Format;

/// What a client of some version of HTTP understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Chunked,
    /// HTTP/1.0, as some proxies speak: the body ends with the connection.
    Bare,
}

/// Which entries of a room's log a stream tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    All,
    /// Without events.
    Messages,
}

impl Framing {
    pub(super) fn of(version: Version) -> Self {
        match version {
            Version::HTTP_10 => Self::Bare,
            _ => Self::Chunked,
        }
    }

    /// The form of entries. Each is a chunk of its own, so that the bytes are shared and a
    /// stream can stop after any of them.
    pub(super) fn format(self, told: Told) -> Format {
        match (self, told) {
            (Self::Chunked, Told::All) => Format::ChunkedEvents,
            (Self::Bare, Told::All) => Format::Events,
            (Self::Chunked, Told::Messages) => Format::ChunkedMessages,
            (Self::Bare, Told::Messages) => Format::Messages,
        }
    }

    pub(super) fn put(self, text: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Chunked => http_chunk(out, |out| out.extend_from_slice(text)),
            Self::Bare => out.extend_from_slice(text),
        }
    }

    pub(super) fn end(self, out: &mut Vec<u8>) {
        if self == Self::Chunked {
            out.extend_from_slice(b"0\r\n\r\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_a_chunk_or_itself() {
        let framed = |framing: Framing| {
            let mut out = b"before".to_vec();
            framing.put(b": sixteen bytes\n", &mut out);
            framing.end(&mut out);
            String::from_utf8(out).expect("text")
        };
        let chunked = "before10\r\n: sixteen bytes\n\r\n0\r\n\r\n";
        assert_eq!(framed(Framing::of(Version::HTTP_11)), chunked);
        assert_eq!(
            framed(Framing::of(Version::HTTP_10)),
            "before: sixteen bytes\n"
        );
    }
}
