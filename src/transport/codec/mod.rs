//! What chat's values are on the wire, and what comes over the wire as values: lines, JSON, the
//! slash grammar that both take, and the words that both show. There are no words for clients
//! anywhere below.
pub(super) mod json;
pub(super) mod line;
pub(super) mod request;
pub(super) mod slash;
pub(super) mod words;

use std::time::Duration;

use crate::chat::{ChatError, Chunk, Code, Encoded, Format, Item, Showing};

/// A chunk in a format, encoded once for all who read it.
pub(super) fn encoded(chunk: &Chunk, format: Format) -> &Encoded {
    chunk.encoded(format, encode)
}

/// The one function that writes entries, in every format that there is.
fn encode(format: Format, item: &Item, out: &mut Vec<u8>) {
    match format {
        Format::Lines => line::item(item, Showing::default(), out),
        Format::LinesShowing(showing) => line::item(item, showing, out),
        Format::Messages => json::message_event(item, out),
        Format::ChunkedMessages => http_chunk(out, |out| json::message_event(item, out)),
        Format::Events => json::event(item, out),
        Format::ChunkedEvents => http_chunk(out, |out| json::event(item, out)),
        Format::Frames => json::frame(item, out),
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

/// A message for the tests of the codecs.
#[cfg(test)]
fn message(content: &str) -> Item {
    use crate::model::{Entry, MessageId, Number, RoomName, Seq};
    Item::Entry(Entry {
        id: MessageId::new(42),
        seq: Seq::new(7),
        room: RoomName::stored("general"),
        user: "alice".into(),
        number: Number::new(7),
        what: content.into(),
        created_at: Default::default(),
    })
}

/// What a client is told in place of an answer.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) code: Code,
    pub(super) detail: String,
    /// When it may be worth trying again.
    pub(super) retry_after: Option<Duration>,
}

impl Refusal {
    /// A refusal of the transport's own: what came was nothing that chat could be asked for.
    pub(super) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            retry_after: None,
        }
    }

    /// For how long a connection that asked for too much is not read: until it may ask again, or a
    /// second.
    pub(super) fn hold_back(&self) -> Option<Duration> {
        const LONGEST: Duration = Duration::from_secs(1);
        let after = self.retry_after.unwrap_or(LONGEST).min(LONGEST);
        (self.code == Code::RateLimited).then_some(after)
    }

    /// Whole seconds after which it may be worth trying again.
    pub(super) fn retry_seconds(&self) -> Option<u64> {
        self.retry_after.map(|after| after.as_secs().max(1))
    }
}

impl From<ChatError> for Refusal {
    fn from(error: ChatError) -> Self {
        Self {
            code: error.code(),
            detail: words::error(&error),
            retry_after: error.retry_after(),
        }
    }
}
