//! A room as Server-Sent Events: one stream, which holds its position and nothing else.
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use serde::Deserialize;
use tokio::sync::Notify;
use warp::http::{HeaderValue, header};
use warp::reply::Reply as _;

use super::super::json::Sse;
use super::super::{Drain, Moment, random};
use super::api::{Answer, number};
use crate::chat::{Attached, Chat, Next, Open, Order, Reader, Slice, Start, Through};
use crate::model::TransportKind;

/// An idle stream says this often that it lives, so that proxies let it be.
const ALIVE_EVERY: Duration = Duration::from_secs(15);

/// The parameters of `/api/messages/:room`.
#[derive(Debug, Deserialize)]
pub(super) struct Query {
    session_id: Option<String>,
    after: Option<String>,
    history: Option<String>,
}

/// Opens a stream. `Last-Event-ID` is where an interrupted one goes on, and beats `after`,
/// which a browser repeats unchanged when it reconnects.
pub(super) async fn open(
    chat: Arc<Chat>,
    room: String,
    query: Query,
    last_event_id: Option<String>,
    peer: Option<SocketAddr>,
    drain: Drain,
) -> Answer {
    let session = match query.session_id {
        Some(secret) => Some(chat.resume(&secret, TransportKind::Http).await?),
        None => None,
    };
    let history = number("history", query.history.as_deref())?;
    let start = match last_event_id.or(query.after) {
        Some(position) => position.trim().parse().map_or(Start::Unknown, Start::After),
        None => Start::Last(history.unwrap_or(chat.rules().history)),
    };
    let signal = Arc::<Notify>::default();
    let cursor = chat.read(&room, start, signal.clone()).await?;
    let open = Open::new(&chat, Through::Events, peer);
    if let Some(session) = &session {
        open.link().belongs_to(session);
    }
    let mut reader = Reader::new(open.link().clone());
    reader.add(cursor);
    let stream = Events {
        reader,
        signal,
        moment: drain.moment(),
        ready: VecDeque::from([Bytes::from_static(b": connected\n\n")]),
        ending: false,
        farewell: Some(farewell()),
        _attached: session.map(|session| session.attach()),
        open,
        chat,
    };
    let mut response = warp::reply::stream(stream.into_stream()).into_response();
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("text/event-stream; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx buffers replies unless told not to.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

struct Events {
    chat: Arc<Chat>,
    reader: Reader,
    signal: Arc<Notify>,
    moment: Moment,
    /// Bytes that were taken from the tail in one go; empty while nothing is being written.
    ready: VecDeque<Bytes>,
    /// The server is stopping: what is committed is still told, then the stream ends.
    ending: bool,
    farewell: Option<Bytes>,
    _attached: Option<Attached>,
    open: Open,
}

impl Events {
    fn into_stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + Sync {
        // The body must be Sync; it is polled by one task only.
        let stream = futures_util::stream::unfold(self, |mut events| async move {
            let bytes = events.next().await?;
            Some((Ok(bytes), events))
        });
        sync_wrapper::SyncStream::new(stream)
    }

    async fn next(&mut self) -> Option<Bytes> {
        let mut slices = Vec::new();
        loop {
            if let Some(bytes) = self.ready.pop_front() {
                return Some(bytes);
            }
            self.ready = VecDeque::new();
            match self.reader.peek(&mut slices) {
                Next::Some => self.take(&slices),
                Next::Behind => self.reader.fetch().await,
                Next::Idle | Next::Ended if self.ending && self.reader.is_empty() => {
                    return self.farewell.take();
                }
                Next::Idle | Next::Ended => tokio::select! {
                    () = self.signal.notified() => {}
                    () = self.moment.come(), if !self.ending => {
                        self.ending = true;
                        self.reader.end_all();
                    }
                    Order::Close = self.open.link().ordered() => {
                        self.ending = true;
                        self.reader.abandon();
                        self.farewell = None;
                        return Some(Bytes::from_static(CLOSED));
                    }
                    () = tokio::time::sleep(ALIVE_EVERY) => {
                        return Some(Bytes::from_static(b": alive\n\n"));
                    }
                },
            }
        }
    }

    fn take(&mut self, slices: &[Slice]) {
        let now = self.chat.clock().now();
        let meters = self.chat.meters();
        for slice in slices {
            let encoded = slice.chunk.encoded::<Sse>();
            self.ready
                .push_back(encoded.span(slice.from, slice.from + slice.len()));
            self.reader.advance(slice, slice.len());
            meters.delivered.add(slice.len() as u64);
            if let Some(accepted) = slice.accepted {
                meters
                    .delivery
                    .record(now.saturating_duration_since(accepted));
            }
        }
        self.reader.next_turn();
    }
}

/// An operator wants this stream to end.
const CLOSED: &[u8] = b"event: system\ndata: {\"text\":\"an operator closed this connection\"}\n\n";

/// Tells the reader to come back, each after a time of its own.
fn farewell() -> Bytes {
    let retry = 200 + (2_000.0 * random()) as u64;
    format!("event: restart\nretry: {retry}\ndata: {{\"retry_ms\":{retry}}}\n\n").into()
}
