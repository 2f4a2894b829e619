//! What comes before a connection is served: what a proxy says of its client, and the handshake of TLS.
//! Both take as long as the other side likes, up to a bound, and so many at once as there are turns.
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::meter::Meters;
use crate::model::{Channel, Peer, client_network};
use crate::tls::{Acceptor, Speaks};
use crate::transport::Stream;
use crate::transport::proxy::{self, BadHeader, Header};

/// Connections that are not known yet; one address may have a quarter of them.
pub(super) const TURNS: usize = 1_024;
/// How long one may take; and how long while more than half of the turns are taken, so that silent
/// clients free their turns soon.
const WITHIN: Duration = Duration::from_secs(5);
const IN_HASTE: Duration = Duration::from_secs(1);

pub(super) struct Entrance {
    turns: Arc<Semaphore>,
    most: usize,
    of_each: Mutex<HashMap<IpAddr, usize>>,
    has_told: AtomicBool,
    meters: Arc<Meters>,
}

/// What a connection is asked before it is served.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) speaks: Speaks,
    /// It comes from a proxy that names the client.
    pub(super) header: bool,
    pub(super) tls: Option<Acceptor>,
}

impl Asked {
    pub(super) fn is_nothing(&self) -> bool {
        !self.header && self.tls.is_none()
    }
}

/// A place among those that are not known yet.
pub(super) struct Turn {
    within: Duration,
    meters: Arc<Meters>,
    _share: Option<Share>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.meters.unknown.add(-1);
    }
}

/// An address's part in them.
struct Share {
    entrance: Arc<Entrance>,
    network: IpAddr,
}

impl Drop for Share {
    fn drop(&mut self) {
        let network = self.network;
        let mut of_each = self.entrance.of_each.lock();
        if let Some(count) = of_each.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                of_each.remove(&network);
            }
        }
    }
}

impl Entrance {
    pub(super) fn new(turns: usize, meters: Arc<Meters>) -> Arc<Self> {
        Arc::new(Self {
            turns: Arc::new(Semaphore::new(turns)),
            most: turns,
            of_each: Mutex::default(),
            has_told: AtomicBool::new(false),
            meters,
        })
    }

    /// Waits for a turn for a connection from `counted`, where its address is counted; `None` where that
    /// has enough of them.
    pub(super) async fn turn(self: &Arc<Self>, counted: Option<IpAddr>) -> Option<Turn> {
        let share = match counted {
            Some(address) => Some(self.share(address)?),
            None => None,
        };
        let permit = self.turns.clone().acquire_owned().await.ok()?;
        self.meters.unknown.add(1);
        let scarce = self.turns.available_permits() < self.most / 2;
        Some(Turn {
            within: if scarce { IN_HASTE } else { WITHIN },
            meters: self.meters.clone(),
            _share: share,
            _permit: permit,
        })
    }

    fn share(self: &Arc<Self>, address: IpAddr) -> Option<Share> {
        let network = client_network(address.to_canonical());
        let mut of_each = self.of_each.lock();
        let count = of_each.entry(network).or_default();
        if *count >= self.most.div_ceil(4) {
            return None;
        }
        *count += 1;
        Some(Share {
            entrance: self.clone(),
            network,
        })
    }

    /// Makes a client's connection of a socket; `None` for one that is not to be served, which was told
    /// why where that is possible.
    pub(super) async fn introduce(
        &self,
        socket: TcpStream,
        address: SocketAddr,
        asked: &Asked,
        turn: Turn,
    ) -> Option<(Stream, Peer)> {
        let introducing = self.introduced(socket, address, asked);
        match tokio::time::timeout(turn.within, introducing).await {
            Ok(Ok(known)) => known,
            Ok(Err(error)) => {
                tracing::debug!(%error, "a connection was not introduced");
                None
            }
            Err(_) => {
                tracing::debug!("a connection was not introduced in time");
                None
            }
        }
    }

    async fn introduced(
        &self,
        mut socket: TcpStream,
        address: SocketAddr,
        asked: &Asked,
    ) -> io::Result<Option<(Stream, Peer)>> {
        let mut peer = Peer::in_clear(Some(address));
        if asked.header {
            match proxy::read(&mut socket).await {
                Ok(Header::Local) => {}
                Ok(Header::Client { address, channel }) => {
                    peer = Peer {
                        address: Some(address),
                        channel,
                    };
                }
                Err(BadHeader::Nothing) => return Ok(None),
                Err(error) => {
                    self.tell(&error, address);
                    if asked.tls.is_none() {
                        say(socket, no_header(asked.speaks)).await?;
                    }
                    return Ok(None);
                }
            }
        }
        let Some(acceptor) = &asked.tls else {
            return Ok(Some((socket.into(), peer)));
        };
        if !begins_tls(&socket).await? {
            say(socket, in_clear(asked.speaks)).await?;
            return Ok(None);
        }
        let (socket, session) = acceptor.accept(socket, asked.speaks).await?;
        peer.channel = Channel::Encrypted;
        Ok(Some((Stream::encrypted(socket, session), peer)))
    }

    /// A proxy that is not set up as it should be would be heard of without end.
    fn tell(&self, error: &BadHeader, address: SocketAddr) {
        if self.has_told.swap(true, Relaxed) {
            return tracing::debug!(%error, %address, "a connection from a listed proxy was refused");
        }
        tracing::warn!(
            %error,
            %address,
            "a connection from an address of 'proxy.protocol' was refused: have the proxy send the \
             header, or take the address off the list; this is told once"
        );
    }
}

/// Whether the first byte is that of a handshake. One that hangs up is none.
async fn begins_tls(socket: &TcpStream) -> io::Result<bool> {
    const HANDSHAKE: u8 = 0x16;
    let mut first = [0u8];
    match socket.peek(&mut first).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(first[0] == HANDSHAKE),
    }
}

/// What a client in the clear is told where TLS is spoken.
fn in_clear(speaks: Speaks) -> &'static str {
    match speaks {
        Speaks::Lines => "[system] this port takes lines of chat by TLS, not in the clear\n",
        Speaks::Http => {
            "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\n\r\n\
             this port speaks HTTPS: ask with https://\n"
        }
    }
}

/// What a proxy is told, or a client that shares its address.
fn no_header(speaks: Speaks) -> &'static str {
    match speaks {
        Speaks::Lines => {
            "[system] this address is listed in 'proxy.protocol', so that its connections begin with \
             a header of the PROXY protocol; this one did not\n"
        }
        Speaks::Http => {
            "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-type: text/plain\r\n\r\n\
             this address is listed in 'proxy.protocol', so that its connections begin with a header \
             of the PROXY protocol; this one did not\n"
        }
    }
}

/// Says `words`, and closes when the other side has had them.
async fn say(mut socket: TcpStream, words: &str) -> io::Result<()> {
    socket.write_all(words.as_bytes()).await?;
    socket.shutdown().await?;
    // To close over what was not read would take the words away again.
    let mut rest = [0u8; 1024];
    for _ in 0..64 {
        if socket.read(&mut rest).await? == 0 {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn one_address_does_not_have_all_turns_and_those_are_shorter_when_they_are_few() {
        let entrance = Entrance::new(8, Arc::default());
        let one = Some("192.0.2.1".parse().expect("an address"));
        let other = Some("192.0.2.2".parse().expect("an address"));
        let first = entrance.turn(one).await.expect("a turn");
        let second = entrance.turn(one).await.expect("a turn");
        assert!(entrance.turn(one).await.is_none(), "a quarter is taken");
        assert_eq!((first.within, second.within), (WITHIN, WITHIN));
        let mut others = Vec::new();
        for _ in 0..6 {
            others.push(entrance.turn(None).await.expect("a turn"));
        }
        assert_eq!(others[5].within, IN_HASTE);
        let waits = entrance.turn(other);
        let mut waits = std::pin::pin!(waits);
        assert!(waits.as_mut().now_or_never().is_none(), "all are taken");
        drop(first);
        assert!(waits.await.is_some());
        assert!(entrance.turn(one).now_or_never().flatten().is_some());
        drop((second, others));
        assert!(entrance.of_each.lock().is_empty());
    }
}
