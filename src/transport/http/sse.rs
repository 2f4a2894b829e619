//! A room as Server-Sent Events: one stream, which holds its position and nothing else.
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, header};
use serde::Deserialize;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::super::codec::json::{read_event, system_event};
use super::super::codec::words;
use super::super::outlet::{self, Outlet, PART_WITHIN, Wrote, without_progress};
use super::super::{Drain, Moment, Stream};
use super::answer::{Response, endless};
use super::api::{Answer, number, reader};
use super::framing::{Framing, Told};
use super::takeover::{self, Taken};
use crate::chat::{Actor, Attached, Chat, End, Open, Order, Read, Reader, Start, Through};
use crate::model::{Epoch, Peer};
use crate::random;

/// An idle stream says this often that it lives, so that proxies let it be.
const ALIVE_EVERY: Duration = Duration::from_secs(15);
const ALIVE: &[u8] = b": alive\n\n";
/// What a client sends after its request is nothing to a stream; who sends more is cut off.
const MOST_IGNORED: usize = 64 << 10;

/// The parameters of `/api/messages/:room`.
#[derive(Debug, Deserialize)]
pub(super) struct Query {
    session_id: Option<String>,
    after: Option<String>,
    history: Option<String>,
    epoch: Option<String>,
    events: Option<String>,
}

/// A request for a stream.
pub(super) struct Asked<'a> {
    pub(super) query: Query,
    pub(super) last_event_id: Option<&'a str>,
    pub(super) peer: Peer,
    /// How long it may take nothing.
    pub(super) patience: Duration,
}

/// Opens a stream. `Last-Event-ID` is where an interrupted one goes on, and beats `after`,
/// which a browser repeats unchanged when it reconnects.
pub(super) async fn open(
    chat: &Arc<Chat>,
    actor: Actor,
    room: String,
    asked: Asked<'_>,
    drain: Drain,
) -> Answer {
    let query = asked.query;
    let signal = Arc::<Notify>::default();
    let actor = reader(chat, actor, query.session_id)
        .await?
        .reading(signal.clone());
    let history = number("history", query.history.as_deref())?;
    let told = match number::<u8>("events", query.events.as_deref())? {
        Some(0) => Told::Messages,
        _ => Told::All,
    };
    let epoch = query.epoch.as_deref().map(|name| Epoch::named(name.trim()));
    let start = match asked.last_event_id.or(query.after.as_deref()) {
        Some(position) => match (position.trim().parse(), epoch) {
            (Ok(seq), None) => Start::After(seq),
            (Ok(seq), Some(epoch)) => Start::In(epoch, seq),
            (Err(_), _) => Start::Unknown,
        },
        None => Start::Last(history.unwrap_or(chat.rules().history)),
    };
    let rights = chat.rights_now();
    let cursor = chat.act(&actor, Read { room, start }).await?;
    let open = Open::new(chat, Through::Events, asked.peer);
    let mut reader = Reader::new(chat.clone(), open.link().clone(), signal.clone(), rights);
    reader.add(*cursor);
    open.expires(actor.until());
    let session = actor.session();
    let attached = session.map(|session| session.attach(signal.clone()));
    let events = Events::new(
        chat.clone(),
        reader,
        signal,
        open,
        attached,
        (asked.patience, told),
    );
    let mut response = head();
    takeover::after(&mut response, move |taken| events.serve(taken, drain));
    Ok(response)
}

fn head() -> Response {
    let mut response = endless("text/event-stream; charset=utf-8");
    let headers = response.headers_mut();
    // Nothing else is answered on this connection.
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    // nginx buffers replies unless told not to.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

struct Events {
    chat: Arc<Chat>,
    reader: Reader,
    signal: Arc<Notify>,
    open: Open,
    attached: Option<Attached>,
    /// Words beside the room's, and the rest of an event that was written in part.
    out: Vec<u8>,
    patience: Duration,
    told: Told,
    stage: Stage,
    /// Bytes that came and were nothing to it.
    ignored: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Live,
    /// The server is stopping: what is committed is still told, then the farewell.
    Ending,
    /// The last word is said, if perhaps not written.
    Said,
}

/// The connection of a stream that is the stream's own.
struct Line {
    stream: Stream,
    framing: Framing,
}

impl Events {
    fn new(
        chat: Arc<Chat>,
        reader: Reader,
        signal: Arc<Notify>,
        open: Open,
        attached: Option<Attached>,
        (patience, told): (Duration, Told),
    ) -> Self {
        if let Some(attached) = &attached {
            open.link().belongs_to(attached.session());
        }
        Self {
            chat,
            reader,
            signal,
            open,
            attached,
            out: Vec::new(),
            patience,
            told,
            stage: Stage::Live,
            ignored: 0,
        }
    }

    /// Serves the stream until it ends. Not an `async fn`, in which what it is given would have
    /// its place twice.
    fn serve(mut self, taken: Taken, drain: Drain) -> impl Future<Output = ()> + Send {
        let mut line = Line {
            stream: taken.io.into_stream(),
            framing: Framing::of(taken.version),
        };
        let mut moment = drain.moment();
        async move {
            line.framing.put(b": connected\n\n", &mut self.out);
            match self.run(&mut line, &mut moment).await {
                Ok(()) => Box::pin(outlet::part(&mut line.stream)).await,
                Err(error) => tracing::debug!(%error, "a stream broke"),
            }
        }
    }

    async fn run(&mut self, line: &mut Line, moment: &mut Moment) -> io::Result<()> {
        // Since when it took nothing, and when it last took something.
        let (mut since, mut spoke) = (Instant::now(), Instant::now());
        let mut alive = std::pin::pin!(tokio::time::sleep(ALIVE_EVERY));
        loop {
            let (wrote, progress) = self.write(line)?;
            if progress {
                spoke = Instant::now();
            }
            let blocked = wrote == Wrote::Blocked;
            if progress || !blocked {
                since = Instant::now();
            }
            match self.stage {
                Stage::Ending if wrote == Wrote::All && self.reader.is_empty() => {
                    self.say_last(&farewell(), line);
                    continue;
                }
                Stage::Live if wrote == Wrote::All && self.reader.is_empty() => {
                    self.say_last(b"", line);
                    continue;
                }
                Stage::Said if wrote == Wrote::All => return Ok(()),
                _ => {}
            }
            let live = self.stage == Stage::Live;
            let patience = self.patience.saturating_sub(since.elapsed());
            tokio::select! {
                ready = outlet::ready(&line.stream, blocked) => {
                    ready?;
                    if !blocked {
                        self.ignore(line)?;
                    }
                }
                () = self.reader.fetch(), if wrote == Wrote::Behind => {}
                () = self.signal.notified(), if !blocked => {}
                order = self.open.link().ordered(), if self.stage != Stage::Said => {
                    if matches!(order, Order::Expire) {
                        self.reader.close_all(End::ExpiredToken);
                        continue;
                    }
                    self.reader.abandon();
                    self.patience = PART_WITHIN;
                    self.say_last(&system_event(words::CLOSED), line);
                }
                () = moment.come(), if live => {
                    self.stage = Stage::Ending;
                    self.reader.end_all();
                }
                () = alive.as_mut(), if live && !blocked => {
                    // Not set anew for each message: they come faster than this.
                    if spoke.elapsed() >= ALIVE_EVERY {
                        line.framing.put(ALIVE, &mut self.out);
                        spoke = Instant::now();
                    }
                    alive.as_mut().reset(spoke + ALIVE_EVERY);
                }
                () = without_progress(patience), if blocked => {
                    self.chat.meters().no_progress.add(1);
                    return Err(io::ErrorKind::TimedOut.into());
                }
            }
        }
    }

    fn write(&mut self, line: &mut Line) -> io::Result<(Wrote, bool)> {
        while let Some(alert) = self.attached.as_mut().and_then(Attached::next_alert) {
            let event = system_event(&words::alert(&alert));
            line.framing.put(&event, &mut self.out);
        }
        while let Some(to) = self.attached.as_mut().and_then(Attached::next_read) {
            // A stream tells of its room alone.
            if self
                .reader
                .places()
                .any(|(room, _)| room.uid == to.room_uid)
            {
                line.framing.put(&read_event(&to), &mut self.out);
            }
        }
        let mut outlet = Outlet {
            chat: &self.chat,
            link: self.open.link(),
            stream: &mut line.stream,
            reader: &mut self.reader,
            out: &mut self.out,
            signal: &self.signal,
            format: line.framing.format(self.told),
        };
        outlet.write()
    }

    fn say_last(&mut self, word: &[u8], line: &mut Line) {
        line.framing.put(word, &mut self.out);
        line.framing.end(&mut self.out);
        self.stage = Stage::Said;
    }

    /// Looks whether the client has gone, which it tells by the end of what it sends.
    fn ignore(&mut self, line: &mut Line) -> io::Result<()> {
        let ended = outlet::receive(&mut line.stream, |bytes| self.ignored += bytes.len())?;
        if ended || self.ignored > MOST_IGNORED {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}

/// Tells the reader to come back, each after a time of its own.
fn farewell() -> Vec<u8> {
    let retry = 200 + (2_000.0 * random::share()) as u64;
    format!("event: restart\nretry: {retry}\ndata: {{\"retry_ms\":{retry}}}\n\n").into_bytes()
}
