//! Connecting: each transport's first words, up to where messages begin.
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use super::plan::Transport;
use super::wire::frame;

/// A connection on which messages may come, and what came of them already.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) stream: std::net::TcpStream,
    pub(super) rest: Vec<u8>,
    /// From where it could go on, if it was told.
    pub(super) place: Place,
}

/// How far a reader has come, for whoever goes on in its place.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    /// Of a WebSocket.
    pub(super) session: String,
    pub(super) last: Option<u64>,
}

/// Why a connection could not be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it said: {0}")]
    Refused(String),
}

type Opening<T> = Result<T, OpenError>;

/// The first words of a server are no longer.
const MOST: usize = 64 << 10;

/// Of a reader that is slow: the kernel keeps little for it.
const SMALL_BUFFER: u32 = 4 << 10;
/// For who is cut off while the servers are being restarted: each try begins at the next.
const BETWEEN: Duration = Duration::from_millis(100);
const TRY: Duration = Duration::from_secs(5);

/// A stream, and what was read from it and not yet used.
struct Talk {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Talk {
    async fn open(address: SocketAddr) -> Opening<Self> {
        Self::over(TcpStream::connect(address).await?)
    }

    async fn open_small(address: SocketAddr) -> Opening<Self> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.set_recv_buffer_size(SMALL_BUFFER)?;
        Self::over(socket.connect(address).await?)
    }

    fn over(stream: TcpStream) -> Opening<Self> {
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            read: Vec::new(),
        })
    }

    async fn say(&mut self, words: &[u8]) -> Opening<()> {
        Ok(self.stream.write_all(words).await?)
    }

    /// Reads up to and with `end`.
    async fn hear(&mut self, end: &[u8]) -> Opening<String> {
        loop {
            if let Some(at) = memchr::memmem::find(&self.read, end) {
                let rest = self.read.split_off(at + end.len());
                let heard = std::mem::replace(&mut self.read, rest);
                return Ok(String::from_utf8_lossy(&heard).trim().to_owned());
            }
            let count = self.stream.read_buf(&mut self.read).await?;
            if count == 0 || self.read.len() > MOST {
                let heard = String::from_utf8_lossy(&self.read);
                return Err(OpenError::Refused(heard.trim().chars().take(200).collect()));
            }
        }
    }

    fn done(self) -> Opening<Opened> {
        self.at(Place::default())
    }

    fn at(self, place: Place) -> Opening<Opened> {
        Ok(Opened {
            stream: self.stream.into_std()?,
            rest: self.read,
            place,
        })
    }
}

/// Connects and begins to read `room`. `nickname` is for transports that ask for one.
pub(super) async fn open(
    transport: Transport,
    addresses: (SocketAddr, SocketAddr),
    room: &str,
    nickname: &str,
) -> Opening<Opened> {
    let talk = Talk::open(door(transport, addresses)).await?;
    begin(transport, talk, addresses.1, room, nickname).await
}

/// The same for one that will read slowly.
pub(super) async fn open_slow(
    transport: Transport,
    addresses: (SocketAddr, SocketAddr),
    room: &str,
    nickname: &str,
) -> Opening<Opened> {
    let talk = Talk::open_small(door(transport, addresses)).await?;
    begin(transport, talk, addresses.1, room, nickname).await
}

fn door(transport: Transport, (tcp, http): (SocketAddr, SocketAddr)) -> SocketAddr {
    match transport {
        Transport::Tcp => tcp,
        Transport::Sse | Transport::Ws => http,
    }
}

async fn begin(
    transport: Transport,
    talk: Talk,
    http: SocketAddr,
    room: &str,
    nickname: &str,
) -> Opening<Opened> {
    match transport {
        Transport::Tcp => lines(talk, room).await,
        Transport::Sse => events(talk, http, room, None).await,
        Transport::Ws => frames(talk, http, room, nickname).await,
    }
}

/// Goes on in `room` after that place; at the first of the addresses that lets it, of which it
/// tries all again and again.
pub(super) async fn resume(
    transport: Transport,
    addresses: impl Iterator<Item = SocketAddr> + Clone,
    room: &str,
    place: &Place,
) -> Opening<Opened> {
    for http in addresses.cycle() {
        let opened = async {
            let talk = Talk::open(http).await?;
            match transport {
                Transport::Ws => frames_again(talk, http, room, place).await,
                Transport::Sse | Transport::Tcp => events(talk, http, room, place.last).await,
            }
        };
        if let Ok(Ok(opened)) = timeout(TRY, opened).await {
            return Ok(opened);
        }
        sleep(BETWEEN).await;
    }
    Err(OpenError::Refused("there is nowhere to go on".to_owned()))
}

/// Connects to say nothing at all, or no more than half a request.
pub(super) async fn silent((tcp, http): (SocketAddr, SocketAddr), half: bool) -> Opening<Opened> {
    if !half {
        return bare(tcp).await;
    }
    let mut talk = Talk::open(http).await?;
    talk.say(b"GET /api/rooms HTTP/1.1\r\nHost: ").await?;
    talk.done()
}

/// Connects and says nothing.
pub(super) async fn bare(address: SocketAddr) -> Opening<Opened> {
    Talk::open(address).await?.done()
}

async fn lines(mut talk: Talk, room: &str) -> Opening<Opened> {
    talk.say(format!("/join {room}\n").as_bytes()).await?;
    let welcome = talk.hear(b"\n").await?;
    expect(&welcome, "[system] welcome")?;
    let joined = talk.hear(b"\n").await?;
    expect(&joined, &format!(" joined {room}"))?;
    talk.done()
}

async fn events(
    mut talk: Talk,
    address: SocketAddr,
    room: &str,
    after: Option<u64>,
) -> Opening<Opened> {
    let (query, from) = match after {
        Some(seq) => ("", format!("Last-Event-ID: {seq}\r\n")),
        None => ("?history=0", String::new()),
    };
    let request = format!(
        "GET /api/messages/{room}{query} HTTP/1.1\r\nHost: {address}\r\n\
         Accept: text/event-stream\r\n{from}\r\n"
    );
    talk.say(request.as_bytes()).await?;
    let head = talk.hear(b"\r\n\r\n").await?;
    expect(&head, "HTTP/1.1 200")?;
    expect(&head.to_ascii_lowercase(), "transfer-encoding: chunked")?;
    talk.at(Place {
        session: String::new(),
        last: after,
    })
}

/// Makes a WebSocket of it and says `connect`; returns the session.
async fn socket(talk: &mut Talk, address: SocketAddr, connect: &str) -> Opening<String> {
    let request = format!(
        "GET /api/ws HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    talk.say(request.as_bytes()).await?;
    expect(&talk.hear(b"\r\n\r\n").await?, "HTTP/1.1 101")?;
    talk.say(&frame(connect)).await?;
    // The texts of these answers are short, and nothing else comes before them.
    let connected = talk.hear(b"}").await?;
    expect(&connected, r#""type":"connected""#)?;
    let session = after(&connected, r#""session_id":""#).and_then(|rest| rest.split('"').next());
    Ok(session.unwrap_or_default().to_owned())
}

async fn frames(
    mut talk: Talk,
    address: SocketAddr,
    room: &str,
    nickname: &str,
) -> Opening<Opened> {
    let connect = format!(r#"{{"type":"connect","nickname":"{nickname}"}}"#);
    let session = socket(&mut talk, address, &connect).await?;
    let join = format!(r#"{{"type":"command","command":"/join {room}","ref":1}}"#);
    talk.say(&frame(&join)).await?;
    expect(&talk.hear(b"}").await?, r#""last_seq""#)?;
    // The answer's outer brace.
    talk.hear(b"}").await?;
    // The first message that comes tells the place: some older ones are shown first.
    talk.at(Place {
        session,
        last: None,
    })
}

async fn frames_again(
    mut talk: Talk,
    address: SocketAddr,
    room: &str,
    place: &Place,
) -> Opening<Opened> {
    let (session, last) = (&place.session, place.last.unwrap_or_default());
    let connect =
        format!(r#"{{"type":"connect","session_id":"{session}","rooms":{{"{room}":{last}}}}}"#);
    socket(&mut talk, address, &connect).await?;
    talk.at(place.clone())
}

/// What of `text` comes after the first `words`.
fn after<'t>(text: &'t str, words: &str) -> Option<&'t str> {
    text.split_once(words).map(|(_, rest)| rest)
}

/// Makes rooms, or finds that they are there. A session may make so many at once, by
/// `limits.requests_per_minute`.
pub(super) async fn make_rooms(address: SocketAddr, names: &[String]) -> Opening<()> {
    for names in names.chunks(20) {
        let mut talk = Talk::open(address).await?;
        expect(&talk.hear(b"\n").await?, "[system] welcome")?;
        for name in names {
            talk.say(format!("/create {name}\n").as_bytes()).await?;
            let made = format!(" joined {name}");
            loop {
                // The rooms made before have things to say too.
                let line = talk.hear(b"\n").await?;
                if line.ends_with(&made) || line.contains("already") {
                    break;
                }
                if !line.contains(" joined ") && line.starts_with("[system]") {
                    return Err(OpenError::Refused(line));
                }
            }
        }
    }
    Ok(())
}

/// The process id of an instance, if it tells.
pub(super) async fn pid(http: SocketAddr) -> Opening<Option<u32>> {
    let mut talk = Talk::open(http).await?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {http}\r\nConnection: close\r\n\r\n");
    talk.say(request.as_bytes()).await?;
    talk.hear(b"\r\n\r\n").await?;
    let body = talk.hear(b"}").await?;
    let body: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
    Ok(body["pid"].as_u64().and_then(|pid| pid.try_into().ok()))
}

fn expect(heard: &str, words: &str) -> Opening<()> {
    match heard.contains(words) {
        true => Ok(()),
        false => Err(OpenError::Refused(heard.to_owned())),
    }
}
