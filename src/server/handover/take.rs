//! The successor's side: it prepares everything, and touches nothing before the last word.
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::channel::Channel;
use super::{FORMAT, Word, database};
use crate::chat::{Chat, Presence};
use crate::config::Config;
use crate::model::{Listener, RoomId};
use crate::process::Files;
use crate::process::control::{Answer, Request, Successor};
use crate::server::ServeError;
use crate::server::terms::tcp_limits;
use crate::store::InstanceId;
use crate::transport::tcp::{Resumed, TcpLimits};

/// For the predecessor's next word. It has bounds of its own, which are shorter.
const WITHIN: Duration = Duration::from_secs(30);
/// Between two tries to write to the database.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// What the predecessor offers.
pub(in crate::server) struct Inheritance {
    channel: Channel,
    listeners: Vec<(Listener, OwnedFd)>,
    lock: OwnedFd,
    /// Its row.
    pub(in crate::server) predecessor: InstanceId,
    rooms: Vec<(RoomId, String)>,
}

/// Asks the process that serves this instance now; `None` where there is none.
pub(in crate::server) async fn ask(config: &Config) -> Result<Option<Inheritance>, ServeError> {
    let stream = match Files::of(config).connect() {
        Ok(stream) => stream,
        Err(error) => {
            return match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Ok(None),
                _ => Err(refused(error)),
            };
        }
    };
    let asked = async {
        stream.set_nonblocking(true)?;
        let mut channel = Channel::new(UnixStream::from_std(stream)?);
        let request = Request::HandOver(Successor {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            database: database(config),
        });
        channel.ask(&request).await?;
        offered(channel, config).await
    };
    asked.await.map(Some).map_err(refused)
}

async fn offered(mut channel: Channel, config: &Config) -> io::Result<Inheritance> {
    let (word, mut given) = within(channel.hear()).await?.ok_or_else(gone)?;
    let Word::Offer {
        format: FORMAT,
        instance,
        rooms,
        listeners,
        ..
    } = word
    else {
        return Err(unexpected());
    };
    let listeners = if listeners.is_empty() {
        config.listeners()
    } else {
        listeners
    };
    match given.pop() {
        Some(lock) if given.len() == listeners.len() => Ok(Inheritance {
            channel,
            listeners: listeners.into_iter().zip(given).collect(),
            lock,
            predecessor: instance,
            rooms,
        }),
        _ => Err(unexpected()),
    }
}

impl Channel {
    /// The request by which all begins; why not, if it is refused.
    async fn ask(&mut self, request: &Request) -> io::Result<()> {
        within(self.say(request, &[])).await?;
        let answer: Option<(Answer<Value>, _)> = within(self.hear()).await?;
        match answer.ok_or_else(gone)?.0 {
            Answer::Ok(_) => Ok(()),
            Answer::Error(refusal) => Err(io::Error::other(refusal.detail)),
        }
    }
}

impl Inheritance {
    /// What the predecessor listens on.
    pub(in crate::server) fn sockets(&self) -> io::Result<Vec<(Listener, OwnedFd)>> {
        let listeners = self.listeners.iter();
        listeners
            .map(|(listener, socket)| Ok((listener.clone(), socket.try_clone()?)))
            .collect()
    }

    /// Takes everything in; the caller serves the sessions, after `go`.
    pub(in crate::server) async fn receive(
        &mut self,
        chat: &Arc<Chat>,
        config: &Config,
        listening: &[Listener],
    ) -> Result<Vec<Resumed>, ServeError> {
        let receiving = async {
            for room in std::mem::take(&mut self.rooms) {
                // One that cannot be read now is read when a session needs it.
                let _ = chat.warm(room).await;
            }
            self.channel.say(&Word::Prepared {}, &[]).await?;
            let limits = Arc::new(tcp_limits(config, listening));
            self.sessions(chat, limits).await
        };
        receiving.await.map_err(refused)
    }

    async fn sessions(
        &mut self,
        chat: &Arc<Chat>,
        limits: Arc<TcpLimits>,
    ) -> io::Result<Vec<Resumed>> {
        let mut resumed = Vec::new();
        loop {
            match within(self.channel.hear()).await?.ok_or_else(gone)? {
                (Word::Lines { lines }, sockets) if lines.len() == sockets.len() => {
                    for (state, socket) in lines.into_iter().zip(sockets) {
                        let one = Resumed::prepare(chat.clone(), state, socket, limits.clone());
                        resumed.push(one.await.map_err(io::Error::other)?);
                    }
                }
                (Word::Others { sessions }, _) => {
                    for state in sessions {
                        chat.expect(state).await.map_err(io::Error::other)?;
                    }
                }
                (Word::All { lines }, _) if lines == resumed.len() => return Ok(resumed),
                (Word::Keep { why }, _) => return Err(io::Error::other(why)),
                _ => return Err(unexpected()),
            }
        }
    }

    /// Says that everything is there, and hears which of the two goes on. A predecessor that ends without a
    /// word has died, and no other process has what we hold.
    pub(in crate::server) async fn ready(
        &mut self,
        instance: InstanceId,
    ) -> Result<(), ServeError> {
        let asking = async {
            within(self.channel.say(&Word::Ready { instance }, &[])).await?;
            match within(self.channel.hear()).await? {
                None | Some((Word::Go {}, _)) => Ok(()),
                Some((Word::Keep { why }, _)) => Err(io::Error::other(why)),
                Some(_) => Err(unexpected()),
            }
        };
        asking.await.map_err(refused)
    }

    /// Enters the sessions as ours, as soon as the database lets us, and then says that the
    /// predecessor may end. The lock is the caller's.
    pub(in crate::server) fn settle(self, presence: Arc<Presence>) -> OwnedFd {
        let mut channel = self.channel;
        tokio::spawn(async move {
            while let Err(error) = presence.inherit().await {
                tracing::warn!(%error, "cannot enter the sessions that were taken over yet");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
            let _ = within(channel.say(&Word::Serving {}, &[])).await;
        });
        self.lock
    }
}

/// Why sockets that were given are not those that the settings ask for.
pub(in crate::server) fn fits(config: &Config, found: &[Listener]) -> Result<(), ServeError> {
    let wanted = config.listeners();
    let differs = |(found, wanted): &(&Listener, &Listener)| {
        let (at, to) = (found.address, wanted.address);
        (&found.name, found.kind, at.ip()) != (&wanted.name, wanted.kind, to.ip())
            || (to.port() != 0 && at.port() != to.port())
    };
    if let Some((found, wanted)) = found.iter().zip(&wanted).find(differs) {
        let (found, wanted) = (found.address, wanted.address);
        let why = format!("it listens on {found}, and the settings say {wanted}");
        return Err(ServeError::NotHandedOver(why));
    }
    if found.len() != wanted.len() {
        let (found, wanted) = (found.len(), wanted.len());
        let why = format!("it has {found} listeners, and the settings say {wanted}");
        return Err(ServeError::NotHandedOver(why));
    }
    Ok(())
}

async fn within<T>(what: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, "the predecessor took too long");
    timeout(WITHIN, what).await.map_err(late)?
}

fn refused(error: io::Error) -> ServeError {
    ServeError::NotHandedOver(error.to_string())
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the predecessor is gone")
}

fn unexpected() -> io::Error {
    io::Error::other("the predecessor said something that this program does not know")
}
