//! How the body of a stream without an end is framed (RFC 9112, sections 6.3 and 7.1).
use warp::http::Version;

use super::super::json::Sse;
use crate::chat::{Chunk, Encoded, Entry, Wire};

/// What a client of some version of HTTP understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Chunked,
    /// HTTP/1.0, as some proxies speak: the body ends with the connection.
    Bare,
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
    pub(super) fn form(self) -> fn(&Chunk) -> &Encoded {
        match self {
            Self::Chunked => Chunk::encoded::<ChunkedSse>,
            Self::Bare => Chunk::encoded::<Sse>,
        }
    }

    pub(super) fn put(self, text: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Chunked => chunk(out, |out| out.extend_from_slice(text)),
            Self::Bare => out.extend_from_slice(text),
        }
    }

    pub(super) fn end(self, out: &mut Vec<u8>) {
        if self == Self::Chunked {
            out.extend_from_slice(b"0\r\n\r\n");
        }
    }
}

/// Server-Sent Events, each in a chunk of HTTP's.
struct ChunkedSse;

impl Wire for ChunkedSse {
    const SLOT: usize = 3;

    fn encode(entry: &Entry, out: &mut Vec<u8>) {
        chunk(out, |out| Sse::encode(entry, out));
    }
}

/// Puts the size before what `put` writes, and a line's end after it.
fn chunk(out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    let begin = out.len();
    put(out);
    let size = format!("{:x}\r\n", out.len() - begin);
    out.splice(begin..begin, size.into_bytes());
    out.extend_from_slice(b"\r\n");
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
