//! What chat's values are on the wire, and what comes over the wire as values: lines, JSON, and the
//! words that both put into them. There are no words for clients anywhere else.
pub(super) mod json;
pub(super) mod line;
mod words;

use crate::chat::{Chunk, Encoded, Entry, Format};

/// A chunk in a format, encoded once for all who read it.
pub(super) fn encoded(chunk: &Chunk, format: Format) -> &Encoded {
    chunk.encoded(format, encode)
}

/// The one function that writes entries, in every format that there is.
fn encode(format: Format, entry: &Entry, out: &mut Vec<u8>) {
    match format {
        Format::Lines => line::entry(entry, out),
        Format::Events => json::event(entry, out),
        Format::ChunkedEvents => http_chunk(out, |out| json::event(entry, out)),
        Format::Frames => json::frame(entry, out),
    }
}

/// Puts the size before what `put` writes, and a line's end after it (RFC 9112, section 7.1).
pub(super) fn http_chunk(out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    let begin = out.len();
    put(out);
    let size = format!("{:x}\r\n", out.len() - begin);
    out.splice(begin..begin, size.into_bytes());
    out.extend_from_slice(b"\r\n");
}
