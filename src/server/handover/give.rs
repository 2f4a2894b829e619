//! The predecessor's side: what it has, given away, and taken back where that comes to nothing.
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::json;
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::channel::{Channel, MOST_FDS};
use super::{FORMAT, Word, database};
use crate::chat::{Chat, HoldStill, Order, Presence, Still, Verdict};
use crate::config::Config;
use crate::process::control::{Refusal, Successor};
use crate::server::control::{answer, refusal};
use crate::server::listeners::{Doors, Sockets};
use crate::store::InstanceId;

/// For the successor to open what it needs; everything is served on meanwhile.
const PREPARED_WITHIN: Duration = Duration::from_secs(120);
/// How long all sessions may hold still.
const STILL_WITHIN: Duration = Duration::from_secs(10);
/// For the successor to enter the sessions as its own.
const SERVING_WITHIN: Duration = Duration::from_secs(20);
/// One word to a process that may not listen.
const WORD_WITHIN: Duration = Duration::from_secs(1);
/// Bytes of states in one word, roughly.
const WORD: usize = 1 << 20;

/// A successor serves in our place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) struct Replaced {
    /// It has entered the sessions as its own, so that our row can go.
    pub(in crate::server) inherited: bool,
}

pub(in crate::server) struct Giver {
    pub(in crate::server) chat: Arc<Chat>,
    pub(in crate::server) presence: Arc<Presence>,
    pub(in crate::server) doors: Doors,
    pub(in crate::server) sockets: Weak<Sockets>,
    /// What makes us the instance; without it there is nothing to give.
    pub(in crate::server) lock: Arc<Mutex<Option<OwnedFd>>>,
    pub(in crate::server) replaced: watch::Sender<Option<Replaced>>,
    database: String,
    turn: tokio::sync::Mutex<()>,
}

/// Everything of a server that a hand-over is about.
pub(in crate::server) struct Estate {
    pub(in crate::server) chat: Arc<Chat>,
    pub(in crate::server) presence: Arc<Presence>,
    pub(in crate::server) doors: Doors,
    pub(in crate::server) sockets: Weak<Sockets>,
}

impl Giver {
    pub(in crate::server) fn new(estate: Estate, config: &Config) -> Self {
        let Estate {
            chat,
            presence,
            doors,
            sockets,
        } = estate;
        Self {
            chat,
            presence,
            doors,
            sockets,
            lock: Arc::default(),
            replaced: watch::Sender::new(None),
            database: database(config),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// Answers a successor that wants to take over, and gives if it fits.
    pub(in crate::server) async fn give(
        &self,
        mut stream: UnixStream,
        to: &Successor,
    ) -> io::Result<()> {
        let Ok(_one) = self.turn.try_lock() else {
            let busy = refusal("busy", "a hand-over is under way already");
            return answer(&mut stream, Err(busy)).await;
        };
        let lock = match self.fits(to) {
            Ok(lock) => lock,
            Err(refusal) => {
                tracing::info!(why = refusal.detail, "no hand-over");
                return answer(&mut stream, Err(refusal)).await;
            }
        };
        answer(&mut stream, Ok(json!({}))).await?;
        match self.hand_over(&mut Channel::new(stream), &lock).await {
            Ok(replaced) => {
                tracing::info!(pid = to.pid, "a successor serves in our place");
                self.replaced.send_replace(Some(replaced));
            }
            Err(error) => tracing::warn!(%error, "the hand-over came to nothing; serving on"),
        }
        Ok(())
    }

    /// Whether a successor has our place, or may have it soon.
    pub(in crate::server) fn is_giving_or_gave(&self) -> bool {
        self.turn.try_lock().is_err() || self.replaced.borrow().is_some()
    }

    fn fits(&self, to: &Successor) -> Result<OwnedFd, Refusal> {
        let Successor {
            format, version, ..
        } = to;
        if *format != FORMAT {
            let detail = format!(
                "program {version} hands over in format {format}, and {} in format {FORMAT}",
                env!("CARGO_PKG_VERSION")
            );
            return Err(refusal("format", &detail));
        }
        if to.database != self.database {
            let detail = "'db_url' is another now; sessions cannot move between databases";
            return Err(refusal("database", detail));
        }
        if self.replaced.borrow().is_some() || self.sockets.upgrade().is_none() {
            return Err(refusal("stopping", "this process is about to end"));
        }
        let lock = self.lock.lock();
        let lock = lock.as_ref().and_then(|lock| lock.try_clone().ok());
        lock.ok_or_else(|| refusal("no_lock", "this process has no lock to hand over"))
    }

    async fn hand_over(&self, channel: &mut Channel, lock: &OwnedFd) -> io::Result<Replaced> {
        self.offer(channel, lock).await?;
        match within(PREPARED_WITHIN, channel.hear()).await? {
            Some((Word::Prepared {}, _)) => {}
            other => return Err(unexpected(other)),
        }
        // From here on new clients wait in the sockets' queues, and the old ones soon too.
        let closed = self.doors.close().await.ok_or_else(stopping)?;
        let (verdict, decided) = watch::channel(Verdict::Undecided);
        let begun = tokio::time::Instant::now();
        let passed = within(STILL_WITHIN, self.pass(channel, decided)).await;
        let given = match passed {
            Ok(successor) => {
                // What is still entered here must not be ours when we end.
                self.presence.enter_for(successor);
                within(WORD_WITHIN, channel.say(&Word::Go {}, &[])).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = given {
            self.presence.enter_for(self.presence.id());
            verdict.send_replace(Verdict::Kept);
            drop(closed);
            let why = error.to_string();
            let _ = within(WORD_WITHIN, channel.say(&Word::Keep { why }, &[])).await;
            return Err(error);
        }
        verdict.send_replace(Verdict::Given);
        closed.for_good();
        let still_ms = begun.elapsed().as_millis() as u64;
        tracing::info!(still_ms, "handed over");
        let serving = within(SERVING_WITHIN, channel.hear()).await;
        Ok(Replaced {
            inherited: matches!(serving, Ok(Some((Word::Serving {}, _)))),
        })
    }

    async fn offer(&self, channel: &mut Channel, lock: &OwnedFd) -> io::Result<()> {
        let sockets = self.sockets.upgrade().ok_or_else(stopping)?;
        let offer = Word::Offer {
            format: FORMAT,
            instance: self.presence.id(),
            rooms: self.chat.read_rooms(),
            lines: self.chat.connections().lines().len(),
            listeners: sockets.listeners(),
        };
        let given: Vec<_> = sockets.descriptors().chain([lock.as_fd()]).collect();
        within(WORD_WITHIN, channel.say(&offer, &given)).await
    }

    /// Has every line session hold still, and passes them as they do; returns the successor's
    /// row when that has them all.
    async fn pass(
        &self,
        channel: &mut Channel,
        verdict: watch::Receiver<Verdict>,
    ) -> io::Result<InstanceId> {
        let (still, mut held) = mpsc::channel(MOST_FDS);
        for link in self.chat.connections().lines() {
            link.order(Order::HoldStill(HoldStill {
                still: still.clone(),
                verdict: verdict.clone(),
            }));
        }
        // The rest of the senders are with the connections.
        drop(still);
        let (mut batch, mut count) = (Vec::new(), 0);
        while let Some(first) = held.recv().await {
            batch.push(first);
            let mut weight = 0;
            while weight < WORD
                && batch.len() < MOST_FDS
                && let Ok(next) = held.try_recv()
            {
                weight += next.state.unwritten.len() + next.state.typed.len();
                batch.push(next);
            }
            count += batch.len();
            say_lines(channel, std::mem::take(&mut batch)).await?;
        }
        let sessions = self.chat.others();
        channel.say(&Word::Others { sessions }, &[]).await?;
        channel.say(&Word::All { lines: count }, &[]).await?;
        match channel.hear().await? {
            Some((Word::Ready { instance }, _)) => Ok(instance),
            other => Err(unexpected(other)),
        }
    }
}

async fn say_lines(channel: &mut Channel, batch: Vec<Still>) -> io::Result<()> {
    let (lines, sockets): (Vec<_>, Vec<_>) = batch
        .into_iter()
        .map(|still| (still.state, still.socket))
        .unzip();
    let sockets: Vec<BorrowedFd<'_>> = sockets.iter().map(AsFd::as_fd).collect();
    channel.say(&Word::Lines { lines }, &sockets).await
}

async fn within<T>(time: Duration, what: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, "the successor took too long");
    timeout(time, what).await.map_err(late)?
}

fn stopping() -> io::Error {
    io::Error::other("this process is stopping")
}

fn unexpected(heard: Option<(Word, Vec<OwnedFd>)>) -> io::Error {
    match heard {
        None => io::Error::new(io::ErrorKind::UnexpectedEof, "the successor is gone"),
        Some((Word::Keep { why }, _)) => io::Error::other(why),
        Some(_) => io::Error::other("the successor said something else than was its turn"),
    }
}
