//! Those who read: they note what they see and when, and cut off they go on elsewhere from where
//! they were.
use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::error::DrillError;
use super::instance::Address;
use super::journal::{Journal, Micros};
use super::number_of;
use crate::ops::http::HOST;

/// Before the next try.
const BETWEEN: Duration = Duration::from_millis(50);
const THROUGH_WITHIN: Duration = Duration::from_secs(30);
/// A server that lives says so every 15 s to a stream; a line is silent only between messages.
const SILENT: Duration = Duration::from_secs(60);
/// Of one who is to fall behind: the kernel buffers little for it.
const SMALL_BUFFER: u32 = 4 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Lines,
    Events,
}

/// How somebody reads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    pub(super) way: Way,
    /// It will be told to stop reading.
    pub(super) slow: bool,
}

/// What a reader saw.
#[derive(Debug, Clone, Default)]
pub(super) struct Notes {
    /// Messages, in the order they came in.
    pub(super) seen: Vec<(usize, Micros)>,
    pub(super) connections: usize,
    /// The place of the last one, where places are told.
    pub(super) last_seq: i64,
}

impl Notes {
    /// How many different messages it saw.
    pub(super) fn distinct(&self) -> usize {
        let numbers = self.seen.iter().map(|(number, _)| number);
        numbers.collect::<HashSet<_>>().len()
    }
}

pub(super) struct Reader {
    pub(super) name: String,
    notes: Arc<Mutex<Notes>>,
    paused: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Reader {
    /// Reads at the address of that number, from the room's beginning, and is through when this
    /// returns.
    pub(super) async fn start(
        name: String,
        manner: Manner,
        room: &str,
        addresses: &[Address],
        at: usize,
        journal: &Arc<Journal>,
    ) -> Result<Self, DrillError> {
        let notes = Arc::<Mutex<Notes>>::default();
        let (paused, pause) = watch::channel(false);
        let connection = Connection {
            manner,
            room: room.to_owned(),
            pause,
            notes: notes.clone(),
            journal: journal.clone(),
        };
        let mut addresses = addresses.to_vec();
        addresses.rotate_left(at);
        let reader = Self {
            task: tokio::spawn(connection.run(addresses)),
            name,
            notes,
            paused,
        };
        let deadline = Instant::now() + THROUGH_WITHIN;
        while reader.look(|notes| notes.connections) == 0 {
            if Instant::now() > deadline {
                let why = format!("{} can't read the room", reader.name);
                return Err(DrillError::Instance(why));
            }
            sleep(BETWEEN).await;
        }
        Ok(reader)
    }

    pub(super) fn look<T>(&self, at: impl FnOnce(&Notes) -> T) -> T {
        at(&self.notes.lock())
    }

    /// Reads nothing more until it is told to go on.
    pub(super) fn pause(&self, paused: bool) {
        self.paused.send_replace(paused);
    }
}

struct Connection {
    manner: Manner,
    room: String,
    pause: watch::Receiver<bool>,
    notes: Arc<Mutex<Notes>>,
    journal: Arc<Journal>,
}

impl Connection {
    async fn run(mut self, addresses: Vec<Address>) {
        for address in addresses.iter().cycle() {
            // However it ended, it goes on at the next.
            let _ = match self.manner.way {
                Way::Lines => self.lines(address.tcp).await,
                Way::Events => self.events(address.http).await,
            };
            sleep(BETWEEN).await;
        }
    }

    fn saw(&self, number: usize) {
        let now = self.journal.now();
        self.notes.lock().seen.push((number, now));
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        if self.manner.slow {
            socket.set_recv_buffer_size(SMALL_BUFFER)?;
        }
        socket.connect(address).await
    }

    /// Lines tell no places: who comes back is shown the last messages, and skips those it saw.
    async fn lines(&mut self, address: SocketAddr) -> io::Result<()> {
        let mut known = self.notes.lock().seen.last().map(|(number, _)| *number);
        let (read, mut write) = self.connect(address).await?.into_split();
        write
            .write_all(format!("/join {}\n", self.room).as_bytes())
            .await?;
        let mut lines = BufReader::new(read).lines();
        let room = self.room.clone();
        let (greeting, message) = ("[system] welcome, ", format!("[{room}] "));
        let mut through = String::new();
        loop {
            // The one who tells it outlives this task.
            let _ = self.pause.wait_for(|paused| !paused).await;
            let line = timeout(SILENT, lines.next_line()).await?;
            let Some(line) = line? else { return Ok(()) };
            if let Some(rest) = line.strip_prefix(greeting) {
                let me = rest.split(':').next().unwrap_or_default();
                through = format!("[system] {me} joined {room}");
            } else if line == through {
                self.notes.lock().connections += 1;
            } else if line.starts_with("[system] ") && line.contains("unavailable") {
                return Ok(());
            }
            let said = line
                .strip_prefix(&message)
                .and_then(|said| said.split_once(": "));
            let Some(number) = said.and_then(|(_, content)| number_of(content)) else {
                continue;
            };
            match known {
                Some(last) if last == number => known = None,
                Some(_) => {}
                None => self.saw(number),
            }
        }
    }

    async fn events(&mut self, address: SocketAddr) -> io::Result<()> {
        let mut stream = self.connect(address).await?;
        let after = self.notes.lock().last_seq;
        let room = &self.room;
        let head = format!(
            "GET /api/messages/{room}?after={after} HTTP/1.0\r\nHost: {HOST}\r\n\
             Accept: text/event-stream\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await?;
        let mut lines = BufReader::new(stream).lines();
        let mut event = String::new();
        loop {
            let _ = self.pause.wait_for(|paused| !paused).await;
            let line = timeout(SILENT, lines.next_line()).await?;
            let Some(line) = line? else { return Ok(()) };
            if line == ": connected" {
                self.notes.lock().connections += 1;
            } else if let Some(kind) = line.strip_prefix("event: ") {
                event = kind.to_owned();
            } else if let Some(data) = line.strip_prefix("data: ")
                && event == "message"
            {
                let data: Value = serde_json::from_str(data)?;
                if let Some(seq) = data["seq"].as_i64() {
                    self.notes.lock().last_seq = seq;
                }
                if let Some(number) = data["content"].as_str().and_then(number_of) {
                    self.saw(number);
                }
            }
        }
    }
}
