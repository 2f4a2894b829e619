//! The three forms in which messages come, taken apart without copying and without looking at
//! more than is needed: for measuring, where a client library would be slower than the server
//! that is measured. Everything else reads through [`Lines`](super::Lines),
//! [`Events`](super::Events) and [`Socket`](super::Socket).
mod chunks;
mod frames;

use memchr::{memchr, memchr_iter, memmem};

use serde::Serialize;

use chunks::Chunks;

pub use frames::{PING, pong};
pub(super) use frames::{frame, length as frame_length};

/// How a reader is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    Tcp,
    Sse,
    Ws,
}

/// A stream that is not what it should be.
#[derive(Debug, PartialEq, Eq)]
pub struct Broken;

/// A connection's form, and where it is in it.
#[derive(Debug)]
pub enum Wire {
    Lines,
    Events(Chunks),
    Frames,
}

/// What follows a content in JSON: its end, and the time in a form that is always as long; then the
/// message's number.
const AFTER: usize = r#"","created_at":"2026-01-01T00:00:00.000Z""#.len();
const NUMBER: &[u8] = br#","number":"#;
const BEFORE: &[u8] = br#""content":""#;

impl Wire {
    pub fn of(transport: Transport) -> Self {
        match transport {
            Transport::Tcp => Self::Lines,
            Transport::Sse => Self::Events(Chunks::default()),
            Transport::Ws => Self::Frames,
        }
    }

    /// Takes the transfer coding off what was read last, `bytes[fresh..]`; what is left of it
    /// moves together. Returns the new end.
    ///
    /// # Errors
    /// [`Broken`] where it is not of the transfer coding.
    pub fn strip(&mut self, bytes: &mut [u8], fresh: usize) -> Result<usize, Broken> {
        match self {
            Self::Events(chunks) => chunks.strip(bytes, fresh),
            Self::Lines | Self::Frames => Ok(bytes.len()),
        }
    }

    /// How long the line, event or frame is with which `bytes` begins, if it is all there.
    ///
    /// # Errors
    /// [`Broken`] where it is none.
    #[inline]
    pub fn unit(&self, bytes: &[u8]) -> Result<Option<usize>, Broken> {
        match self {
            Self::Lines => Ok(memchr(b'\n', bytes).map(|end| end + 1)),
            Self::Events(_) => Ok(memchr_iter(b'\n', bytes)
                .find(|end| bytes.get(end + 1) == Some(&b'\n'))
                .map(|end| end + 2)),
            Self::Frames => frames::length(bytes),
        }
    }

    /// Where in a unit a content of `size` bytes begins, if it has one. Counted from the end:
    /// what stands before it varies in length.
    #[inline]
    pub fn content<'a>(&self, unit: &'a [u8], size: usize) -> Option<&'a [u8]> {
        match self {
            Self::Lines => unit.get(unit.len().checked_sub(size + 1)?..),
            Self::Events(_) => in_json(unit.get(..unit.len() - 2)?, size),
            Self::Frames => in_json(unit, size),
        }
    }
}

#[inline]
fn in_json(json: &[u8], size: usize) -> Option<&[u8]> {
    let expected = numbered(json).and_then(|end| end.checked_sub(AFTER + size));
    match expected.filter(|at| json[..*at].ends_with(BEFORE)) {
        Some(at) => Some(&json[at..]),
        // Another content's size, or a server that shows more.
        None => memmem::find(json, BEFORE).map(|at| &json[at + BEFORE.len()..]),
    }
}

/// Where the number at the end of a message's object begins.
#[inline]
fn numbered(json: &[u8]) -> Option<usize> {
    let end = json.len().checked_sub(1)?;
    let digits = json[..end]
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_digit());
    let end = end - digits.count();
    json[..end].ends_with(NUMBER).then(|| end - NUMBER.len())
}

#[cfg(test)]
mod tests;
