//! Lines over TCP, for netcat: one task a connection, which holds its position in the rooms
//! it reads and no queue.
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;

use super::Drain;
use super::line::{Line, Lines, system};
use crate::chat::{
    Attached, Chat, ChatError, Code, Effect, Entry, Next, Reader, Reply, Sending, Session, Slice,
    Wire, is_command,
};
use crate::model::TransportKind;

/// What a connection is held to.
#[derive(Debug, Clone)]
pub struct TcpLimits {
    pub line_bytes: usize,
    /// A peer that takes nothing for so long is cut off.
    pub write_timeout: Duration,
}

/// Messages of one connection that may be on their way in; then it is read no further.
const MOST_SENDING: usize = 64;
/// Answers that may wait to be written; then no further command is read.
const MOST_ANSWERS: usize = 64 << 10;
/// Written in one go before input is looked at again.
const TURN: usize = 1 << 20;
/// How long a peer may take to close its half after ours.
const PART_WITHIN: Duration = Duration::from_millis(500);
/// Read at once.
const READ: usize = 16 << 10;

/// Serves one connection until it ends.
pub async fn serve(chat: Arc<Chat>, stream: TcpStream, limits: Arc<TcpLimits>, drain: Drain) {
    let session = match chat.connect(None, TransportKind::Tcp).await {
        Ok(session) => session,
        Err(error) => {
            let mut line = Vec::new();
            system(&error.detail, &mut line);
            let _ = stream.try_write(&line);
            return;
        }
    };
    let span = tracing::debug_span!("tcp", session = %session.key());
    let _meter = Open::new(&chat);
    let mut connection = Connection::new(chat, session, stream, limits);
    let ended = tracing::Instrument::instrument(connection.run(&drain), span).await;
    connection.bye().await;
    match ended {
        Ok(()) => connection.part().await,
        Err(error) => tracing::debug!(%error, "connection broke"),
    }
}

/// Counts an open connection.
struct Open(Arc<Chat>);

impl Open {
    fn new(chat: &Arc<Chat>) -> Self {
        chat.meters().tcp.add(1);
        Self(chat.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.meters().tcp.add(-1);
    }
}

struct Connection {
    chat: Arc<Chat>,
    session: Arc<Session>,
    _attached: Attached,
    stream: TcpStream,
    limits: Arc<TcpLimits>,
    reader: Reader,
    input: Lines,
    /// Messages on their way in, oldest first.
    sending: VecDeque<Sending>,
    /// Answers, and the rest of an entry that was written in part. Written before anything else.
    out: Vec<u8>,
    /// The last line, once the connection is to close.
    closing: Option<&'static str>,
}

/// What stopped the writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrote {
    /// Nothing is left to write.
    All,
    /// The peer takes no more now.
    Blocked,
    /// The rest must be read from the store first.
    Behind,
}

impl Connection {
    fn new(
        chat: Arc<Chat>,
        session: Arc<Session>,
        stream: TcpStream,
        limits: Arc<TcpLimits>,
    ) -> Self {
        let mut out = Vec::new();
        let nickname = session.nickname();
        let greeting = format!(
            "welcome, {nickname}: /join general to talk, /nick <name> to be called so, /help for more"
        );
        system(&greeting, &mut out);
        Self {
            _attached: session.attach(),
            input: Lines::new(limits.line_bytes),
            chat,
            session,
            stream,
            limits,
            reader: Reader::default(),
            sending: VecDeque::new(),
            out,
            closing: None,
        }
    }

    async fn run(&mut self, drain: &Drain) -> io::Result<()> {
        let mut since = self.chat.clock().now();
        let mut moment = drain.moment();
        loop {
            let (wrote, progress) = self.write()?;
            if progress || wrote != Wrote::Blocked {
                since = self.chat.clock().now();
            }
            if wrote == Wrote::All && self.has_ended() {
                return self.farewell();
            }
            let open = self.closing.is_none();
            let blocked = wrote == Wrote::Blocked;
            let listening = open && self.out.len() < MOST_ANSWERS && !blocked;
            let interest = match blocked {
                true => Interest::WRITABLE,
                false => Interest::READABLE,
            };
            let waited = self.chat.clock().now().duration_since(since);
            let patience = self.limits.write_timeout.saturating_sub(waited);
            tokio::select! {
                ready = self.stream.ready(interest), if listening || blocked => {
                    ready?;
                    if listening {
                        self.listen().await?;
                    }
                }
                () = self.reader.fetch(), if wrote == Wrote::Behind => {}
                () = self.session.signal().notified(), if !blocked => {}
                failed = settle(&mut self.sending), if !self.sending.is_empty() => {
                    self.refuse(failed);
                }
                () = moment.come(), if open => {
                    self.close("the server is restarting; connect again in a moment").await;
                }
                () = without_progress(patience), if blocked => {
                    self.chat.meters().no_progress.add(1);
                    return Err(io::ErrorKind::TimedOut.into());
                }
            }
        }
    }

    /// Reads what has come and does it, line by line.
    async fn listen(&mut self) -> io::Result<()> {
        let ended = self.receive()?;
        while let Some(line) = self.input.next() {
            Box::pin(self.take(line)).await?;
            if self.closing.is_some() {
                return Ok(());
            }
        }
        if ended {
            if let Some(line) = self.input.finish() {
                Box::pin(self.take(line)).await?;
            }
            if self.closing.is_none() {
                self.close("").await;
            }
        }
        Ok(())
    }

    /// Takes bytes from the socket; true at their end. Not async: the buffer is on the stack
    /// only while there is something to read.
    fn receive(&mut self) -> io::Result<bool> {
        let mut buffer = [0u8; READ];
        match self.stream.try_read(&mut buffer) {
            Ok(0) => Ok(true),
            Ok(count) => {
                self.input.feed(&buffer[..count]);
                Ok(false)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn take(&mut self, line: Result<String, super::line::LineError>) -> io::Result<()> {
        match line {
            Err(error) => system(&error.to_string(), &mut self.out),
            Ok(line) if line.is_empty() => {}
            Ok(line) if is_command(&line) => {
                // What was said before is seen before.
                self.settle_all().await;
                self.write()?;
                match self.command(&line).await {
                    Ok(reply) => self.obey(reply).await,
                    Err(error) => system(&error.detail, &mut self.out),
                }
            }
            Ok(line) => self.say(&line).await,
        }
        Ok(())
    }

    async fn command(&self, line: &str) -> Result<Reply, ChatError> {
        self.chat
            .command(&self.session, line, Some(self.session.signal()))
            .await
    }

    async fn say(&mut self, line: &str) {
        let text = line
            .strip_prefix("//")
            .map_or_else(|| line.to_owned(), |rest| format!("/{rest}"));
        while self.sending.len() >= MOST_SENDING {
            let failed = settle(&mut self.sending).await;
            self.refuse(failed);
        }
        let Some(room) = self.session.current() else {
            return system(
                "not sent: join a room first, for example /join general",
                &mut self.out,
            );
        };
        match self.chat.send(&self.session, room, &text, None) {
            Ok(sending) => self.sending.push_back(sending),
            Err(error) => self.refuse(Some(error)),
        }
    }

    fn refuse(&mut self, failed: Option<ChatError>) {
        let Some(error) = failed else { return };
        let told = match error.code {
            // A line has no nonce to say it again with.
            Code::OutcomeUnknown => "perhaps not sent: the database went away during the commit; \
                 if it does not show up here, say it again"
                .to_owned(),
            _ => format!("not sent: {}", error.detail),
        };
        system(&told, &mut self.out);
    }

    async fn settle_all(&mut self) {
        while !self.sending.is_empty() {
            let failed = settle(&mut self.sending).await;
            self.refuse(failed);
        }
    }

    async fn obey(&mut self, reply: Reply) {
        match reply.effect {
            Effect::Quit => return self.close("goodbye").await,
            _ => system(&reply.text, &mut self.out),
        }
        match reply.effect {
            Effect::Joined(_, Some(cursor)) => self.reader.add(*cursor),
            Effect::Left(room) => self.reader.end(&room),
            Effect::History(messages) => {
                let entries = messages.into_iter().map(Entry::Message);
                entries.for_each(|entry| Line::encode(&entry, &mut self.out));
            }
            _ => {}
        }
    }

    /// Closes with `word`, after everything that was said before was committed and written.
    async fn close(&mut self, word: &'static str) {
        self.settle_all().await;
        self.reader.end_all();
        self.closing = Some(word);
    }

    fn has_ended(&self) -> bool {
        self.closing.is_some() && self.reader.is_empty() && self.sending.is_empty()
    }

    fn farewell(&mut self) -> io::Result<()> {
        if let Some(word) = self.closing.filter(|word| !word.is_empty()) {
            system(word, &mut self.out);
            self.write()?;
        }
        Ok(())
    }

    /// Writes until everything is written or the peer takes no more; the second value says
    /// whether it took anything.
    fn write(&mut self) -> io::Result<(Wrote, bool)> {
        let mut slices = Vec::new();
        let (mut written, mut blocked) = (0, false);
        while written < TURN && !blocked {
            while let Some(text) = self.session.told() {
                system(&text, &mut self.out);
            }
            if !self.out.is_empty() {
                let count = would_block(self.stream.try_write(&self.out))?;
                self.out.drain(..count);
                blocked = !self.out.is_empty();
                written += count;
                continue;
            }
            match self.reader.peek(&mut slices) {
                Next::Some => {
                    let (count, all) = self.write_slices(&slices)?;
                    written += count;
                    blocked = !all;
                }
                Next::Behind => return Ok((Wrote::Behind, written > 0)),
                Next::Idle | Next::Ended => break,
            }
        }
        if self.out.is_empty() {
            self.out = Vec::new();
        }
        if blocked {
            self.reader.park();
            return Ok((Wrote::Blocked, written > 0));
        }
        if written >= TURN {
            // There may be more: come back at once, after a look at the input.
            self.session.signal().notify_one();
        }
        Ok((Wrote::All, written > 0))
    }

    /// Writes what a room has, in one call, and moves on over what was taken: over whole
    /// entries, while the rest of one that was cut goes first next time.
    fn write_slices(&mut self, slices: &[Slice]) -> io::Result<(usize, bool)> {
        let now = self.chat.clock().now();
        let span = |slice: &Slice| {
            slice
                .chunk
                .encoded::<Line>()
                .span(slice.from, slice.from + slice.len())
        };
        let spans: Vec<Bytes> = slices.iter().map(span).collect();
        let vectors: Vec<IoSlice<'_>> = spans.iter().map(|bytes| IoSlice::new(bytes)).collect();
        let count = would_block(self.stream.try_write_vectored(&vectors))?;
        let mut left = count;
        for (slice, bytes) in slices.iter().zip(&spans) {
            if left < bytes.len() {
                let (whole, rest) = slice.chunk.encoded::<Line>().split(slice.from, left);
                let begun = usize::from(!rest.is_empty());
                self.reader.advance(slice, whole + begun);
                self.out.extend_from_slice(&rest);
                return Ok((count, false));
            }
            left -= bytes.len();
            self.reader.advance(slice, slice.len());
            self.count(slice, now);
        }
        self.reader.next_turn();
        Ok((count, true))
    }

    fn count(&self, slice: &Slice, now: Instant) {
        let meters = self.chat.meters();
        meters.delivered.add(slice.len() as u64);
        if let Some(accepted) = slice.accepted {
            meters
                .delivery
                .record(now.saturating_duration_since(accepted));
        }
    }

    /// Ends our half and waits a moment for the peer's: closing over unread input would reset
    /// the connection, and the peer might lose what it has not read yet.
    async fn part(&mut self) {
        let parting = async {
            self.stream.shutdown().await?;
            while !self.receive()? {
                self.input = Lines::new(self.limits.line_bytes);
                self.stream.readable().await?;
            }
            io::Result::Ok(())
        };
        let _ = tokio::time::timeout(PART_WITHIN, parting).await;
    }

    async fn bye(&mut self) {
        if let Err(error) = self.chat.disconnect(&self.session).await {
            tracing::debug!(%error, "can't store that a connection ended");
        }
    }
}

/// Waits for the oldest message on its way; why it was not sent, if it was not.
async fn settle(sending: &mut VecDeque<Sending>) -> Option<ChatError> {
    let outcome = sending.front_mut()?.done().await;
    sending.pop_front();
    outcome.err()
}

/// Boxed, since nearly every connection is spared it.
async fn without_progress(patience: Duration) {
    Box::pin(tokio::time::sleep(patience)).await;
}

fn would_block(written: io::Result<usize>) -> io::Result<usize> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}
