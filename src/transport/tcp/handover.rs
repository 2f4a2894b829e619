//! A line session held still for another process, and one that goes on where it was held.
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::DateTime;
use tokio::net::TcpStream;

use super::super::codec::line::{Lines, Trust};
use super::super::outlet::Wrote;
use super::super::{Drain, Stream};
use super::{Connection, TcpLimits};
use crate::chat::{Chat, ChatError, HoldStill, LineState, Open, Origin, Still, Through, Verdict};
use crate::model::{Channel, Peer};

/// Who a connection is to go on with, or to end with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Ours,
    /// Another process's: here it is let go of without a word.
    Theirs,
}

impl Connection {
    /// Settles what is on its way, so that nothing accepted is without an answer, then touches
    /// nothing until it is known who goes on with it.
    pub(super) async fn hold_still(
        &mut self,
        order: HoldStill,
        stalled_since: Instant,
    ) -> io::Result<Whose> {
        let HoldStill { still, mut verdict } = order;
        self.settle_all().await;
        let (wrote, progress) = self.write()?;
        // One that is about to end does so here.
        if self.closing.is_some() || self.reader.is_leaving() {
            return Ok(Whose::Ours);
        }
        let stalled = if wrote == Wrote::Blocked && !progress {
            self.chat.clock().now().duration_since(stalled_since)
        } else {
            Duration::ZERO
        };
        // What TLS knows of a connection cannot be given away. Without a free descriptor it stays too.
        let socket = self.stream.clear().map(|socket| socket.as_fd());
        let Some(Ok(socket)) = socket.map(|socket| socket.try_clone_to_owned()) else {
            return Ok(Whose::Ours);
        };
        let state = self.as_state(stalled);
        if still.send(Still { state, socket }).await.is_err() {
            return Ok(Whose::Ours);
        }
        // Those who gather them know from this that no more will come.
        drop(still);
        match verdict
            .wait_for(|verdict| *verdict != Verdict::Undecided)
            .await
        {
            Ok(verdict) if *verdict == Verdict::Given => Ok(Whose::Theirs),
            _ => Ok(Whose::Ours),
        }
    }

    fn as_state(&self, stalled: Duration) -> LineState {
        let (typed, skipping) = self.input.rest();
        let link = self.open.link();
        LineState {
            connection: link.id,
            since_ms: link.since.timestamp_millis(),
            behind: link.origin.peer().address,
            encrypted: link.origin.peer().is_encrypted(),
            session: self.chat.as_state(self.attached.session()),
            reading: self
                .reader
                .places()
                .map(|(room, next)| (room.id, next))
                .collect(),
            past: self.reader.answering().map(|past| {
                let (first, last) = past.rest();
                (past.room().key.id, first, last)
            }),
            showing: self.showing,
            typed: hex(typed),
            skipping,
            unwritten: hex(&self.out),
            stalled_ms: stalled.as_millis() as u64,
        }
    }

    /// The connection that `state` was, which touches its socket only when it is served.
    async fn of_state(
        chat: Arc<Chat>,
        state: LineState,
        socket: OwnedFd,
        limits: Arc<TcpLimits>,
    ) -> Result<Self, ChatError> {
        let unreadable = |_| ChatError::internal(&"a session's bytes are not in hexadecimal");
        let (typed, out) = (
            bytes(&state.typed).ok_or(()),
            bytes(&state.unwritten).ok_or(()),
        );
        let (typed, out) = (typed.map_err(unreadable)?, out.map_err(unreadable)?);
        let stream = std::net::TcpStream::from(socket);
        let stream = stream
            .set_nonblocking(true)
            .and_then(|()| TcpStream::from_std(stream));
        let stream = stream.map_err(|error| ChatError::internal(&error))?;
        let since =
            DateTime::from_timestamp_millis(state.since_ms).unwrap_or_else(|| chat.clock().utc());
        let channel = if state.encrypted {
            Channel::Encrypted
        } else {
            Channel::Clear
        };
        let address = state.behind.or_else(|| stream.peer_addr().ok());
        let peer = Peer { address, channel };
        let stream = Stream::from(stream);
        let open = Open::again(&chat, state.connection, since, Through::Lines, peer);
        let session = chat.take_in(state.session).await?;
        // One that is in a room has given a command, and one that is in none can say nothing.
        let trust = match session.current() {
            Some(_) => Trust::Earned,
            None => Trust::None,
        };
        let input = Lines::resumed(limits.line_bytes, typed, state.skipping, trust);
        let mut connection = Self {
            input,
            out,
            showing: state.showing,
            ..Self::new(chat, session, stream, open, limits)
        };
        let Self {
            chat,
            attached,
            reader,
            ..
        } = &mut connection;
        if let Some(past) = state.past {
            let past = chat.past_on(attached.session(), past);
            past.into_iter().for_each(|past| reader.answer(past));
        }
        for (room, next) in state.reading {
            reader.add(chat.read_on(attached, room, next).await?);
        }
        Ok(connection)
    }
}

/// A line session from another process, ready to go on.
pub struct Resumed {
    connection: Connection,
    stalled: Duration,
}

impl Resumed {
    pub async fn prepare(
        chat: Arc<Chat>,
        state: LineState,
        socket: OwnedFd,
        limits: Arc<TcpLimits>,
    ) -> Result<Self, ChatError> {
        let stalled = Duration::from_millis(state.stalled_ms);
        let connection = Connection::of_state(chat, state, socket, limits).await?;
        Ok(Self {
            connection,
            stalled,
        })
    }

    /// Whom it is counted for.
    pub fn origin(&self) -> Origin {
        self.connection.open.link().origin.clone()
    }

    /// Serves it until it ends.
    pub async fn serve(mut self, drain: Drain) {
        let now = self.connection.chat.clock().now();
        let since = now.checked_sub(self.stalled).unwrap_or(now);
        self.connection.serve(&mut drain.moment(), since).await;
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    if !hex.len().is_multiple_of(2) || !hex.is_ascii() {
        return None;
    }
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).ok();
    (0..hex.len()).step_by(2).map(byte).collect()
}
