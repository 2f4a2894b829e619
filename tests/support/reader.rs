//! Those who read, over each transport: they note what they see, and when they are cut off they
//! go on elsewhere from where they were.
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_tungstenite::tungstenite::Message;

use super::eventually;
use super::instance::Address;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Tcp,
    Sse,
    Ws,
}

/// A message as it was seen. Over TCP there is no `seq`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) seq: Option<i64>,
    pub(crate) content: String,
}

#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) seen: Vec<Seen>,
    pub(crate) times: Vec<Instant>,
    /// What should not come: gaps and errors.
    pub(crate) faults: Vec<String>,
    /// How often it was through to the room.
    pub(crate) connections: usize,
}

pub(crate) struct Reader {
    pub(crate) name: String,
    notes: Arc<Mutex<Notes>>,
    task: JoinHandle<()>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Reader {
    /// Reads `room` from its beginning at the first of `addresses`, and is through when this
    /// returns. Cut off, it goes on at the next.
    pub(crate) async fn start(way: Way, room: &str, name: &str, addresses: Vec<Address>) -> Self {
        let notes = Arc::<Mutex<Notes>>::default();
        let line = Line {
            way,
            room: room.to_owned(),
            nickname: name.to_owned(),
            session: None,
            notes: notes.clone(),
        };
        let task = tokio::spawn(line.run(addresses));
        let reader = Self {
            name: format!("{name} ({way:?})"),
            notes,
            task,
        };
        let through = || async { reader.look(|notes| notes.connections) > 0 };
        eventually(&format!("{} is through", reader.name), through).await;
        reader
    }

    pub(crate) fn look<T>(&self, at: impl FnOnce(&Notes) -> T) -> T {
        at(&self.notes.lock().expect("not poisoned"))
    }

    pub(crate) fn was_never_cut_off(&self) -> bool {
        self.look(|notes| notes.connections == 1)
    }
}

struct Line {
    way: Way,
    room: String,
    nickname: String,
    session: Option<String>,
    notes: Arc<Mutex<Notes>>,
}

impl Line {
    async fn run(mut self, addresses: Vec<Address>) {
        for address in addresses.iter().cycle() {
            // However it ended, it goes on at the next.
            let _ = match self.way {
                Way::Tcp => self.lines(address).await,
                Way::Sse => self.events(address).await,
                Way::Ws => self.frames(address).await,
            };
            sleep(Duration::from_millis(20)).await;
        }
    }

    fn note<T>(&self, act: impl FnOnce(&mut Notes) -> T) -> T {
        act(&mut self.notes.lock().expect("not poisoned"))
    }

    fn saw(&self, seen: Seen) {
        self.note(|notes| {
            notes.seen.push(seen);
            notes.times.push(Instant::now());
        });
    }

    fn fault(&self, what: &dyn std::fmt::Display) {
        self.note(|notes| notes.faults.push(what.to_string()));
    }

    fn last_seq(&self) -> i64 {
        self.note(|notes| notes.seen.last().and_then(|seen| seen.seq).unwrap_or(0))
    }

    fn take(&self, data: &Value) {
        match (data["seq"].as_i64(), data["content"].as_str()) {
            (Some(seq), Some(content)) => self.saw(Seen {
                seq: Some(seq),
                content: content.to_owned(),
            }),
            _ => self.fault(data),
        }
    }

    /// Lines know no `seq`: who comes back is shown the last messages, and skips those it knows.
    async fn lines(&mut self, address: &Address) -> io::Result<()> {
        let mut known = self.note(|notes| notes.seen.last().map(|seen| seen.content.clone()));
        let stream = TcpStream::connect(address.tcp).await?;
        let (read, mut write) = stream.into_split();
        let join = format!("/join {}\n", self.room);
        write.write_all(join.as_bytes()).await?;
        let mut lines = BufReader::new(read).lines();
        let (system, message) = ("[system] ", format!("[{}] ", self.room));
        let greeting = lines.next_line().await?.unwrap_or_default();
        let Some(rest) = greeting.strip_prefix("[system] welcome, ") else {
            return Ok(());
        };
        let me = rest.split(':').next().unwrap_or_default();
        let through = format!("{me} joined {}", self.room);
        while let Some(line) = lines.next_line().await? {
            if let Some(told) = line.strip_prefix(system) {
                if told == through {
                    self.note(|notes| notes.connections += 1);
                } else if told.contains("unavailable") {
                    return Ok(());
                } else if told.contains("missing") || told.contains("gone") {
                    self.fault(&told);
                }
                continue;
            }
            let Some((_, content)) = line.strip_prefix(&message).and_then(|l| l.split_once(": "))
            else {
                self.fault(&line);
                continue;
            };
            match &known {
                Some(last) if last == content => known = None,
                Some(_) => {}
                None => self.saw(Seen {
                    seq: None,
                    content: content.to_owned(),
                }),
            }
        }
        Ok(())
    }

    async fn events(&mut self, address: &Address) -> io::Result<()> {
        let mut stream = TcpStream::connect(address.http).await?;
        let head = format!(
            "GET /api/messages/{}?after=0 HTTP/1.1\r\nhost: localhost\r\nlast-event-id: {}\r\n\r\n",
            self.room,
            self.last_seq()
        );
        stream.write_all(head.as_bytes()).await?;
        let mut lines = BufReader::new(stream).lines();
        let status = lines.next_line().await?.unwrap_or_default();
        if !status.contains(" 200 ") {
            return Ok(());
        }
        self.event_lines(&mut lines).await
    }

    async fn event_lines(&self, lines: &mut Lines<BufReader<TcpStream>>) -> io::Result<()> {
        let mut event = String::new();
        while let Some(line) = lines.next_line().await? {
            if line == ": connected" {
                self.note(|notes| notes.connections += 1);
            } else if let Some(kind) = line.strip_prefix("event: ") {
                event = kind.to_owned();
            } else if let Some(data) = line.strip_prefix("data: ") {
                match event.as_str() {
                    "message" => self.take(&serde_json::from_str(data)?),
                    // A planned stop is announced; what counts is where it goes on.
                    "system" | "restart" => {}
                    _ => self.fault(&line),
                }
            }
        }
        Ok(())
    }

    async fn frames(&mut self, address: &Address) -> io::Result<()> {
        let stream = TcpStream::connect(address.http).await?;
        let url = format!("ws://{}/api/ws", address.http);
        let upgraded = tokio_tungstenite::client_async(url, stream).await;
        let (mut socket, _) = upgraded.map_err(io::Error::other)?;
        let rooms = json!({ &self.room: self.last_seq() });
        let hello = match &self.session {
            Some(session) => json!({ "type": "connect", "session_id": session, "rooms": rooms }),
            None => json!({ "type": "connect", "nickname": self.nickname, "rooms": rooms }),
        };
        let hello = Message::text(hello.to_string());
        socket.send(hello).await.map_err(io::Error::other)?;
        while let Some(Ok(frame)) = socket.next().await {
            let Message::Text(text) = frame else { continue };
            let frame: Value = serde_json::from_str(&text)?;
            match frame["type"].as_str() {
                Some("message") => self.take(&frame),
                Some("connected") => {
                    self.session = frame["session_id"].as_str().map(str::to_owned);
                    self.note(|notes| notes.connections += 1);
                }
                Some("system") => {}
                // An instance without its database can't let anybody into a room.
                Some("error") if frame["code"] == "database_unavailable" => return Ok(()),
                _ => self.fault(&frame),
            }
        }
        Ok(())
    }
}
