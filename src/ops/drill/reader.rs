//! Readers: they note what they see and when, and cut off they go on elsewhere from where
//! they were.
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::error::DrillError;
use super::journal::{Journal, Micros};
use super::number_of;
use crate::client::{Buffer, ClientError, Event, Events, Lines};
use crate::model::Seq;
use crate::ops::probe::instance::Site;

/// Before the next try.
const BETWEEN: Duration = Duration::from_millis(50);
const THROUGH_WITHIN: Duration = Duration::from_secs(30);
/// A server that lives says so every 15 s to a stream; a line is silent only between messages.
const SILENT: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Lines,
    Events,
}

/// What a reader saw.
#[derive(Debug, Clone, Default)]
pub(super) struct Notes {
    /// Messages, in the order they came in.
    pub(super) seen: Vec<(usize, Micros)>,
    pub(super) connections: usize,
    /// How many messages it had seen when it was told that the past changed, each time.
    pub(super) resets: Vec<usize>,
    /// The place of the last one, where places are told.
    pub(super) last_seq: Seq,
}

impl Notes {
    fn reset(&mut self, last_seq: Option<Seq>) {
        self.resets.push(self.seen.len());
        self.last_seq = last_seq.unwrap_or(self.last_seq);
    }

    /// Whether it saw all of these.
    pub(super) fn has_all(&self, numbers: &[usize]) -> bool {
        let seen: HashSet<usize> = self.seen.iter().map(|(number, _)| *number).collect();
        numbers.iter().all(|number| seen.contains(number))
    }

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
    /// Reads at the first of these sites, from the room's beginning, and is through when this
    /// returns. The buffer is small for one that will be told to stop reading.
    pub(super) async fn start(
        name: String,
        way: Way,
        buffer: Buffer,
        room: &str,
        sites: Vec<Site>,
        journal: &Arc<Journal>,
    ) -> Result<Self, DrillError> {
        let notes = Arc::<Mutex<Notes>>::default();
        let (paused, pause) = watch::channel(false);
        let connection = Connection {
            way,
            buffer,
            room: room.to_owned(),
            pause,
            notes: notes.clone(),
            journal: journal.clone(),
        };
        let reader = Self {
            task: tokio::spawn(connection.run(sites)),
            name,
            notes,
            paused,
        };
        let deadline = Instant::now() + THROUGH_WITHIN;
        while reader.look(|notes| notes.connections) == 0 {
            if Instant::now() > deadline {
                let why = format!("{} cannot read the room", reader.name);
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
    way: Way,
    buffer: Buffer,
    room: String,
    pause: watch::Receiver<bool>,
    notes: Arc<Mutex<Notes>>,
    journal: Arc<Journal>,
}

impl Connection {
    async fn run(mut self, sites: Vec<Site>) {
        for site in sites.iter().cycle() {
            // However it ended, it goes on at the next.
            let _ = match self.way {
                Way::Lines => self.lines(site).await,
                Way::Events => self.events(site).await,
            };
            sleep(BETWEEN).await;
        }
    }

    fn saw(&self, number: usize) {
        let now = self.journal.now();
        self.notes.lock().seen.push((number, now));
    }

    /// Lines tell no places: a reader that comes back is shown the last messages, and skips those
    /// it saw.
    async fn lines(&mut self, site: &Site) -> Result<(), ClientError> {
        let mut known = self.notes.lock().seen.last().map(|(number, _)| *number);
        let room = self.room.clone();
        let stream = site.tcp.reach(self.buffer).await?;
        let mut lines = Lines::over(stream, SILENT);
        lines.say(&format!("/join {room}")).await?;
        let (greeting, message) = ("[system] welcome, ", format!("[{room}] "));
        let changed = format!("[system] the past of {room} has changed");
        let mut through = String::new();
        loop {
            // The sender of this outlives the task.
            let _ = self.pause.wait_for(|paused| !paused).await;
            let Some(line) = lines.next().await? else {
                return Ok(());
            };
            if let Some(rest) = line.strip_prefix(greeting) {
                let me = rest.split(':').next().unwrap_or_default();
                through = format!("[system] {me} joined {room}");
            } else if line == through {
                self.notes.lock().connections += 1;
            } else if line.starts_with(&changed) {
                self.notes.lock().reset(None);
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

    async fn events(&mut self, site: &Site) -> Result<(), ClientError> {
        let after = self.notes.lock().last_seq;
        let path = format!("/api/messages/{}?after={after}", self.room);
        let mut events = Events::open(site.http, &path, None, self.buffer, SILENT).await?;
        loop {
            let _ = self.pause.wait_for(|paused| !paused).await;
            match events.next().await? {
                None => return Ok(()),
                Some(Event::Comment(text)) if text == "connected" => {
                    self.notes.lock().connections += 1;
                }
                Some(Event::Named { name, id, data }) if name == "message" => {
                    if let Some(seq) = id {
                        self.notes.lock().last_seq = seq;
                    }
                    let data: Value = serde_json::from_str(&data).unwrap_or_default();
                    if let Some(number) = data["content"].as_str().and_then(number_of) {
                        self.saw(number);
                    }
                }
                Some(Event::Named { name, data, .. }) if name == "reset" => {
                    let data: Value = serde_json::from_str(&data).unwrap_or_default();
                    self.notes
                        .lock()
                        .reset(data["last_seq"].as_i64().map(Seq::new));
                }
                Some(_) => {}
            }
        }
    }
}
