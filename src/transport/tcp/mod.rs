//! Lines over TCP, for netcat: one task a connection, which holds its position in the rooms
//! it reads and no queue.
mod handover;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::codec::line::{self, LineError, Lines, system};
use super::codec::slash::{self, is_command};
use super::codec::{Refusal, words};
use super::foreign::{Foreign, turned_away};
use super::outlet::{self, Outlet, PART_WITHIN, Wrote, without_progress};
use super::{Drain, Moment, Stream};
use crate::chat::{
    Actor, Attached, Beside, Chat, ChatError, Connect, Cost, Disconnect, Format, Messages, Open,
    Order, Outcome, Reader, Say, Sending, Session, Showing, Target, Through,
};
use crate::model::{Peer, TransportKind};
use handover::Whose;

pub use handover::Resumed;

/// What a connection is held to.
#[derive(Debug, Clone)]
pub struct TcpLimits {
    pub line_bytes: usize,
    /// One that is in no room may be silent for so long.
    pub idle_timeout: Duration,
    /// A peer that takes nothing for so long is cut off.
    pub write_timeout: Duration,
    pub elsewhere: Elsewhere,
}

/// The ports of other protocols, for clients that come to the wrong one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Elsewhere {
    pub http: Option<u16>,
    pub https: Option<u16>,
    /// Of lines by TLS.
    pub tls: Option<u16>,
}

/// Messages of one connection that may be on their way in; then it is read no further.
const MOST_SENDING: usize = 64;
/// Answers that may wait to be written; then no further command is read.
const MOST_ANSWERS: usize = 64 << 10;

/// Serves one connection until it ends. It is counted from the call on, not from when it is
/// first polled.
pub fn serve(
    chat: Arc<Chat>,
    mut stream: Stream,
    peer: Peer,
    limits: Arc<TcpLimits>,
    drain: Drain,
) -> impl Future<Output = ()> + Send {
    let open = Open::new(&chat, Through::Lines, peer);
    let stranger = Actor::anonymous(TransportKind::Tcp, open.link().origin.clone());
    let mut moment = drain.moment();
    async move {
        // Begun in a place of its own: it is large, and over before the waiting begins.
        let session = match Box::pin(begin(&chat, &stranger)).await {
            Ok(session) => session,
            Err(error) => {
                let mut line = Vec::new();
                system(&Refusal::from(error).detail, &mut line);
                let _ = stream.try_write(&line);
                return outlet::part(&mut stream).await;
            }
        };
        let mut connection = Connection::new(chat, session, stream, open, limits);
        connection.greet();
        let since = connection.chat.clock().now();
        connection.serve(&mut moment, since).await;
    }
}

/// Begins a guest's session.
async fn begin(chat: &Chat, stranger: &Actor) -> Result<Arc<Session>, ChatError> {
    chat.act(stranger, Connect { nickname: None }).await
}

struct Connection {
    chat: Arc<Chat>,
    actor: Actor,
    attached: Attached,
    stream: Stream,
    open: Open,
    limits: Arc<TcpLimits>,
    reader: Reader,
    input: Lines,
    /// What it is shown beside what is said, where it asked for that.
    showing: Option<Showing>,
    /// Messages on their way in, oldest first.
    sending: VecDeque<Sending>,
    /// Answers, and the rest of an entry that was written in part. Written before anything else.
    out: Vec<u8>,
    /// When something came last, and whether anything ever did.
    heard: Instant,
    has_spoken: bool,
    /// It asked for too much, and is not read before.
    held_until: Option<Instant>,
    /// Lines have come that were not read yet, since their answers had no place.
    unread: bool,
    /// The last line, once the connection is to close.
    closing: Option<&'static str>,
    /// How long the peer may take nothing, where that is less than usual.
    patience: Option<Duration>,
}

impl Connection {
    fn new(
        chat: Arc<Chat>,
        session: Arc<Session>,
        stream: Stream,
        open: Open,
        limits: Arc<TcpLimits>,
    ) -> Self {
        open.link().belongs_to(&session);
        open.expires(session.expires_at());
        let heard = chat.clock().now();
        let (origin, signal) = (open.link().origin.clone(), Arc::<Notify>::default());
        let actor = Actor::anonymous(TransportKind::Tcp, origin)
            .with_session(session.clone())
            .reading(signal.clone());
        Self {
            actor,
            reader: Reader::new(
                chat.clone(),
                open.link().clone(),
                signal.clone(),
                chat.rights_now(),
            ),
            attached: session.attach(signal),
            showing: None,
            input: Lines::new(limits.line_bytes),
            stream,
            limits,
            chat,
            open,
            sending: VecDeque::new(),
            out: Vec::new(),
            heard,
            has_spoken: false,
            held_until: None,
            unread: false,
            closing: None,
            patience: None,
        }
    }

    fn greet(&mut self) {
        let nickname = self.attached.session().nickname();
        let greeting = line::greeting(&nickname, self.chat.access().mode);
        system(&greeting, &mut self.out);
    }

    /// Serves it until it ends or is another process's; it has been stalled since then.
    async fn serve(&mut self, moment: &mut Moment, since: Instant) {
        let span = tracing::debug_span!("tcp", session = %self.attached.session().key());
        let ended = tracing::Instrument::instrument(self.run(moment, since), span).await;
        Box::pin(self.end(ended)).await;
    }

    async fn run(&mut self, moment: &mut Moment, mut since: Instant) -> io::Result<Whose> {
        loop {
            let (wrote, progress) = self.write()?;
            if progress || wrote != Wrote::Blocked {
                since = self.chat.clock().now();
            }
            if wrote == Wrote::All && self.has_ended() {
                return self.farewell().map(|()| Whose::Ours);
            }
            let open = self.closing.is_none();
            let now = self.chat.clock().now();
            self.held_until = self.held_until.filter(|until| *until > now);
            let held = self.held_until.map(|until| until - now);
            let blocked = wrote == Wrote::Blocked;
            let listening = open && !blocked && !self.is_full();
            if listening && self.unread {
                self.listen().await?;
                continue;
            }
            let silent = self.may_be_silent(now);
            let waited = now.duration_since(since);
            let patience = self.patience.unwrap_or(self.limits.write_timeout);
            let patience = patience.saturating_sub(waited);
            tokio::select! {
                ready = outlet::ready(&self.stream, blocked), if listening || blocked => {
                    ready?;
                    if listening {
                        self.listen().await?;
                    }
                }
                () = self.reader.fetch(), if wrote == Wrote::Behind => {}
                () = self.attached.signal().notified(), if !blocked => {
                    if open && self.attached.session().has_ended() {
                        self.close(line::OVER).await;
                    }
                }
                failed = settle(&mut self.sending), if !self.sending.is_empty() => {
                    self.not_sent(failed);
                }
                () = without_progress(silent.unwrap_or_default()), if silent.is_some() => {
                    self.close(line::SILENT).await;
                }
                () = without_progress(held.unwrap_or_default()), if held.is_some() => {}
                order = self.open.link().ordered() => match order {
                    Order::Close => self.evict(words::CLOSED).await,
                    Order::Expire => self.evict(words::EXPIRED).await,
                    Order::HoldStill(order) => {
                        if Box::pin(self.hold_still(order, since)).await? == Whose::Theirs {
                            return Ok(Whose::Theirs);
                        }
                    }
                },
                () = moment.come(), if open => {
                    self.close(words::RESTARTING).await;
                }
                () = without_progress(patience), if blocked => {
                    self.chat.meters().no_progress.add(1);
                    return Err(io::ErrorKind::TimedOut.into());
                }
            }
        }
    }

    /// For how long it may still be silent, unless it is in a room and so a reader.
    fn may_be_silent(&self, now: Instant) -> Option<Duration> {
        let idle = self.closing.is_none() && self.reader.is_empty() && self.sending.is_empty();
        let patience = if self.has_spoken {
            self.limits.idle_timeout
        } else {
            self.limits.idle_timeout / 10
        };
        idle.then(|| patience.saturating_sub(now.duration_since(self.heard)))
    }

    /// Whether answers wait for the peer, so many that nothing more is done for it.
    fn is_full(&self) -> bool {
        self.out.len() >= MOST_ANSWERS
            || self.reader.answering().is_some()
            || self.held_until.is_some()
    }

    /// Reads what has come and does it, line by line, as long as there is place for the answers.
    async fn listen(&mut self) -> io::Result<()> {
        let ended = !std::mem::take(&mut self.unread) && self.receive()?;
        while let Some(line) = self.input.next() {
            Box::pin(self.take(line)).await?;
            if self.closing.is_some() {
                return Ok(());
            }
            if self.is_full() {
                self.unread = true;
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

    /// Takes bytes from the socket; true at their end.
    fn receive(&mut self) -> io::Result<bool> {
        let (input, spoken) = (&mut self.input, &mut self.has_spoken);
        let ended = outlet::receive(&mut self.stream, |bytes| {
            input.feed(bytes);
            *spoken = true;
        });
        self.heard = self.chat.clock().now();
        ended
    }

    /// What it was told, then what its rooms have.
    fn write(&mut self) -> io::Result<(Wrote, bool)> {
        while let Some(alert) = self.attached.next_alert() {
            system(&words::alert(&alert), &mut self.out);
        }
        let mut outlet = Outlet {
            chat: &self.chat,
            link: self.open.link(),
            stream: &mut self.stream,
            reader: &mut self.reader,
            out: &mut self.out,
            signal: self.attached.signal(),
            format: match self.showing {
                Some(showing) => Format::LinesShowing(showing),
                None => Format::Lines,
            },
        };
        outlet.write()
    }

    async fn take(&mut self, line: Result<String, LineError>) -> io::Result<()> {
        match line {
            Err(LineError::Foreign(foreign)) => self.turn_away(foreign).await,
            Err(error) => self.reject(&error),
            Ok(line) if line.is_empty() => {}
            Ok(line) if is_command(&line) => {
                self.input.trust();
                // What was said before is seen before.
                self.settle_all().await;
                self.write()?;
                match slash::ask(&self.chat, &self.actor, &line).await {
                    Ok(outcome) => self.obey(outcome).await,
                    Err(refusal) => self.refuse(&refusal),
                }
            }
            Ok(line) => self.say(line).await,
        }
        Ok(())
    }

    async fn say(&mut self, mut line: String) {
        if line.starts_with("//") {
            line.remove(0);
        }
        while self.sending.len() >= MOST_SENDING {
            let failed = settle(&mut self.sending).await;
            self.not_sent(failed);
        }
        let message = Say {
            room: Target::Current,
            content: line,
            nonce: None,
            beside: Beside::default(),
        };
        match self.chat.act(&self.actor, message).await {
            Ok(sending) => self.sending.push_back(sending),
            Err(error) => self.not_sent(Some(error)),
        }
    }

    /// A line that could not be read.
    fn reject(&mut self, error: &LineError) {
        match self.chat.charge(&self.actor, Cost::READ) {
            Ok(()) => system(&error.to_string(), &mut self.out),
            Err(error) => self.refuse(&error.into()),
        }
    }

    /// Who asks for too much is not read for a while, and so not answered faster than they may ask.
    fn refuse(&mut self, refusal: &Refusal) {
        if let Some(wait) = refusal.hold_back() {
            self.held_until = Some(self.chat.clock().now() + wait);
        }
        system(&refusal.detail, &mut self.out);
    }

    fn not_sent(&mut self, failed: Option<ChatError>) {
        let Some(error) = failed else { return };
        let detail = line::not_sent(&error);
        let refusal = Refusal {
            detail,
            ..error.into()
        };
        self.refuse(&refusal);
    }

    async fn settle_all(&mut self) {
        while !self.sending.is_empty() {
            let failed = settle(&mut self.sending).await;
            self.not_sent(failed);
        }
    }

    async fn obey(&mut self, outcome: Outcome) {
        if matches!(outcome, Outcome::Goodbye) {
            return self.close("goodbye").await;
        }
        // A message that was said is its own acknowledgement, in its place.
        let said = matches!(
            &outcome,
            Outcome::Direct {
                receipt: Some(_),
                ..
            }
        );
        if !said {
            system(&words::outcome(&outcome), &mut self.out);
        }
        if self.showing.is_some()
            && let Some((room, from, to)) = self.chat.period(&outcome).await
        {
            system(&words::period(room.shown(), from, to), &mut self.out);
        }
        if matches!(
            outcome,
            Outcome::LoggedIn { .. } | Outcome::LoggedOut { .. }
        ) {
            self.open.expires(self.attached.session().expires_at());
        }
        match outcome {
            Outcome::Joined(joined) => joined.cursor.into_iter().for_each(|c| self.reader.add(*c)),
            Outcome::Showing(showing) => {
                self.showing = Some(showing).filter(|of| *of != Showing::default());
            }
            Outcome::Left(room) => self.reader.end(&room),
            Outcome::LoggedOut { rooms, .. } => rooms.iter().for_each(|room| self.reader.end(room)),
            Outcome::History(history) => {
                if let Messages::Paced(past) = history.messages {
                    self.reader.answer(past);
                }
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

    /// Closes on a peer that speaks another protocol: what it sends is not said.
    async fn turn_away(&mut self, foreign: Foreign) {
        tracing::debug!(%foreign, "another protocol was spoken to the port of lines");
        let told = turned_away(foreign, self.limits.elsewhere);
        system(&told, &mut self.out);
        self.close("").await;
    }

    /// Closes because an operator wants it, or its token has expired: without what is still unread, which
    /// may be much.
    async fn evict(&mut self, word: &'static str) {
        self.close(word).await;
        self.reader.abandon();
        self.patience = Some(PART_WITHIN);
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

    async fn end(&mut self, ended: io::Result<Whose>) {
        if let Ok(Whose::Theirs) = ended {
            return self.chat.let_go(self.attached.session());
        }
        if let Err(error) = self.chat.act(&self.actor, Disconnect).await {
            tracing::debug!(%error, "cannot store that a connection ended");
        }
        match ended {
            Ok(_) => outlet::part(&mut self.stream).await,
            Err(error) => tracing::debug!(%error, "connection broke"),
        }
    }
}

/// Waits for the oldest message on its way; why it was not sent, if it was not.
async fn settle(sending: &mut VecDeque<Sending>) -> Option<ChatError> {
    let outcome = sending.front_mut()?.done().await;
    sending.pop_front();
    outcome.err()
}
