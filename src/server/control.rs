//! The control socket's inner side: which users may ask, what is done about it, and the answer.
use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::sync::watch::Receiver;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::handover::Giver;
use super::lifecycle::Lifecycle;
use super::reload::Requests;
use super::{ServeError, log};
use crate::chat::{Chat, Link, Order};
use crate::config::{Config, LogLevel};
use crate::model::{ConnectionId, Nickname, format_time};
use crate::process::Files;
use crate::process::control::{
    Answer, Connection, ConnectionList, Disconnected, Drained, LevelSet, MOST_ASKED, Refusal,
    Request, Settings,
};

/// Requests served at once; others wait in the socket's queue.
const AT_ONCE: usize = 8;
/// For a request to come whole, and for its answer to be taken.
const WITHIN: Duration = Duration::from_secs(10);
/// After an accept that failed, as without free descriptors.
const AFTER_FAILURE: Duration = Duration::from_millis(100);
/// The longest time for which a level holds; a longer time belongs in the configuration.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// How often to see whether the socket is still there.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Connections in one answer.
const MOST_LISTED: usize = 10_000;

/// Listens for the instance's owner.
pub(super) fn listen(config: &Config) -> Result<UnixListener, ServeError> {
    let files = Files::of(config);
    bind(&files).map_err(|source| ServeError::Control {
        path: files.socket,
        source,
    })
}

fn bind(files: &Files) -> io::Result<UnixListener> {
    let listener = files.listen()?;
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

/// What requests are about.
pub(super) struct Control {
    pub(super) chat: Arc<Chat>,
    pub(super) lifecycle: Lifecycle,
    pub(super) giver: Arc<Giver>,
    pub(super) settings: Receiver<Arc<Config>>,
    pub(super) reload: Requests,
    pub(super) files: Files,
}

impl Control {
    /// Answers until `stop`.
    pub(super) async fn run(self, mut listener: UnixListener, stop: CancellationToken) {
        let (control, places) = (Arc::new(self), Arc::new(Semaphore::new(AT_ONCE)));
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let accepting = async {
            loop {
                let Ok(place) = places.clone().acquire_owned().await else {
                    return;
                };
                let accepted = loop {
                    tokio::select! {
                        accepted = listener.accept() => break accepted,
                        _ = look.tick() => control.mend(&mut listener),
                    }
                };
                let stream = match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept on the control socket");
                        tokio::time::sleep(AFTER_FAILURE).await;
                        continue;
                    }
                };
                let (control, stop) = (control.clone(), stop.clone());
                tokio::spawn(async move {
                    let _place = place;
                    tokio::select! {
                        () = stop.cancelled() => {}
                        ended = control.serve(stream) => if let Err(error) = ended {
                            tracing::debug!(%error, "a control connection broke");
                        }
                    }
                });
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = accepting => {}
        }
    }

    /// Makes the socket again if it was taken away, as a cleaner of old files does. A successor
    /// makes its own.
    fn mend(&self, listener: &mut UnixListener) {
        if std::fs::symlink_metadata(&self.files.socket).is_ok()
            || self.lifecycle.draining.is_cancelled()
            || self.giver.is_giving_or_gave()
        {
            return;
        }
        let path = self.files.socket.display();
        match bind(&self.files) {
            Ok(again) => {
                tracing::warn!(%path, "the control socket was removed, and is there again");
                *listener = again;
            }
            Err(error) => tracing::debug!(%path, %error, "cannot make the control socket again"),
        }
    }

    /// Serves one connection: request, answer, request, answer.
    async fn serve(&self, stream: UnixStream) -> io::Result<()> {
        let asking = stream.peer_cred()?.uid();
        let mut stream = BufReader::new(stream);
        loop {
            let mut line = Vec::new();
            let mut bounded = (&mut stream).take(MOST_ASKED);
            let read = bounded.read_until(b'\n', &mut line);
            let late = |_| io::Error::from(io::ErrorKind::TimedOut);
            tokio::time::timeout(WITHIN, read).await.map_err(late)??;
            if line.last() != Some(&b'\n') {
                return if line.is_empty() {
                    Ok(())
                } else {
                    answer(stream.get_mut(), Err(garbled(&"it has no end"))).await
                };
            }
            let outcome = match serde_json::from_slice(&line) {
                _ if !may_ask(asking) => {
                    let detail = "only the user who runs this instance may control it";
                    Err(refusal("not_permitted", detail))
                }
                Ok(Request::HandOver(to)) => {
                    return Box::pin(self.giver.give(stream.into_inner(), &to)).await;
                }
                Ok(request) => self.act(request).await,
                Err(error) => Err(garbled(&error)),
            };
            answer(stream.get_mut(), outcome).await?;
        }
    }

    async fn act(&self, request: Request) -> Result<Value, Refusal> {
        match request {
            Request::LogLevel { level, for_ms } => {
                result(&self.log_level(level, for_ms.map(Duration::from_millis))?)
            }
            Request::Drain {} => result(&self.set_aside(true)?),
            Request::Undrain {} => result(&self.set_aside(false)?),
            Request::Settings {} => result(&self.settings()),
            Request::Reload {} => result(&self.reload.ask().await?),
            Request::Connections { most } => result(&self.connections(most)),
            Request::Disconnect {
                connection: Some(id),
                nickname: None,
            } => result(&self.disconnect(id)?),
            Request::Disconnect {
                connection: None,
                nickname: Some(name),
            } => result(&self.evict(&name).await?),
            Request::HandOver(_) | Request::Disconnect { .. } => {
                let detail = "a disconnect names a connection or a nickname";
                Err(refusal("bad_request", detail))
            }
        }
    }

    fn settings(&self) -> Settings {
        Settings {
            variables: self.settings.borrow().variables(),
        }
    }

    fn log_level(&self, level: LogLevel, hold: Option<Duration>) -> Result<LevelSet, Refusal> {
        if hold.is_some_and(|hold| hold > LONGEST || hold.is_zero()) {
            let detail = "a level holds for up to a day; for longer, set 'log.level'";
            return Err(refusal("bad_duration", detail));
        }
        let Some(set) = log::set(level, hold) else {
            let detail = "this process does not log by itself";
            return Err(refusal("no_log", detail));
        };
        let until = hold.map(|hold| format_time(self.chat.clock().utc() + hold));
        tracing::warn!(
            was = set.was.as_str(),
            level = level.as_str(),
            until,
            "the log level was set"
        );
        Ok(LevelSet {
            was: set.was,
            level,
            then: hold.map(|_| set.usual),
            until,
        })
    }

    /// Readiness only: clients stay, and new ones are let in all the same.
    fn set_aside(&self, aside: bool) -> Result<Drained, Refusal> {
        if self.lifecycle.draining.is_cancelled() {
            let detail = "this instance is stopping; that cannot be taken back";
            return Err(refusal("stopping", detail));
        }
        let was_draining = self.lifecycle.set_aside(aside);
        if was_draining != aside {
            tracing::info!(aside, "an operator drains this instance, or takes it back");
        }
        Ok(Drained {
            draining: aside,
            was_draining,
            connections: self.chat.connections().count(),
        })
    }

    fn connections(&self, most: usize) -> ConnectionList {
        let connections = self.chat.connections();
        let oldest = connections.oldest(most.min(MOST_LISTED));
        ConnectionList {
            total: connections.count(),
            connections: oldest.iter().map(|link| self.describe(link)).collect(),
        }
    }

    fn describe(&self, link: &Link) -> Connection {
        let (rooms, lag) = self.chat.standing(link);
        let nickname = link.session().map(|session| session.nickname());
        let encrypted = link.origin.peer().is_encrypted();
        let peer = link.origin.peer().address;
        Connection {
            id: link.id,
            transport: link.through.as_str().to_owned(),
            nickname: nickname.map(|nickname| nickname.as_str().to_owned()),
            rooms,
            since: format_time(link.since),
            peer: peer.map_or_else(String::new, |peer| peer.to_string()),
            encrypted,
            lag,
            bytes_waiting: link.bytes_waiting(),
        }
    }

    fn disconnect(&self, id: ConnectionId) -> Result<Disconnected, Refusal> {
        let Some(link) = self.chat.connections().get(id) else {
            let detail = format!("there is no connection {id} here");
            return Err(refusal("no_such_connection", &detail));
        };
        link.order(Order::Close);
        tracing::info!(connection = id.get(), "an operator ends a connection");
        Ok(Disconnected {
            connections: 1,
            sessions: 0,
        })
    }

    async fn evict(&self, name: &str) -> Result<Disconnected, Refusal> {
        let nickname =
            Nickname::parse_old(name).map_err(|error| refusal("bad_name", &error.to_string()))?;
        let (connections, sessions) = self.chat.evict(&nickname).await;
        if sessions == 0 {
            let detail = format!("nobody here is called '{nickname}'");
            return Err(refusal("no_such_session", &detail));
        }
        tracing::info!(connections, sessions, "an operator ends a session");
        Ok(Disconnected {
            connections,
            sessions,
        })
    }
}

/// The owner, and root.
fn may_ask(uid: u32) -> bool {
    uid == 0 || uid == rustix::process::geteuid().as_raw()
}

pub(super) fn refusal(code: &str, detail: &str) -> Refusal {
    Refusal {
        code: code.to_owned(),
        detail: detail.to_owned(),
    }
}

fn garbled(why: &dyn std::fmt::Display) -> Refusal {
    refusal("bad_request", &format!("this is no request: {why}"))
}

fn result(value: &impl Serialize) -> Result<Value, Refusal> {
    serde_json::to_value(value).map_err(|error| refusal("internal", &error.to_string()))
}

pub(super) async fn answer(
    stream: &mut UnixStream,
    outcome: Result<Value, Refusal>,
) -> io::Result<()> {
    let answer = outcome.map_or_else(Answer::Error, Answer::Ok);
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    let late = |_| io::Error::from(io::ErrorKind::TimedOut);
    tokio::time::timeout(WITHIN, stream.write_all(&line))
        .await
        .map_err(late)?
}
