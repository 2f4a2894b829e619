//! A client's connection, in the clear or by TLS: read and written as far as that goes at once.
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustls::server::ServerConnection;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What is encrypted at most beyond what the socket takes. A peer that takes nothing keeps this.
const MOST_SEALED: usize = 32 << 10;

/// A connection to a client.
#[derive(Debug)]
pub struct Stream(Kind);

#[derive(Debug)]
enum Kind {
    Clear(TcpStream),
    // Boxed: it is large, and most connections may be without.
    Tls(Box<Tls>),
}

#[derive(Debug)]
struct Tls {
    socket: TcpStream,
    session: ServerConnection,
    /// The last read was as long as it could be: there may be more that the socket knows nothing of.
    more: bool,
}

impl From<TcpStream> for Stream {
    fn from(socket: TcpStream) -> Self {
        Self(Kind::Clear(socket))
    }
}

impl Stream {
    /// A connection over which hands were shaken.
    pub fn encrypted(socket: TcpStream, mut session: ServerConnection) -> Self {
        session.set_buffer_limit(Some(MOST_SEALED));
        // The first words may have come with the last of the handshake.
        let more = true;
        Self(Kind::Tls(Box::new(Tls {
            socket,
            session,
            more,
        })))
    }

    fn socket(&self) -> &TcpStream {
        match &self.0 {
            Kind::Clear(socket) => socket,
            Kind::Tls(tls) => &tls.socket,
        }
    }

    /// The socket, where what is read from it is what was said.
    pub(super) fn clear(&self) -> Option<&TcpStream> {
        match &self.0 {
            Kind::Clear(socket) => Some(socket),
            Kind::Tls(_) => None,
        }
    }

    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket().peer_addr()
    }

    /// Reads what has come; 0 at the end.
    pub(super) fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Kind::Clear(socket) => socket.try_read(buffer),
            Kind::Tls(tls) => tls.try_read(buffer),
        }
    }

    /// Writes as much as is taken at once.
    pub(super) fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Kind::Clear(socket) => socket.try_write(bytes),
            Kind::Tls(tls) => tls.try_write(&[IoSlice::new(bytes)]),
        }
    }

    pub(super) fn try_write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match &mut self.0 {
            Kind::Clear(socket) => socket.try_write_vectored(parts),
            Kind::Tls(tls) => tls.try_write(parts),
        }
    }

    /// Gives the socket what was taken before and is still here; how much it took.
    pub(super) fn push(&mut self) -> io::Result<usize> {
        match &mut self.0 {
            Kind::Clear(_) => Ok(0),
            Kind::Tls(tls) => tls.push(),
        }
    }

    /// Whether the socket has everything that was taken.
    pub(super) fn is_flushed(&self) -> bool {
        match &self.0 {
            Kind::Clear(_) => true,
            Kind::Tls(tls) => !tls.session.wants_write(),
        }
    }

    /// Whether more is taken now.
    pub(super) fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket().poll_write_ready(cx)
    }

    /// Whether there is something to read.
    pub(super) fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.0 {
            Kind::Tls(tls) if tls.more => Poll::Ready(Ok(())),
            _ => self.socket().poll_read_ready(cx),
        }
    }
}

/// The socket as rustls wants it.
struct Wire<'a>(&'a TcpStream);

impl Read for Wire<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(parts)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Tls {
    fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.more = false;
        loop {
            match self.session.reader().read(buffer) {
                Ok(count) => {
                    self.more = count == buffer.len();
                    return Ok(count);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // It hung up without a word, as many clients do; what is cut short by that shows
                // in the protocol inside.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                Err(error) => return Err(error),
            }
            self.session.read_tls(&mut Wire(&self.socket))?;
            let taken_in = self.session.process_new_packets();
            // Answers of the protocol itself, or why it ends.
            self.push()?;
            taken_in.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        }
    }

    /// Takes nothing as long as the socket has not taken what was before.
    fn try_write(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.push()?;
        if self.session.wants_write() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let mut taken = self.session.writer().write_vectored(parts)?;
        self.push()?;
        let all: usize = parts.iter().map(|part| part.len()).sum();
        while taken < all && !self.session.wants_write() {
            let mut rest = parts.to_vec();
            let mut rest = rest.as_mut_slice();
            IoSlice::advance_slices(&mut rest, taken);
            taken += self.session.writer().write_vectored(rest)?;
            self.push()?;
        }
        Ok(taken)
    }

    fn push(&mut self) -> io::Result<usize> {
        let mut count = 0;
        while self.session.wants_write() {
            match self.session.write_tls(&mut Wire(&self.socket)) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => count += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(count)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let tls = match &mut self.0 {
            Kind::Clear(socket) => return Pin::new(socket).poll_read(cx, buffer),
            Kind::Tls(tls) => tls,
        };
        loop {
            match tls.try_read(buffer.initialize_unfilled()) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    ready!(tls.socket.poll_read_ready(cx))?;
                }
                Ok(count) => {
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Kind::Clear(socket) => Pin::new(socket).poll_write(cx, bytes),
            Kind::Tls(tls) => tls.poll_write(cx, &[IoSlice::new(bytes)]),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Kind::Clear(socket) => Pin::new(socket).poll_write_vectored(cx, parts),
            Kind::Tls(tls) => tls.poll_write(cx, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Kind::Clear(socket) => Pin::new(socket).poll_flush(cx),
            Kind::Tls(tls) => tls.poll_flush(cx),
        }
    }

    /// Says that nothing more comes, also inside of TLS.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Kind::Clear(socket) => Pin::new(socket).poll_shutdown(cx),
            Kind::Tls(tls) => {
                // Said once, however often it is asked.
                tls.session.send_close_notify();
                ready!(tls.poll_flush(cx))?;
                Pin::new(&mut tls.socket).poll_shutdown(cx)
            }
        }
    }
}

impl Tls {
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            match self.try_write(parts) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    ready!(self.socket.poll_write_ready(cx))?;
                }
                written => return Poll::Ready(written),
            }
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            self.push()?;
            if !self.session.wants_write() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.socket.poll_write_ready(cx))?;
        }
    }
}
