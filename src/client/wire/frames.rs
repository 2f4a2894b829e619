//! WebSocket frames (RFC 6455, section 5.2): how long one is, and how a client writes one.
use super::Broken;

const TEXT: u8 = 0x81;
const PONG: u8 = 0x8a;
/// The first byte of a ping.
pub const PING: u8 = 0x89;
/// No server sends a larger frame to us.
const MOST: u64 = 1 << 20;

/// How long the frame is with which `bytes` begins, if it is all there.
#[inline]
pub(in super::super) fn length(bytes: &[u8]) -> Result<Option<usize>, Broken> {
    let (head, size) = match *bytes {
        // A server masks nothing, and ours sends every message whole.
        [first, second, ..] if first & 0x80 == 0 || second & 0x80 != 0 => return Err(Broken),
        [_, 126, a, b, ..] => (4, u64::from(u16::from_be_bytes([a, b]))),
        [_, 127, a, b, c, d, e, f, g, h, ..] => (10, u64::from_be_bytes([a, b, c, d, e, f, g, h])),
        [_, 126 | 127, ..] => return Ok(None),
        [_, size, ..] => (2, u64::from(size)),
        _ => return Ok(None),
    };
    if size > MOST {
        return Err(Broken);
    }
    let all = head + size as usize;
    Ok((bytes.len() >= all).then_some(all))
}

/// A client's text frame. Clients must mask; with a mask of zeros the text stays as it is.
pub(in super::super) fn frame(text: &str) -> Vec<u8> {
    masked(TEXT, text.as_bytes())
}

/// The answer to a ping, given as a whole frame.
pub fn pong(ping: &[u8]) -> Vec<u8> {
    // The payload of a control frame is at most 125 bytes, so its head has two.
    masked(PONG, ping.get(2..).unwrap_or_default())
}

fn masked(kind: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: u8 = 0x80;
    let mut out = vec![kind];
    match u16::try_from(payload.len()) {
        Ok(short @ ..=125) => out.push(MASK | short as u8),
        Ok(size) => {
            out.push(MASK | 126);
            out.extend_from_slice(&size.to_be_bytes());
        }
        Err(_) => {
            out.push(MASK | 127);
            out.extend_from_slice(&(payload.len() as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(payload);
    out
}
