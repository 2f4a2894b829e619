//! Where a server is, and whether it is spoken with by TLS.
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::{Buffer, connect};
use crate::tls::{Connector, Trust};

/// Version 2 of the PROXY protocol, from a proxy that asks for itself.
const LOCAL: &[u8; 16] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

/// A server as a client reaches it.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    pub address: SocketAddr,
    tls: Option<&'static Secure>,
    /// The server waits for a header of the PROXY protocol.
    header: bool,
}

/// The name under which a server is believed, and the means to.
#[derive(Debug)]
pub struct Secure {
    name: String,
    connector: Connector,
}

impl Secure {
    /// For as long as the process lives: there are few of these, and many connections by each.
    ///
    /// # Errors
    /// As [`Connector::new`].
    pub fn new(name: &str, trust: Trust<'_>) -> io::Result<&'static Self> {
        let name = name.to_owned();
        let connector = Connector::new(trust)?;
        Ok(Box::leak(Box::new(Self { name, connector })))
    }

    pub(super) fn connector(&self) -> &Connector {
        &self.connector
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl From<SocketAddr> for Target {
    fn from(address: SocketAddr) -> Self {
        Self {
            address,
            tls: None,
            header: false,
        }
    }
}

impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        (self.address, self.is_encrypted()) == (other.address, other.is_encrypted())
    }
}

impl Eq for Target {}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

impl Target {
    /// A server by TLS.
    pub fn by_tls(address: SocketAddr, secure: &'static Secure) -> Self {
        Self {
            tls: Some(secure),
            ..address.into()
        }
    }

    /// An instance on this machine, by TLS where that port is `encrypted`. It is known by its record and
    /// its lock, and so by its address: its certificate has the name by which others know it.
    pub fn own(address: SocketAddr, encrypted: bool) -> Self {
        static OWN: OnceLock<Option<&'static Secure>> = OnceLock::new();
        let own = || *OWN.get_or_init(|| Secure::new(super::HOST, Trust::Any).ok());
        Self {
            tls: encrypted.then(own).flatten(),
            ..address.into()
        }
    }

    /// The same server, which takes this machine for a proxy: it is told that we ask for ourselves.
    pub fn as_proxy(self) -> Self {
        let header = true;
        Self { header, ..self }
    }

    pub fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    /// As the begin of a URL: `https://127.0.0.1:3443`.
    pub fn url(&self) -> String {
        let scheme = if self.is_encrypted() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Connects, and shakes hands where it is by TLS. Has no deadline.
    ///
    /// # Errors
    /// What the system says, or why the server cannot be believed.
    pub async fn reach(self, buffer: Buffer) -> io::Result<Connection> {
        let mut socket = connect(self.address, buffer).await?;
        if self.header {
            socket.write_all(LOCAL).await?;
        }
        self.shake_hands(socket).await
    }

    /// The same over a socket that is connected.
    ///
    /// # Errors
    /// Why the server cannot be believed.
    pub async fn shake_hands(self, socket: TcpStream) -> io::Result<Connection> {
        Ok(match self.tls {
            None => Connection::Clear(socket),
            Some(secure) => {
                let stream = secure.connector().connect(secure.name(), socket).await?;
                Connection::Tls(Box::new(stream))
            }
        })
    }
}

/// A connection to a server.
#[derive(Debug)]
pub enum Connection {
    Clear(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl From<TcpStream> for Connection {
    fn from(socket: TcpStream) -> Self {
        Self::Clear(socket)
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(socket) => Pin::new(socket).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Clear(socket) => Pin::new(socket).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(socket) => Pin::new(socket).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Clear(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
