//! The places where an instance listens: bound before anything else is opened, served until the stop.
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use futures_util::future::join_all;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::ServeError;
use super::entrance::{Entrance, TURNS};
use super::lifecycle::{LINGER, Lifecycle};
use super::terms::Terms;
use crate::chat::{Chat, Entered, Origin};
use crate::config::Config;
use crate::meter::Meters;
use crate::model::{Listener, ListenerKind, Peer};
use crate::process;
use crate::tls::Speaks;
use crate::transport::Stream;
use crate::transport::tcp::Resumed;
use crate::transport::{http, tcp};

/// Connections the kernel may hold before we take them: a crowd must not be refused.
const BACKLOG: u32 = 4_096;
/// After an accept that failed, as without free descriptors.
const AFTER_FAILURE: Duration = Duration::from_millis(100);
/// A peer that is silent for so long is asked by the kernel whether it is there.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// Probes that are answered at once although all places are taken, and how long one may take: a
/// full server must not look like a dead one.
pub(super) const PROBES: usize = 32;
const PROBE_WITHIN: Duration = Duration::from_secs(5);
/// Refusals that are told politely at once; beyond, connections are just closed.
const POLITE: usize = 64;

pub(super) struct Listeners {
    pub(super) all: Vec<Listener>,
    sockets: Arc<Sockets>,
}

/// What is listened on: open as long as connections are accepted.
pub(super) struct Sockets(Vec<(Listener, TcpListener)>);

impl Sockets {
    pub(super) fn listeners(&self) -> Vec<Listener> {
        self.0
            .iter()
            .map(|(listener, _)| listener.clone())
            .collect()
    }

    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.0.iter().map(|(_, socket)| socket.as_fd())
    }
}

impl Listeners {
    pub(super) async fn bind(config: &Config) -> Result<Self, ServeError> {
        let bound = |mut listener: Listener| {
            let socket = bind(listener.address)?;
            listener.address = socket.local_addr().unwrap_or(listener.address);
            Ok((listener, socket))
        };
        let bound = config.listeners().into_iter().map(bound);
        Ok(Self::of(bound.collect::<Result<_, ServeError>>()?))
    }

    /// Those of a predecessor, on which clients may be waiting.
    pub(super) fn inherited(given: Vec<(Listener, OwnedFd)>) -> std::io::Result<Self> {
        let inherited = |(mut listener, socket): (Listener, OwnedFd)| {
            let socket = std::net::TcpListener::from(socket);
            socket.set_nonblocking(true)?;
            listener.address = socket.local_addr()?;
            Ok((listener, TcpListener::from_std(socket)?))
        };
        let inherited = given.into_iter().map(inherited);
        Ok(Self::of(inherited.collect::<std::io::Result<_>>()?))
    }

    fn of(sockets: Vec<(Listener, TcpListener)>) -> Self {
        let sockets = Arc::new(Sockets(sockets));
        Self {
            all: sockets.listeners(),
            sockets,
        }
    }

    /// Where the first of that kind listens, and port 0 where there is none.
    pub(super) fn first(&self, kind: ListenerKind) -> SocketAddr {
        let nowhere = SocketAddr::from(([0; 4], 0));
        Listener::first(&self.all, kind).unwrap_or(nowhere)
    }

    pub(super) fn sockets(&self) -> Weak<Sockets> {
        Arc::downgrade(&self.sockets)
    }

    /// Accepts on all of them until they are to close, and serves those who were `resumed`.
    pub(super) fn serve(
        self,
        terms: Arc<Terms>,
        chat: Arc<Chat>,
        lifecycle: Lifecycle,
        resumed: Vec<Resumed>,
    ) -> (JoinHandle<()>, Doors) {
        let door = Arc::new(Door {
            terms,
            polite: Arc::new(Semaphore::new(POLITE)),
            probes: Arc::new(Semaphore::new(PROBES)),
            entrance: Entrance::new(TURNS, chat.meters().clone()),
            meters: chat.meters().clone(),
            chat,
            lifecycle: lifecycle.clone(),
        });
        for line in resumed {
            let place = door.place(&line.origin());
            let drain = lifecycle.drain.clone();
            door.serve(place, move || line.serve(drain));
        }
        let (asks, mut asked) = mpsc::channel::<Close>(1);
        let accepting = tokio::spawn(async move {
            loop {
                let sockets = self.sockets.0.iter();
                let accepts = sockets.map(async |(listener, socket)| {
                    if let Some(speaks) = speaks(listener.kind) {
                        door.accept(socket, speaks, listener.kind.is_encrypted())
                            .await;
                    }
                });
                let close = tokio::select! {
                    () = lifecycle.closed.cancelled() => return,
                    Some(close) = asked.recv() => close,
                    _ = join_all(accepts) => return,
                };
                let _ = close.closed.send(());
                tokio::select! {
                    () = lifecycle.closed.cancelled() => return,
                    for_good = close.over => if for_good.is_ok() {
                        return;
                    },
                }
            }
        });
        (accepting, Doors(asks))
    }
}

fn speaks(kind: ListenerKind) -> Option<Speaks> {
    match kind {
        ListenerKind::Lines | ListenerKind::TlsLines => Some(Speaks::Lines),
        ListenerKind::Http | ListenerKind::Https => Some(Speaks::Http),
        ListenerKind::Other => None,
    }
}

/// By which the listeners can be left unattended for a while. Connections wait meanwhile.
#[derive(Debug, Clone)]
pub(super) struct Doors(mpsc::Sender<Close>);

#[derive(Debug)]
struct Close {
    closed: oneshot::Sender<()>,
    over: oneshot::Receiver<()>,
}

/// No connection is accepted while this is held.
#[derive(Debug)]
pub(super) struct Closed(oneshot::Sender<()>);

impl Doors {
    /// Returns when no connection is accepted any more; `None` if the server has closed by itself.
    pub(super) async fn close(&self) -> Option<Closed> {
        let ((closed, has_closed), (reopen, over)) = (oneshot::channel(), oneshot::channel());
        self.0.send(Close { closed, over }).await.ok()?;
        has_closed.await.ok()?;
        Some(Closed(reopen))
    }
}

impl Closed {
    /// Another process accepts from now on.
    pub(super) fn for_good(self) {
        let _ = self.0.send(());
    }
}

fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let listen = || {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|source| match source.kind() {
        std::io::ErrorKind::AddrInUse => {
            let port = address.port();
            ServeError::PortInUse {
                port,
                owner: process::owner(port),
            }
        }
        _ => ServeError::Listen { address, source },
    })
}

const FULL_LINE: &str = "[system] the server is full; try again later\n";

/// The same as a problem (RFC 9457), written by hand since no request is read any more.
fn full_page() -> &'static str {
    static PAGE: OnceLock<String> = OnceLock::new();
    PAGE.get_or_init(|| {
        let problem = serde_json::json!({
            "type": "urn:discordctl:problem:full",
            "title": "Service Unavailable",
            "status": 503,
            "code": "full",
            "detail": "the server is full; try again later",
        })
        .to_string();
        format!(
            "HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\nconnection: close\r\n\
             content-type: application/problem+json\r\ncontent-length: {}\r\n\r\n{problem}",
            problem.len()
        )
    })
}

/// Which connections are served.
struct Door {
    terms: Arc<Terms>,
    polite: Arc<Semaphore>,
    probes: Arc<Semaphore>,
    entrance: Arc<Entrance>,
    chat: Arc<Chat>,
    meters: Arc<Meters>,
    lifecycle: Lifecycle,
}

/// A connection's place, and its address's part in it.
struct Place {
    terms: Arc<Terms>,
    _entered: Entered,
    meters: Arc<Meters>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.terms.leave();
        self.meters.places.add(-1);
    }
}

impl Door {
    /// Accepts connections and serves them, those of proxies and by TLS once the client's address is known.
    async fn accept(self: &Arc<Self>, listener: &TcpListener, speaks: Speaks, encrypted: bool) {
        loop {
            let (socket, address) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(AFTER_FAILURE).await;
                    continue;
                }
            };
            if let Err(error) = prepare(&socket) {
                tracing::debug!(%error, "a connection was gone at once");
                continue;
            }
            let asked = self.terms.asked(speaks, encrypted, address.ip());
            if asked.is_nothing() {
                self.admit(socket.into(), Peer::in_clear(Some(address)), speaks);
                continue;
            }
            // A proxy that is listed has as many as it has clients.
            let origin = self.chat.origin(Peer::in_clear(Some(address)));
            let counted = (origin.is_counted() && !asked.header).then(|| address.ip());
            let Some(turn) = self.entrance.turn(counted).await else {
                self.meters.connections_refused.add(1);
                continue;
            };
            let door = self.clone();
            tokio::spawn(async move {
                let introducing = door.entrance.introduce(socket, address, &asked, turn);
                let known = tokio::select! {
                    known = introducing => known,
                    () = door.lifecycle.closed.cancelled() => None,
                };
                if let Some((stream, peer)) = known {
                    door.admit(stream, peer, speaks);
                }
            });
        }
    }

    /// Serves a client, if there is a place.
    fn admit(&self, stream: Stream, peer: Peer, speaks: Speaks) {
        let place = self.place(&self.chat.origin(peer));
        match (speaks, place) {
            (Speaks::Lines, Some(place)) => {
                let (chat, terms) = (self.chat.clone(), self.terms.clone());
                let drain = self.lifecycle.drain.clone();
                self.serve(Some(place), move || {
                    tcp::serve(chat, stream, peer, terms.lines(), drain)
                });
            }
            (Speaks::Http, Some(place)) => {
                let terms = self.terms.clone();
                self.serve(Some(place), move || {
                    http::serve(stream, peer, terms.site(), http::Offer::Everything)
                });
            }
            (Speaks::Lines, None) => self.refuse(stream, FULL_LINE),
            (Speaks::Http, None) => self.probe(stream, peer),
        }
    }

    /// A place for a connection, if there is one for its address.
    fn place(&self, origin: &Origin) -> Option<Place> {
        let entered = origin.enter(self.terms.of_one_address())?;
        if !self.terms.enter() {
            return None;
        }
        self.meters.places.add(1);
        Some(Place {
            terms: self.terms.clone(),
            _entered: entered,
            meters: self.meters.clone(),
        })
    }

    /// Says that there is no place, as long as not too many are being told.
    fn refuse(&self, stream: Stream, word: &'static str) {
        self.meters.connections_refused.add(1);
        if let Ok(polite) = self.polite.clone().try_acquire_owned() {
            tokio::spawn(refuse(stream, word, polite));
        }
    }

    /// Answers a probe without a place, and everything else with a word that there is none.
    fn probe(&self, stream: Stream, peer: Peer) {
        let Ok(turn) = self.probes.clone().try_acquire_owned() else {
            return self.refuse(stream, full_page());
        };
        let (terms, meters) = (self.terms.clone(), self.meters.clone());
        tokio::spawn(async move {
            meters.probes.add(1);
            let serving = http::serve(stream, peer, terms.site(), http::Offer::Probes);
            let _ = tokio::time::timeout(PROBE_WITHIN, serving).await;
            meters.probes.add(-1);
            drop(turn);
        });
    }

    /// Serves a connection until it ends, or is cut at the end of a stop. The future is made
    /// within the task: one that is moved into another occupies it twice.
    fn serve<Fut>(&self, place: Option<Place>, serving: impl FnOnce() -> Fut + Send + 'static)
    where
        Fut: Future<Output = ()> + Send + 'static,
    {
        let cut = self.lifecycle.cut.clone();
        self.lifecycle.drain.tasks.spawn(async move {
            let _place = place;
            tokio::select! {
                () = serving() => {}
                () = cut.cancelled() => {}
            }
        });
    }
}

/// Small messages must not wait for acknowledgements (Nagle), and a peer that vanished must
/// be noticed.
fn prepare(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE / 4);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

/// Says why, and closes when the peer has had time to read it.
async fn refuse(mut stream: Stream, word: &'static str, _polite: OwnedSemaphorePermit) {
    let telling = async {
        stream.write_all(word.as_bytes()).await?;
        stream.shutdown().await?;
        let mut rest = [0u8; 1024];
        while stream.read(&mut rest).await? > 0 {}
        std::io::Result::Ok(())
    };
    let _ = tokio::time::timeout(LINGER, telling).await;
}
