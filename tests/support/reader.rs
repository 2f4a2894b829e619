//! Readers over each transport: they note what they see, and when they are cut off they go on
//! elsewhere from where they were.
use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use discordctl::client::{Buffer, ClientError, Event, Events, Frame, Lines, Socket};
use discordctl::model::Seq;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::eventually;
use super::instance::{Address, beginning};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Tcp,
    Sse,
    Ws,
}

/// A reader that is told nothing for so long goes on elsewhere. Faults last less.
const SILENT: Duration = Duration::from_secs(120);

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
    /// How often nothing listened where it came.
    pub(crate) refused: usize,
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

    /// One over each of `ways`, at one address after another.
    pub(crate) async fn start_all(ways: &[Way], room: &str, at: &[Address]) -> Vec<Self> {
        let mut readers = Vec::new();
        for (i, way) in ways.iter().enumerate() {
            let name = format!("reader-{i}");
            readers.push(Self::start(*way, room, &name, beginning(at, i)).await);
        }
        readers
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
            let ended = match self.way {
                Way::Tcp => self.lines(address).await,
                Way::Sse => self.events(address).await,
                Way::Ws => self.frames(address).await,
            };
            if let Err(ClientError::Io(error)) = ended
                && error.kind() == ErrorKind::ConnectionRefused
            {
                self.note(|notes| notes.refused += 1);
            }
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

    /// Lines know no `seq`: one that comes back is shown the last messages, and skips those it knows.
    async fn lines(&mut self, address: &Address) -> Result<(), ClientError> {
        let mut known = self.note(|notes| notes.seen.last().map(|seen| seen.content.clone()));
        let mut lines = Lines::connect(address.tcp, SILENT).await?;
        lines.say(&format!("/join {}", self.room)).await?;
        let (system, message) = ("[system] ", format!("[{}] ", self.room));
        let greeting = lines.next().await?.unwrap_or_default();
        let Some(rest) = greeting.strip_prefix("[system] welcome, ") else {
            return Ok(());
        };
        let me = rest.split(':').next().unwrap_or_default();
        let through = format!("{me} joined {}", self.room);
        while let Some(line) = lines.next().await? {
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

    async fn events(&mut self, address: &Address) -> Result<(), ClientError> {
        let path = format!("/api/messages/{}?after=0", self.room);
        let after = Some(Seq::new(self.last_seq()));
        let mut events = Events::open(address.http, &path, after, Buffer::Usual, SILENT).await?;
        while let Some(event) = events.next().await? {
            match event {
                Event::Comment(text) if text == "connected" => {
                    self.note(|notes| notes.connections += 1);
                }
                Event::Comment(_) => {}
                Event::Named { name, data, .. } => match name.as_str() {
                    "message" => self.take(&serde_json::from_str(&data).unwrap_or_default()),
                    // A planned stop is announced; what counts is where it goes on.
                    "system" | "restart" => {}
                    _ => self.fault(&data),
                },
            }
        }
        Ok(())
    }

    async fn frames(&mut self, address: &Address) -> Result<(), ClientError> {
        let mut socket = Socket::open(address.http, SILENT).await?;
        let rooms = json!({ &self.room: self.last_seq() });
        let hello = match &self.session {
            Some(session) => json!({ "type": "connect", "session_id": session, "rooms": rooms }),
            None => json!({ "type": "connect", "nickname": self.nickname, "rooms": rooms }),
        };
        socket.send(&hello).await?;
        while let Frame::Json(frame) = socket.next().await? {
            match frame["type"].as_str() {
                Some("message") => self.take(&frame),
                Some("connected") => {
                    self.session = frame["session_id"].as_str().map(str::to_owned);
                    self.note(|notes| notes.connections += 1);
                }
                Some("system") => {}
                // An instance without its database cannot let a client into a room.
                Some("error") if frame["code"] == "database_unavailable" => return Ok(()),
                _ => self.fault(&frame),
            }
        }
        Ok(())
    }
}
