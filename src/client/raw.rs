//! Sessions for measuring: each transport's first words, up to where messages begin, and then the
//! bare connection, for a loop that reads [`wire`](super::wire) from it.
use std::net::TcpStream;
use std::time::Duration;

use rustls::ClientConnection;
use serde_json::{Value, json};

use super::wire::{self, Transport, frame};
use super::{Buffer, ClientError, Connection, HOST, Lines, Target, bounded};

/// A connection on which messages may come, and what came of them already.
#[derive(Debug)]
pub struct Opened {
    pub stream: TcpStream,
    /// Where it is by TLS.
    pub tls: Option<Box<ClientConnection>>,
    pub rest: Vec<u8>,
    /// From where it could go on, if it was told.
    pub position: Position,
}

/// How far a reader has come, for the one that goes on in its position.
#[derive(Debug, Clone, Default)]
pub struct Position {
    /// Of a WebSocket.
    pub session: String,
    pub last: Option<u64>,
}

impl Opened {
    fn of(lines: Lines, position: Position) -> Result<Self, ClientError> {
        let (stream, rest) = lines.into_parts();
        let (stream, tls) = match stream {
            Connection::Clear(socket) => (socket, None),
            Connection::Tls(stream) => {
                let (socket, session) = stream.into_inner();
                (socket, Some(Box::new(session)))
            }
        };
        Ok(Self {
            stream: stream.into_std()?,
            tls,
            rest: rest.into(),
            position,
        })
    }

    /// Connects and begins to read a room.
    ///
    /// # Errors
    /// Where it is not let in, within `patience` for each answer.
    pub async fn reading(
        at: impl Into<Target>,
        reading: &Reading<'_>,
        buffer: Buffer,
        patience: Duration,
    ) -> Result<Self, ClientError> {
        let stream = bounded(patience, at.into().reach(buffer)).await?;
        let mut talk = Lines::over(stream, patience);
        let room = reading.room;
        match reading.transport {
            Transport::Tcp => {
                expect(&line(&mut talk).await?, "[system] welcome")?;
                lines(talk, room, reading.lines).await
            }
            Transport::Sse => events(talk, room, None).await,
            Transport::Ws => frames(talk, room, reading.nickname).await,
        }
    }

    /// Connects by lines to speak in `room`: as a guest, or as a new account, which is shown places
    /// and events, because it may change what it said.
    ///
    /// # Errors
    /// As [`Opened::reading`], and where the account is not made.
    pub async fn speaking(
        at: impl Into<Target>,
        room: &str,
        account: Option<&Account>,
        patience: Duration,
    ) -> Result<Self, ClientError> {
        let mut talk = Lines::connect(at, patience).await?;
        expect(&line(&mut talk).await?, "[system] welcome")?;
        let Some(account) = account else {
            return lines(talk, room, Lined::Messages).await;
        };
        enter(&mut talk, account).await?;
        lines(talk, room, Lined::Entries).await
    }

    /// Goes on in `room` after that position. Lines have no place: they go on as events.
    ///
    /// # Errors
    /// As [`Opened::reading`].
    pub async fn resumed(
        transport: Transport,
        http: impl Into<Target>,
        room: &str,
        position: &Position,
        patience: Duration,
    ) -> Result<Self, ClientError> {
        let mut talk = Lines::connect(http, patience).await?;
        if transport != Transport::Ws {
            return events(talk, room, position.last).await;
        }
        let rooms = json!({ room: position.last.unwrap_or_default() });
        let connect = json!({ "type": "connect", "session_id": position.session, "rooms": rooms });
        socket(&mut talk, &connect).await?;
        Self::of(talk, position.clone())
    }

    /// Connects, and says no more than `words`.
    ///
    /// # Errors
    /// Where nothing accepts within `patience`.
    pub async fn silent(
        at: impl Into<Target>,
        words: &str,
        patience: Duration,
    ) -> Result<Self, ClientError> {
        let mut talk = Lines::connect(at, patience).await?;
        talk.write(words.as_bytes()).await?;
        Self::of(talk, Position::default())
    }
}

/// How a reader begins.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    pub transport: Transport,
    pub room: &'a str,
    /// For transports that ask for one.
    pub nickname: &'a str,
    pub lines: Lined,
}

/// What lines show. Other transports show all, and their places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lined {
    /// What is said.
    Messages,
    /// What is said and done to it, with the place of each.
    Entries,
}

/// An account that is made for measuring.
#[derive(Clone)]
pub struct Account {
    pub nickname: String,
    pub password: String,
}

/// Makes an account.
///
/// # Errors
/// Where it is not made, within `patience` for each answer.
pub async fn register(
    at: impl Into<Target>,
    account: &Account,
    patience: Duration,
) -> Result<(), ClientError> {
    let mut talk = Lines::connect(at, patience).await?;
    expect(&line(&mut talk).await?, "[system] welcome")?;
    enter(&mut talk, account).await
}

/// Goes on as a new account.
async fn enter(talk: &mut Lines, account: &Account) -> Result<(), ClientError> {
    talk.say(&format!("/nick {}", account.nickname)).await?;
    expect(&line(talk).await?, "you are now")?;
    talk.say(&format!("/register {}", account.password)).await?;
    expect(&line(talk).await?, "you are logged in")
}

/// Makes rooms as a guest or as that account, or finds that they are there. A session may make so
/// many at once, by `limits.requests_per_minute`.
///
/// # Errors
/// Where one is not made, within `patience` for each answer.
pub async fn make_rooms(
    at: impl Into<Target>,
    names: &[String],
    account: Option<&Account>,
    patience: Duration,
) -> Result<(), ClientError> {
    let at = at.into();
    for names in names.chunks(20) {
        let mut talk = Lines::connect(at, patience).await?;
        expect(&line(&mut talk).await?, "[system] welcome")?;
        if let Some(Account { nickname, password }) = account {
            talk.say(&format!("/login {nickname} {password}")).await?;
            expect(&line(&mut talk).await?, "you are logged in")?;
        }
        for name in names {
            talk.say(&format!("/create {name}")).await?;
            let made = format!(" joined {name}");
            loop {
                // The rooms made before have things to say too.
                let line = line(&mut talk).await?;
                if line.ends_with(&made) || line.contains("already") {
                    break;
                }
                // Where guests make none, there may be one.
                if line.starts_with("[system] cannot create_room") {
                    talk.say(&format!("/join {name}")).await?;
                    continue;
                }
                if !line.contains(" joined ") && line.starts_with("[system]") {
                    return Err(ClientError::Refused(line));
                }
            }
        }
    }
    Ok(())
}

async fn lines(mut talk: Lines, room: &str, lined: Lined) -> Result<Opened, ClientError> {
    if lined == Lined::Entries {
        talk.say("/show seq events").await?;
        expect(&line(&mut talk).await?, "lines show")?;
    }
    talk.say(&format!("/join {room}")).await?;
    expect(&line(&mut talk).await?, &format!(" joined {room}"))?;
    Opened::of(talk, Position::default())
}

async fn events(mut talk: Lines, room: &str, last: Option<u64>) -> Result<Opened, ClientError> {
    let (query, from) = match last {
        Some(seq) => ("", format!("Last-Event-ID: {seq}\r\n")),
        None => ("?history=0", String::new()),
    };
    let request = format!(
        "GET /api/messages/{room}{query} HTTP/1.1\r\nHost: {HOST}\r\n\
         Accept: text/event-stream\r\n{from}\r\n"
    );
    talk.write(request.as_bytes()).await?;
    let head = heard(&mut talk, b"\r\n\r\n").await?;
    expect(&head, "HTTP/1.1 200")?;
    expect(&head.to_ascii_lowercase(), "transfer-encoding: chunked")?;
    let session = String::new();
    Opened::of(talk, Position { session, last })
}

/// Makes a WebSocket of it and says `connect`; returns the session.
async fn socket(talk: &mut Lines, connect: &Value) -> Result<String, ClientError> {
    let request = format!(
        "GET /api/ws HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    talk.write(request.as_bytes()).await?;
    expect(&heard(talk, b"\r\n\r\n").await?, "HTTP/1.1 101")?;
    talk.write(&frame(&connect.to_string())).await?;
    let connected = answer(talk).await?;
    expect(&connected, r#""type":"connected""#)?;
    let session = connected.split_once(r#""session_id":""#);
    let session = session.and_then(|(_, rest)| rest.split('"').next());
    Ok(session.unwrap_or_default().to_owned())
}

async fn frames(mut talk: Lines, room: &str, nickname: &str) -> Result<Opened, ClientError> {
    let connect = json!({ "type": "connect", "nickname": nickname });
    let session = socket(&mut talk, &connect).await?;
    let join = json!({ "type": "command", "command": format!("/join {room}"), "ref": 1 });
    talk.write(&frame(&join.to_string())).await?;
    expect(&answer(&mut talk).await?, r#""last_seq""#)?;
    // The first message that comes tells the place: some older ones are shown first.
    Opened::of(
        talk,
        Position {
            session,
            last: None,
        },
    )
}

/// The next frame, as text.
async fn answer(talk: &mut Lines) -> Result<String, ClientError> {
    let length = |bytes: &[u8]| wire::frame_length(bytes).map_err(|_| ClientError::Foreign);
    match talk.measured(length).await? {
        Some(frame) => Ok(String::from_utf8_lossy(&frame).into_owned()),
        None => Err(ClientError::Refused("nothing more".into())),
    }
}

async fn line(talk: &mut Lines) -> Result<String, ClientError> {
    heard(talk, b"\n").await
}

/// What comes up to `end`, without the space around it.
async fn heard(talk: &mut Lines, end: &[u8]) -> Result<String, ClientError> {
    match talk.until(end).await? {
        Some(heard) => Ok(String::from_utf8_lossy(&heard).trim().to_owned()),
        None => {
            let last = String::from_utf8_lossy(&talk.rest()).into_owned();
            let words = last.trim().chars().take(200).collect();
            Err(ClientError::Refused(words))
        }
    }
}

fn expect(heard: &str, words: &str) -> Result<(), ClientError> {
    if heard.contains(words) {
        Ok(())
    } else {
        Err(ClientError::Refused(heard.to_owned()))
    }
}
