//! The same commands and events as JSON text frames over WebSocket (RFC 6455).
mod end;
mod introduce;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::super::codec::json::{Asking, ErrorFrame, Frame, Read, System, Typed, connected, reply};
use super::super::codec::slash::{self, is_command};
use super::super::codec::{Refusal, encoded, json, words};
use super::super::outlet;
use super::super::{Drain, Moment};
use super::connection::Progress;
use super::takeover::Taken;
use crate::chat::{
    Actor, Attached, Beside, Chat, ChatError, Code, Cost, Disconnect, Format, Next, Open, Order,
    Outcome, ReadUpTo, Reader, Say, Sending, Session, Slice, Target, Through,
};
use crate::model::{Epoch, Peer, TransportKind};
use end::End;
use introduce::{Introduced, Positions};

/// A silent peer is pinged, and given as long again to answer.
const PING_EVERY: Duration = Duration::from_secs(20);
/// How long a closing handshake may take.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);
/// Small, since most connections are quiet: every one of ten thousand keeps it.
const READ_BUFFER: usize = 1 << 10;
const WRITE_BUFFER: usize = 32 << 10;
/// Messages of one connection on their way in; then it is read no further.
const MOST_SENDING: usize = 64;

type Socket = WebSocketStream<Progress>;
type Reference = Option<Value>;

/// Serves one connection, after the head that switched to this protocol, until it ends.
pub(super) async fn serve(
    chat: Arc<Chat>,
    taken: Taken,
    peer: Peer,
    most: usize,
    kept: Option<Box<str>>,
    drain: Drain,
) {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(Some(most))
        .max_frame_size(Some(most));
    let Taken { io, read, .. } = taken;
    let begun = read.to_vec();
    // It is a piece of hyper's buffer, and would keep all of it.
    drop(read);
    let socket = WebSocketStream::from_partially_read(io, begun, Role::Server, Some(config)).await;
    let open = Open::new(&chat, Through::WebSocket, peer);
    let link = open.link().clone();
    let signal = Arc::<Notify>::default();
    let rights = chat.rights_now();
    let mut connection = Connection {
        chat: chat.clone(),
        socket,
        kept,
        attached: None,
        signal: signal.clone(),
        reader: Reader::new(chat.clone(), link.clone(), signal.clone(), rights),
        sending: VecDeque::new(),
        actor: Actor::anonymous(TransportKind::WebSocket, link.origin.clone()).reading(signal),
        began: Instant::now(),
        heard: Instant::now(),
        pinged: false,
        held_until: None,
    };
    // Beside everything else, so that it is heard also while the peer takes nothing.
    let end = tokio::select! {
        biased;
        order = link.ordered() => match order {
            Order::Expire => End::Expired,
            _ => End::Operator,
        },
        end = connection.run(drain.moment(), &open) => end,
    };
    connection.close(end).await;
}

struct Connection {
    chat: Arc<Chat>,
    socket: Socket,
    actor: Actor,
    /// The session's secret that the browser keeps, where it came with one.
    kept: Option<Box<str>>,
    /// Once the client has said who it is.
    attached: Option<Attached>,
    signal: Arc<Notify>,
    reader: Reader,
    /// Messages on their way in with the client's own references, oldest first.
    sending: VecDeque<(Reference, Sending)>,
    began: Instant,
    heard: Instant,
    pinged: bool,
    /// It asked for too much, and is not read before.
    held_until: Option<Instant>,
}

/// A connection that has not said who it is after so long ends.
const INTRODUCED_WITHIN: Duration = Duration::from_secs(60);

impl Connection {
    async fn run(&mut self, mut moment: Moment, open: &Open) -> End {
        loop {
            let behind = match self.write().await {
                Ok(next) => next == Next::Behind,
                Err(error) => return error.into(),
            };
            let silent_until = self.heard + PING_EVERY * (1 + u32::from(self.pinged));
            let now = Instant::now();
            self.held_until = self.held_until.filter(|until| *until > now);
            let held = self.held_until.unwrap_or(now);
            let listening = self.held_until.is_none() && self.sending.len() < MOST_SENDING;
            let stranger_until = self.began + INTRODUCED_WITHIN;
            tokio::select! {
                frame = self.socket.next(), if listening => {
                    match frame {
                        Some(Ok(frame)) => if let Err(end) = Box::pin(self.take(frame, open)).await {
                            return end;
                        },
                        Some(Err(error)) => return error.into(),
                        None => return End::Gone,
                    }
                }
                () = self.signal.notified() => {}
                () = self.reader.fetch(), if behind => {}
                outcome = settle(&mut self.sending), if !self.sending.is_empty() => {
                    if let Err(error) = self.acknowledge(outcome).await {
                        return error.into();
                    }
                }
                () = over(&self.actor) => return End::Bye,
                () = moment.come() => return self.finish().await,
                () = tokio::time::sleep_until(held), if self.held_until.is_some() => {}
                () = tokio::time::sleep_until(stranger_until), if self.attached.is_none() => {
                    return End::Stranger;
                }
                () = tokio::time::sleep_until(silent_until) => {
                    if self.pinged {
                        return End::NoProgress;
                    }
                    self.pinged = true;
                    if let Err(error) = self.socket.send(Message::Ping(Default::default())).await {
                        return error.into();
                    }
                }
            }
        }
    }

    /// Writes what the rooms have, as one frame each and one flush together.
    async fn write(&mut self) -> Result<Next, Error> {
        while let Some(alert) = self.attached.as_mut().and_then(Attached::next_alert) {
            self.say(&words::alert(&alert)).await?;
        }
        while let Some(to) = self.attached.as_mut().and_then(Attached::next_read) {
            self.send("read", &Read::new(&to)).await?;
        }
        let mut slices = Vec::new();
        loop {
            let next = self.reader.peek(&mut slices);
            if next != Next::Some {
                return Ok(next);
            }
            for slice in &slices {
                self.feed(slice).await?;
                self.reader.advance(slice, slice.len());
            }
            self.reader.next_turn();
            self.socket.flush().await?;
        }
    }

    async fn feed(&mut self, slice: &Slice) -> Result<(), Error> {
        let encoded = encoded(&slice.chunk, Format::Frames);
        for entry in slice.from..slice.from + slice.len() {
            let text = Utf8Bytes::try_from(encoded.shared(entry))?;
            self.socket.feed(Message::Text(text)).await?;
        }
        let meters = self.chat.meters();
        meters.delivered.add(slice.len() as u64);
        if let Some(accepted) = slice.accepted {
            let now = self.chat.clock().now();
            meters
                .delivery
                .record(now.saturating_duration_since(accepted));
        }
        Ok(())
    }

    async fn send(&mut self, kind: &'static str, of: &impl Serialize) -> Result<(), Error> {
        let text = serde_json::to_string(&Typed { kind, of }).unwrap_or_default();
        self.socket.send(Message::Text(text.into())).await
    }

    /// Says something beside all rooms.
    async fn say(&mut self, text: &str) -> Result<(), Error> {
        self.send("system", &System { room: None, text }).await
    }

    async fn refuse(
        &mut self,
        refusal: impl Into<Refusal>,
        reference: &Reference,
    ) -> Result<(), Error> {
        let refusal = refusal.into();
        if let Some(wait) = refusal.hold_back() {
            self.held_until = Some(Instant::now() + wait);
        }
        self.send("error", &ErrorFrame::of(&refusal, reference.as_ref()))
            .await
    }

    async fn take(&mut self, message: Message, open: &Open) -> Result<(), End> {
        self.heard = Instant::now();
        self.pinged = false;
        match message {
            Message::Text(text) => match serde_json::from_str::<Frame>(&text) {
                Ok(Frame::Other) => match serde_json::from_str::<Asking>(&text) {
                    Ok(asking) => self.ask(asking).await,
                    Err(error) => Ok(self.bad_frame(&text, &error).await?),
                },
                Ok(frame) => self.act(frame, open).await,
                Err(error) => Ok(self.bad_frame(&text, &error).await?),
            },
            Message::Binary(_) => {
                let why = "frames are JSON text, not binary".to_owned();
                Err(End::Violation(CloseCode::Unsupported, why))
            }
            Message::Close(_) => Err(End::Gone),
            _ => Ok(()),
        }
    }

    async fn bad_frame(&mut self, text: &str, error: &serde_json::Error) -> Result<(), Error> {
        let detail = &format!("not a frame of this protocol: {error}");
        let reference = json::reference(text);
        if let Err(error) = self.chat.charge(&self.actor, Cost::READ) {
            return self.refuse(error, &reference).await;
        }
        self.send("error", &ErrorFrame::bad(detail, reference.as_ref()))
            .await
    }

    async fn act(&mut self, frame: Frame, open: &Open) -> Result<(), End> {
        match frame {
            Frame::Connect {
                nickname,
                session_id,
                token,
                rooms,
                epoch,
                reference,
            } => {
                let epoch = epoch.map(|name| Epoch::named(&name));
                let positions = Positions { rooms, epoch };
                let who = Introduced {
                    session_id,
                    token,
                    nickname,
                };
                if let Some(refusal) = self.connect(who, positions, open).await? {
                    self.refuse(refusal, &reference).await?;
                }
            }
            Frame::Register { new, reference } => {
                let begun = self.begin(new.verb(), open).await?;
                self.begun(begun, reference).await?;
            }
            Frame::Login { account, reference } => {
                let begun = self.begin(account.verb(), open).await?;
                self.begun(begun, reference).await?;
            }
            Frame::Command { command, reference } => {
                self.settle_all().await?;
                self.write().await?;
                match self.command(&command).await {
                    Ok(outcome) => self.obey(outcome, reference).await?,
                    Err(refusal) => self.refuse(refusal, &reference).await?,
                }
            }
            Frame::Message {
                room,
                content,
                nonce,
                thread,
                reply_to,
                kind,
                reference,
            } => {
                let message = Say {
                    room: Target::Named(room),
                    content,
                    nonce,
                    beside: Beside {
                        thread,
                        reply_to,
                        kind,
                    },
                };
                match self.chat.act(&self.actor, message).await {
                    Ok(sending) => self.sending.push_back((reference, sending)),
                    Err(error) => self.refuse(error, &reference).await?,
                }
            }
            // Read as what it is before it came here.
            Frame::Other => {}
        }
        Ok(())
    }

    /// Answers a frame that asks for what an HTTP request asks for, too.
    async fn ask(&mut self, asking: Asking) -> Result<(), End> {
        let Asking { reference, request } = asking;
        self.settle_all().await?;
        self.write().await?;
        let command = match request.command() {
            Ok(command) => command,
            Err(wrong) => return Ok(self.refuse(wrong, &reference).await?),
        };
        match self.chat.act(&self.actor, command).await {
            Ok(outcome) => self.obey(outcome, reference).await,
            Err(error) => Ok(self.refuse(error, &reference).await?),
        }
    }

    async fn command(&mut self, command: &str) -> Result<Outcome, Refusal> {
        if self.attached.is_none() {
            return Err(ChatError::NotConnected.into());
        }
        if !is_command(command) {
            let detail = "a command begins with '/'; messages are frames of type message";
            return Err(Refusal::new(Code::BadCommand, detail));
        }
        slash::ask(&self.chat, &self.actor, command).await
    }

    async fn obey(&mut self, outcome: Outcome, reference: Reference) -> Result<(), End> {
        self.send("reply", &reply(&outcome, reference)).await?;
        match outcome {
            Outcome::Joined(joined) => joined.cursor.into_iter().for_each(|c| self.reader.add(*c)),
            Outcome::Left(room) => self.reader.end(&room),
            Outcome::Read(read) => self.has_read(&read),
            Outcome::LoggedOut { rooms, .. } => rooms.iter().for_each(|room| self.reader.end(room)),
            Outcome::Goodbye => {
                // The peer is gone either way; the session expires if this fails.
                let _ = self.chat.act(&self.actor, Disconnect).await;
                return Err(End::Bye);
            }
            _ => {}
        }
        Ok(())
    }

    fn has_read(&mut self, read: &[ReadUpTo]) {
        if let Some(attached) = &mut self.attached {
            for read in read {
                attached.has_read(read.room.key.uid, read.thread, read.seq);
            }
        }
    }

    /// Answers a frame that was to begin a session.
    async fn begun(
        &mut self,
        begun: Result<Arc<Session>, Refusal>,
        reference: Reference,
    ) -> Result<(), Error> {
        let session = match begun {
            Ok(session) => session,
            Err(refusal) => return self.refuse(refusal, &reference).await,
        };
        let outcome = Outcome::LoggedIn {
            nickname: session.nickname(),
            role: session.role(),
        };
        let mut answer = reply(&outcome, reference);
        answer["data"] = connected(&session);
        self.send("reply", &answer).await
    }

    async fn acknowledge(&mut self, outcome: Option<Settled>) -> Result<(), Error> {
        let Some((reference, outcome)) = outcome else {
            return Ok(());
        };
        match outcome {
            Ok(receipt) => {
                let mut answer = json!({
                    "success": true, "message_id": receipt.id, "seq": receipt.seq,
                    "number": receipt.number,
                });
                if let Some(reference) = reference {
                    answer["ref"] = reference;
                }
                self.send("reply", &answer).await
            }
            Err(error) => self.refuse(error, &reference).await,
        }
    }

    async fn settle_all(&mut self) -> Result<(), Error> {
        while !self.sending.is_empty() {
            let outcome = settle(&mut self.sending).await;
            self.acknowledge(outcome).await?;
        }
        Ok(())
    }

    /// The server stops: what was accepted is answered, what is committed is told.
    async fn finish(&mut self) -> End {
        if self.settle_all().await.is_err() {
            return End::Gone;
        }
        self.reader.end_all();
        loop {
            match self.write().await {
                Ok(Next::Behind) => self.reader.fetch().await,
                Ok(_) if self.reader.is_empty() => break,
                Ok(_) => {}
                Err(error) => return error.into(),
            }
        }
        match self.say(words::RESTARTING).await {
            Ok(()) => End::Restart,
            Err(error) => error.into(),
        }
    }

    async fn close(&mut self, end: End) {
        let broken = matches!(end, End::Violation(..));
        let closing = async {
            match end {
                End::Operator => {
                    let _ = self.settle_all().await;
                    let _ = self.say(words::CLOSED).await;
                }
                End::Expired => {
                    let _ = self.settle_all().await;
                    let refusal = Refusal::new(Code::ExpiredToken, words::EXPIRED);
                    let _ = self.refuse(refusal, &None).await;
                }
                _ => {}
            }
            if let Some(frame) = end.frame() {
                let _ = self.socket.send(Message::Close(Some(frame))).await;
            }
            let _ = self.socket.close(None).await;
            if broken {
                // What comes is no frames any more, but it has to be taken: closing over it
                // would reset the connection, and with it the word why.
                return outlet::part(self.socket.get_mut().stream()).await;
            }
            while let Some(Ok(_)) = self.socket.next().await {}
        };
        let _ = tokio::time::timeout(CLOSE_WITHIN, closing).await;
    }
}

/// Waits until the session is over, if there is one.
async fn over(actor: &Actor) {
    match actor.session() {
        Some(session) => session.ended().await,
        None => std::future::pending().await,
    }
}

type Settled = (Reference, Result<crate::chat::Receipt, ChatError>);

/// Waits for the oldest message on its way.
async fn settle(sending: &mut VecDeque<(Reference, Sending)>) -> Option<Settled> {
    let outcome = sending.front_mut()?.1.done().await;
    let (reference, _) = sending.pop_front()?;
    Some((reference, outcome))
}
