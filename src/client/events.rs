//! A stream of Server-Sent Events
//! (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).
use std::time::Duration;

use bytes::BytesMut;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::request::Builder;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::{Buffer, ClientError, Target, bounded, open};
use crate::model::Seq;

/// An event that is longer is not one of ours.
const LONGEST: usize = 1 << 20;
const TYPE: &str = "text/event-stream";

/// Something that came over a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// For no program: `connected` when the stream is live, later signs of life.
    Comment(String),
    Named {
        /// `message` where it has none.
        name: String,
        /// The place of a message.
        id: Option<Seq>,
        data: String,
    },
}

/// A stream that is open. Every call takes no longer than the stream's patience; one that is
/// dropped half way has taken nothing. What is not read waits at the server.
#[derive(Debug)]
pub struct Events {
    body: Incoming,
    read: BytesMut,
    patience: Duration,
}

impl Events {
    /// Asks for the stream at `path`, after message `after` if there is one.
    ///
    /// # Errors
    /// [`ClientError::Refused`] where the answer is no stream; else as [`super::get`].
    pub async fn open(
        at: impl Into<Target>,
        path: &str,
        after: Option<Seq>,
        buffer: Buffer,
        patience: Duration,
    ) -> Result<Self, ClientError> {
        bounded(patience, async {
            let stream = at.into().reach(buffer).await?;
            let mut request = Self::request(path);
            if let Some(seq) = after {
                request = request.header("last-event-id", seq.get());
            }
            let response = open(stream, request, String::new()).await?;
            let status = response.status().as_u16();
            let refused = || ClientError::Refused(format!("status {status}"));
            Self::of(response, patience).ok_or_else(refused)
        })
        .await
    }

    /// A request for the stream at `path`.
    pub fn request(path: &str) -> Builder {
        Request::get(path).header(ACCEPT, TYPE)
    }

    /// The stream that an answer begins, if it begins one.
    pub fn of(response: Response<Incoming>, patience: Duration) -> Option<Self> {
        let kind = response.headers().get(CONTENT_TYPE)?;
        let is_stream = response.status() == 200 && kind.as_bytes().starts_with(TYPE.as_bytes());
        is_stream.then(|| Self {
            body: response.into_body(),
            read: BytesMut::new(),
            patience,
        })
    }

    /// The next event or comment; `None` at the end of the stream.
    ///
    /// # Errors
    /// Where none comes in time, or what comes is no event.
    pub async fn next(&mut self) -> Result<Option<Event>, ClientError> {
        let Self { body, read, .. } = self;
        let reading = async {
            loop {
                while let Some(end) = memchr::memmem::find(read, b"\n\n") {
                    let block = read.split_to(end + 2);
                    if let Some(event) = parse(&block)? {
                        return Ok(Some(event));
                    }
                }
                if read.len() > LONGEST {
                    return Err(ClientError::Foreign);
                }
                match body.frame().await {
                    Some(frame) => read.extend_from_slice(&frame?.into_data().unwrap_or_default()),
                    None => return Ok(None),
                }
            }
        };
        bounded(self.patience, reading).await
    }
}

/// What the lines up to an empty one say; `None` for what only a client that reconnects needs.
fn parse(block: &[u8]) -> Result<Option<Event>, ClientError> {
    let text = std::str::from_utf8(block).map_err(|_| ClientError::Foreign)?;
    let (mut name, mut id, mut data) = ("message", None, None::<String>);
    for line in text.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "" if !line.is_empty() => return Ok(Some(Event::Comment(value.to_owned()))),
            "event" => name = value,
            "id" => id = value.parse().ok(),
            "data" => match &mut data {
                Some(data) => *data += &format!("\n{value}"),
                None => data = Some(value.to_owned()),
            },
            _ => {}
        }
    }
    Ok(data.map(|data| Event::Named {
        name: name.to_owned(),
        id,
        data,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, id: Option<Seq>, data: &str) -> Option<Event> {
        let (name, data) = (name.to_owned(), data.to_owned());
        Some(Event::Named { name, id, data })
    }

    #[test]
    fn events_and_comments_are_told_apart() {
        let of = |block: &str| parse(block.as_bytes()).expect("UTF-8");
        let comment = Event::Comment("connected".to_owned());
        assert_eq!(of(": connected\n\n"), Some(comment));
        assert_eq!(of("retry: 2000\n\n"), None);
        let message = "event: message\nid: 7\ndata: {\"seq\":7}\n\n";
        assert_eq!(
            of(message),
            named("message", Some(Seq::new(7)), "{\"seq\":7}")
        );
        assert_eq!(of("data: a\ndata:b\n\n"), named("message", None, "a\nb"));
        assert!(parse(b"data: \xff\n\n").is_err());
    }
}
