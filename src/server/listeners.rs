//! The two ports: bound before anything else is opened, served until the stop.
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use super::lifecycle::{LINGER, Lifecycle};
use super::watch::Watch;
use super::{ServeError, http_limits, tcp_limits};
use crate::chat::Chat;
use crate::config::Config;
use crate::meter::Meters;
use crate::process;
use crate::transport::{http, tcp};

/// Connections the kernel may hold before we take them: a crowd must not be refused.
const BACKLOG: u32 = 4_096;
/// After an accept that failed, as without free descriptors.
const AFTER_FAILURE: Duration = Duration::from_millis(100);
/// A peer that is silent for so long is asked by the kernel whether it is there.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// Refusals that are told politely at once; beyond, connections are just closed.
const POLITE: usize = 64;

pub(super) struct Listeners {
    pub(super) tcp: SocketAddr,
    pub(super) http: SocketAddr,
    lines: TcpListener,
    pages: TcpListener,
}

impl Listeners {
    pub(super) async fn bind(config: &Config) -> Result<Self, ServeError> {
        let lines = bind(SocketAddr::new(config.bind, config.tcp_port))?;
        let pages = bind(SocketAddr::new(config.bind, config.http_port))?;
        let local = |listener: &TcpListener, port| {
            listener
                .local_addr()
                .unwrap_or(SocketAddr::new(config.bind, port))
        };
        Ok(Self {
            tcp: local(&lines, config.tcp_port),
            http: local(&pages, config.http_port),
            lines,
            pages,
        })
    }

    /// Accepts on both ports until they are to close.
    pub(super) fn serve(
        self,
        config: &Config,
        chat: Arc<Chat>,
        lifecycle: Lifecycle,
        watch: Arc<Watch>,
    ) -> JoinHandle<()> {
        let door = Arc::new(Door {
            places: Arc::new(Semaphore::new(config.limits.connections)),
            polite: Arc::new(Semaphore::new(POLITE)),
            meters: chat.meters().clone(),
            lifecycle: lifecycle.clone(),
        });
        let lines = {
            let (door, chat) = (door.clone(), chat.clone());
            let limits = Arc::new(tcp_limits(config));
            let drain = lifecycle.drain.clone();
            accept(self.lines, door, FULL_LINE, move |stream| {
                tcp::serve(chat.clone(), stream, limits.clone(), drain.clone())
            })
        };
        let limits = http_limits(config);
        let drain = lifecycle.drain.clone();
        let routes = http::routes(
            chat,
            drain.clone(),
            &limits,
            &config.cors.origins,
            watch.routes(),
        );
        let pages = accept(self.pages, door, full_page(), move |stream| {
            http::serve(stream, routes.clone(), limits.clone(), drain.clone())
        });
        tokio::spawn(async move {
            tokio::select! {
                () = lifecycle.closed.cancelled() => {}
                ((), ()) = async { tokio::join!(lines, pages) } => {}
            }
        })
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

/// Who gets in.
struct Door {
    places: Arc<Semaphore>,
    polite: Arc<Semaphore>,
    meters: Arc<Meters>,
    lifecycle: Lifecycle,
}

async fn accept<F, Fut>(listener: TcpListener, door: Arc<Door>, full: &'static str, serve: F)
where
    F: Fn(TcpStream) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let serve = Arc::new(serve);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "can't accept a connection");
                tokio::time::sleep(AFTER_FAILURE).await;
                continue;
            }
        };
        let Ok(place) = door.places.clone().try_acquire_owned() else {
            door.meters.connections_refused.add(1);
            if let Ok(polite) = door.polite.clone().try_acquire_owned() {
                tokio::spawn(refuse(stream, full, polite));
            }
            continue;
        };
        if let Err(error) = prepare(&stream) {
            tracing::debug!(%error, "a connection was gone at once");
            continue;
        }
        let (cut, serve) = (door.lifecycle.cut.clone(), serve.clone());
        door.lifecycle.drain.tasks.spawn(async move {
            let _place = place;
            // Made here and not outside: a future that is moved into another occupies it twice.
            tokio::select! {
                () = serve(stream) => {}
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
async fn refuse(mut stream: TcpStream, word: &'static str, _polite: OwnedSemaphorePermit) {
    let telling = async {
        stream.write_all(word.as_bytes()).await?;
        stream.shutdown().await?;
        let mut rest = [0u8; 1024];
        while stream.read(&mut rest).await? > 0 {}
        std::io::Result::Ok(())
    };
    let _ = tokio::time::timeout(LINGER, telling).await;
}
