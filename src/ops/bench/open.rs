//! Connecting: each transport's first words, up to where messages begin.
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::plan::Transport;
use super::wire::frame;

/// A connection on which messages may come, and what came of them already.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) stream: std::net::TcpStream,
    pub(super) rest: Vec<u8>,
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

/// A stream, and what was read from it and not yet used.
struct Talk {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Talk {
    async fn open(address: SocketAddr) -> Opening<Self> {
        let stream = TcpStream::connect(address).await?;
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
        Ok(Opened {
            stream: self.stream.into_std()?,
            rest: self.read,
        })
    }
}

/// Connects and begins to read `room`. `nickname` is for transports that ask for one.
pub(super) async fn open(
    transport: Transport,
    (tcp, http): (SocketAddr, SocketAddr),
    room: &str,
    nickname: &str,
) -> Opening<Opened> {
    match transport {
        Transport::Tcp => lines(tcp, room).await,
        Transport::Sse => events(http, room).await,
        Transport::Ws => frames(http, room, nickname).await,
    }
}

/// Connects and says nothing.
pub(super) async fn bare(address: SocketAddr) -> Opening<Opened> {
    Talk::open(address).await?.done()
}

async fn lines(address: SocketAddr, room: &str) -> Opening<Opened> {
    let mut talk = Talk::open(address).await?;
    talk.say(format!("/join {room}\n").as_bytes()).await?;
    let welcome = talk.hear(b"\n").await?;
    expect(&welcome, "[system] welcome")?;
    let joined = talk.hear(b"\n").await?;
    expect(&joined, &format!(" joined {room}"))?;
    talk.done()
}

async fn events(address: SocketAddr, room: &str) -> Opening<Opened> {
    let mut talk = Talk::open(address).await?;
    let request = format!(
        "GET /api/messages/{room}?history=0 HTTP/1.1\r\nHost: {address}\r\n\
         Accept: text/event-stream\r\n\r\n"
    );
    talk.say(request.as_bytes()).await?;
    let head = talk.hear(b"\r\n\r\n").await?;
    expect(&head, "HTTP/1.1 200")?;
    expect(&head.to_ascii_lowercase(), "transfer-encoding: chunked")?;
    talk.done()
}

async fn frames(address: SocketAddr, room: &str, nickname: &str) -> Opening<Opened> {
    let mut talk = Talk::open(address).await?;
    let request = format!(
        "GET /api/ws HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    talk.say(request.as_bytes()).await?;
    expect(&talk.hear(b"\r\n\r\n").await?, "HTTP/1.1 101")?;
    let connect = format!(r#"{{"type":"connect","nickname":"{nickname}"}}"#);
    talk.say(&frame(&connect)).await?;
    // The texts of these answers are short, and nothing else comes before them.
    expect(&talk.hear(b"}").await?, r#""type":"connected""#)?;
    let join = format!(r#"{{"type":"command","command":"/join {room}","ref":1}}"#);
    talk.say(&frame(&join)).await?;
    expect(&talk.hear(b"}").await?, r#""last_seq""#)?;
    // The answer's outer brace.
    talk.hear(b"}").await?;
    talk.done()
}

/// Makes rooms, or finds that they are there. A session may be in a hundred at most.
pub(super) async fn make_rooms(address: SocketAddr, names: &[String]) -> Opening<()> {
    for names in names.chunks(50) {
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
